import type { ProjectCheckpoint } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import {
  arrayClass,
  bytesPerElement,
  type DataType,
  sizeOf,
  type Tensor,
} from "../graph/tensor.ts";
import { floats } from "../tracin/rows.ts";
import { type IndexBlock, type IndexManifest, shardsFolder } from "./manifest.ts";
import { type IndexLayout, type IndexPrograms, scoresOutput } from "./programs.ts";
import type { IndexQueries } from "./queries.ts";
import { type OpenShard, openShard, type ShardTensor } from "./shard.ts";

/** Bytes of stored numbers that are read and scored at a time. */
const sliceBytes = 2 * 2 ** 20;

/** What is stored of the examples of a block beside their gradients, at one checkpoint. */
export interface BlockReadings {
  /** [size, groups]: squared norms, not weighted. */
  readonly self: Float32Array;
  /** [size] */
  readonly losses: Float32Array;
  /** [size]; empty where labels have no margins. */
  readonly margins: Float32Array;
  /** [size, readings] */
  readonly predictions: Float32Array;
}

export interface ReaderOptions {
  readonly root: string;
  readonly manifest: IndexManifest;
  readonly layout: IndexLayout;
  readonly programs: IndexPrograms;
  /** The project's checkpoints, each of them in the index. */
  readonly checkpoints: readonly ProjectCheckpoint[];
  /** Bytes for stored numbers that stay in memory after the first pass, where all of them fit. */
  readonly memoryLimit?: number | undefined;
  /** Threads that multiply what is in memory; 1 unless told. What is read is multiplied by one, beside the one that reads. */
  readonly threads?: number | undefined;
}

export interface PassOptions {
  /** At each checkpoint of the project. */
  readonly queries: readonly IndexQueries[];
  readonly count: number;
  readonly aggregate: boolean;
  /** Called with the examples (times checkpoints) that have been passed since the last call. */
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A stretch of a shard in memory. */
interface Slice {
  readonly block: IndexBlock;
  readonly checkpoint: number;
  readonly row: number;
  readonly rows: number;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Of every row of the block, where numbers are stored as multiples. */
  readonly scales: Float32Array | undefined;
}

/** Reads an index: one pass over it scores every example. */
export class IndexReader {
  /** Place of each of the project's checkpoints in the index. */
  private readonly places: readonly number[];
  private readonly folder: string;
  /** What is kept of each example, as shards store it. */
  private readonly tensors: readonly ShardTensor[];
  private readonly sliceRows: number;
  /** All slices, once a pass has read them and where they fit into memory. */
  private held: readonly Slice[] | undefined;
  private readonly holds: boolean;

  constructor(private readonly options: ReaderOptions) {
    const { manifest, layout, checkpoints, root } = options;
    this.folder = shardsFolder(root);
    this.places = checkpoints.map(({ file }) =>
      manifest.checkpoints.findIndex((known) => known.file === file),
    );
    const { settings } = manifest;
    const numbers: DataType = settings.type === "sketch" ? settings.numbers : "float32";
    this.tensors = layout.tensors.map(({ name, dtype, shape }) => ({
      name,
      dtype: dtype === "float32" ? numbers : dtype,
      shape,
    }));
    const rowBytes = this.tensors.reduce(
      (total, { dtype, shape }) => total + bytesPerElement[dtype] * sizeOf(shape),
      0,
    );
    const bytes = manifest.examples * checkpoints.length * rowBytes;
    this.holds = bytes <= (options.memoryLimit ?? 0);
    // What stays in memory is best multiplied in large pieces; what is read, while it is in the processor's cache.
    const fitting = this.holds ? manifest.blockRows : Math.floor(sliceBytes / rowBytes);
    this.sliceRows = Math.max(1, Math.min(manifest.blockRows, fitting));
  }

  /**
   * Scores all examples, block after block, in one pass over the files.
   *
   * @param onBlock receives the weighted parts of each checkpoint, [C, size, queries]
   * @throws kind `store` for a damaged shard, `cancelled`
   */
  async pass(
    options: PassOptions,
    onBlock: (block: IndexBlock, parts: Float32Array) => void | Promise<void>,
  ): Promise<void> {
    const { checkpoints } = this.options;
    const { count } = options;
    let parts = new Float32Array(0);
    for await (const { block, checkpoint, row, rows, feeds, scales } of ahead(this.slices())) {
      throwIfAborted(options.signal);
      if (checkpoint === 0 && row === 0) {
        parts = new Float32Array(checkpoints.length * block.size * count);
      }
      const program = await this.program(rows, options);
      const queries = options.queries[checkpoint] ?? new Map<string, Tensor>();
      const values = await program.run(new Map([...feeds, ...queries]));
      const weight = (checkpoints[checkpoint] as ProjectCheckpoint).weight;
      const at = (checkpoint * block.size + row) * count;
      const scores = floats(values, scoresOutput);
      for (let place = 0; place < rows * count; place++) {
        const scale =
          scales === undefined ? 1 : (scales[row + Math.floor(place / count)] as number);
        parts[at + place] = weight * scale * (scores[place] as number);
      }
      options.onProgress?.(rows);
      if (checkpoint === checkpoints.length - 1 && row + rows === block.size) {
        await onBlock(block, parts);
      }
    }
  }

  /** Norms, losses and predictions of a block at one of the project's checkpoints. */
  async readings(block: IndexBlock, checkpoint: number): Promise<BlockReadings> {
    const { groups, readings, margins } = this.options.manifest;
    const wanted: readonly ShardTensor[] = [
      { name: "self", dtype: "float32", shape: [block.size, groups.length] },
      { name: "loss", dtype: "float32", shape: [block.size] },
      ...(margins ? [{ name: "margin", dtype: "float32", shape: [block.size] } as const] : []),
      ...(readings === 0
        ? []
        : [{ name: "prediction", dtype: "float32", shape: [block.size, readings] } as const]),
    ];
    const shard = await openShard(this.folder, this.keyOf(block, checkpoint), wanted);
    try {
      const read = async (name: string) => (await readWhole(shard, name)) ?? new Float32Array(0);
      return {
        self: await read("self"),
        losses: await read("loss"),
        margins: margins ? await read("margin") : new Float32Array(0),
        predictions: await read("prediction"),
      };
    } finally {
      await shard.source.close();
    }
  }

  private keyOf(block: IndexBlock, checkpoint: number): string {
    const key = block.shards[this.places[checkpoint] ?? -1];
    if (key === undefined) {
      throw new TracInError("internal", "The index has no such checkpoint.");
    }
    return key;
  }

  private program(rows: number, { count, aggregate }: PassOptions) {
    const { programs, manifest, layout } = this.options;
    const { settings } = manifest;
    const threads = this.held === undefined ? 1 : (this.options.threads ?? 1);
    return settings.type === "sketch"
      ? programs.sketchScores(settings.numbers, rows, layout.sketch?.width ?? 0, count, threads)
      : programs.storedScores(rows, count, aggregate, threads);
  }

  /** The stored numbers of all examples, in order. What is yielded holds until the one after the next is asked for. */
  private async *slices(): AsyncGenerator<Slice, void> {
    if (this.held !== undefined) {
      yield* this.held;
      return;
    }
    const { manifest, checkpoints } = this.options;
    const read: Slice[] = [];
    const buffers = [0, 1].map(() => this.tensors.map((tensor) => this.buffer(tensor)));
    let turn = 0;
    for (const block of manifest.blocks) {
      for (const checkpoint of checkpoints.keys()) {
        const shard = await this.open(block, checkpoint);
        try {
          const scales = await readWhole(shard, "scale");
          for (let row = 0; row < block.size; row += this.sliceRows) {
            const rows = Math.min(this.sliceRows, block.size - row);
            const feeds = new Map<string, Tensor>();
            for (const [index, tensor] of this.tensors.entries()) {
              const bytes = this.holds
                ? this.buffer(tensor)
                : (buffers[turn % 2]?.[index] ?? new Uint8Array(0));
              feeds.set(tensor.name, await readRows(shard, tensor, row, rows, bytes));
            }
            turn++;
            const slice = { block, checkpoint, row, rows, feeds, scales };
            if (this.holds) {
              read.push(slice);
            }
            yield slice;
          }
        } finally {
          await shard.source.close();
        }
      }
    }
    this.held = this.holds ? read : undefined;
  }

  private open(block: IndexBlock, checkpoint: number): Promise<OpenShard> {
    const { settings } = this.options.manifest;
    const wanted = this.tensors.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape: [block.size, ...shape],
    }));
    const scale = { name: "scale", dtype: "float32", shape: [block.size] } as const;
    const isScaled = settings.type === "sketch" && settings.numbers !== "float32";
    const key = this.keyOf(block, checkpoint);
    return openShard(this.folder, key, isScaled ? [...wanted, scale] : wanted);
  }

  private buffer({ dtype, shape }: ShardTensor): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.sliceRows * bytesPerElement[dtype] * sizeOf(shape));
  }
}

/** Rows [row, row + rows) of a stored tensor, read into the beginning of `buffer`. */
async function readRows(
  { source, entries }: OpenShard,
  { name, dtype, shape }: ShardTensor,
  row: number,
  rows: number,
  buffer: Uint8Array<ArrayBuffer>,
): Promise<Tensor> {
  const width = sizeOf(shape);
  const bytes = bytesPerElement[dtype] * width;
  const start = entries.get(name)?.start ?? 0;
  await source.readTo(buffer.subarray(0, rows * bytes), start + row * bytes);
  const data = new arrayClass[dtype](buffer.buffer, 0, rows * width);
  return { dtype, shape: [rows, ...shape], data } as Tensor;
}

/** A small float32 tensor; undefined where the shard has none of that name. */
async function readWhole(
  { source, entries }: OpenShard,
  name: string,
): Promise<Float32Array | undefined> {
  const entry = entries.get(name);
  if (entry === undefined) {
    return undefined;
  }
  const { buffer } = await source.read(entry.start, entry.length);
  return new Float32Array(buffer);
}

/** Asks for the next value while the one before is used. */
async function* ahead<Value>(values: AsyncGenerator<Value, void>): AsyncGenerator<Value, void> {
  let next = values.next();
  try {
    for (let result = await next; !result.done; result = await next) {
      next = values.next();
      // Its error counts once its turn has come.
      next.catch(() => undefined);
      yield result.value;
    }
  } finally {
    await next.catch(() => undefined);
    await values.return();
  }
}
