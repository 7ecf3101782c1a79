import type { ProjectCheckpoint } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import {
  arrayClass,
  bytesPerElement,
  type DataType,
  sizeOf,
  type Tensor,
} from "../graph/tensor.ts";
import { type Profile, profiled } from "../tracin/profile.ts";
import { type IndexBlock, type IndexManifest, shardsFolder } from "./manifest.ts";
import type { IndexLayout } from "./programs.ts";
import { type OpenShard, openShard, type ShardTensor } from "./shard.ts";

/** Bytes of stored numbers that are read and scored at a time: while they are in the processor's cache. */
const sliceBytes = 2 * 2 ** 20;
/** Bytes of numbers in memory that are scored at a time: threads that wake up for less find the work done. */
const pieceBytes = 64 * 2 ** 20;

/** A stretch of a shard in memory. */
export interface Slice {
  readonly block: IndexBlock;
  readonly checkpoint: number;
  readonly row: number;
  readonly rows: number;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Of every row of the block, where numbers are stored as multiples. */
  readonly scales: Float32Array | undefined;
}

/** The numbers of consecutive blocks at one checkpoint, in memory from pass to pass. */
export interface Piece {
  readonly blocks: readonly IndexBlock[];
  readonly checkpoint: number;
  readonly rows: number;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Of every row, where numbers are stored as multiples. */
  readonly scales: Float32Array | undefined;
}

export interface NumbersOptions {
  readonly root: string;
  readonly manifest: IndexManifest;
  readonly layout: IndexLayout;
  /** The project's checkpoints, each of them in the index. */
  readonly checkpoints: readonly ProjectCheckpoint[];
  /** Bytes for stored numbers that stay in memory after the first pass, where all of them fit. */
  readonly memoryLimit?: number | undefined;
  readonly profile?: Profile | undefined;
}

/** Reads what an index keeps of the gradients, and what stands beside it. */
export class StoredNumbers {
  /** Place of each of the project's checkpoints in the index. */
  private readonly places: readonly number[];
  private readonly folder: string;
  /** What is kept of each example, as shards store it. */
  private readonly tensors: readonly ShardTensor[];
  private readonly sliceRows: number;
  private readonly pieceRows: number;
  /** Whether numbers are stored as multiples of a scale of their row. */
  private readonly isScaled: boolean;
  /** Whether everything fits into the memory that it may take. */
  readonly holds: boolean;

  constructor(private readonly options: NumbersOptions) {
    const { manifest, layout, checkpoints, root } = options;
    this.folder = shardsFolder(root);
    this.places = checkpoints.map(({ file }) =>
      manifest.checkpoints.findIndex((known) => known.file === file),
    );
    const { settings } = manifest;
    this.isScaled = settings.type === "sketch" && settings.numbers !== "float32";
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
    this.sliceRows = Math.max(1, Math.min(manifest.blockRows, Math.floor(sliceBytes / rowBytes)));
    // Other kinds of numbers are made wider, and factors multiplied, on the way.
    const isPlain = settings.type === "sketch" && settings.numbers === "float32";
    this.pieceRows = isPlain ? Math.floor(pieceBytes / rowBytes) : 0;
  }

  /** Opens the shard of a block at one of the project's checkpoints for some of its tensors. */
  openShard(
    block: IndexBlock,
    checkpoint: number,
    wanted: readonly ShardTensor[],
  ): Promise<OpenShard> {
    return openShard(this.folder, this.keyOf(block, checkpoint), wanted);
  }

  /** The first of what is kept of each example. */
  get firstTensor(): string {
    return this.tensors[0]?.name ?? "";
  }

  /** Name of the shard of a block at one of the project's checkpoints. */
  keyOf(block: IndexBlock, checkpoint: number): string {
    const key = block.shards[this.places[checkpoint] ?? -1];
    if (key === undefined) {
      throw new TracInError("internal", "The index has no such checkpoint.");
    }
    return key;
  }

  /** The stored numbers of all examples, in order. What is yielded holds until the one after the next is asked for. */
  async *slices(): AsyncGenerator<Slice, void> {
    const { manifest, checkpoints, profile } = this.options;
    const buffers = [0, 1].map(() => this.tensors.map((tensor) => this.buffer(tensor)));
    let turn = 0;
    for (const block of manifest.blocks) {
      for (const checkpoint of checkpoints.keys()) {
        const shard = await this.open(block, checkpoint);
        try {
          const scales = await readWhole(shard, "scale");
          for (let row = 0; row < block.size; row += this.sliceRows) {
            const rows = Math.min(this.sliceRows, block.size - row);
            const turned = buffers[turn++ % 2] ?? [];
            const feeds = await profiled(profile, "reading", () =>
              this.readSlice(shard, row, rows, turned),
            );
            yield { block, checkpoint, row, rows, feeds, scales };
          }
        } finally {
          await shard.source.close();
        }
      }
    }
  }

  private async readSlice(
    shard: OpenShard,
    row: number,
    rows: number,
    buffers: readonly Uint8Array<ArrayBuffer>[],
  ): Promise<ReadonlyMap<string, Tensor>> {
    const feeds = new Map<string, Tensor>();
    for (const [index, tensor] of this.tensors.entries()) {
      const bytes = buffers[index] ?? new Uint8Array(0);
      feeds.set(tensor.name, await readRows(shard, tensor, row, rows, bytes));
    }
    return feeds;
  }

  /** Reads everything: group after group of blocks, the checkpoints of each one after the other. */
  async hold(signal: AbortSignal | undefined): Promise<readonly Piece[]> {
    const { manifest, checkpoints } = this.options;
    const pieces: Piece[] = [];
    for (const blocks of groupsOf(manifest.blocks, this.pieceRows)) {
      for (const checkpoint of checkpoints.keys()) {
        const read = () => this.readPiece(blocks, checkpoint, signal);
        pieces.push(await profiled(this.options.profile, "reading", read));
      }
    }
    return pieces;
  }

  private async readPiece(
    blocks: readonly IndexBlock[],
    checkpoint: number,
    signal: AbortSignal | undefined,
  ): Promise<Piece> {
    const rows = blocks.reduce((total, { size }) => total + size, 0);
    const buffers = this.tensors.map((tensor) => this.buffer(tensor, rows));
    const scales = this.isScaled ? new Float32Array(rows) : undefined;
    let row = 0;
    for (const block of blocks) {
      throwIfAborted(signal);
      const shard = await this.open(block, checkpoint);
      try {
        for (const [index, tensor] of this.tensors.entries()) {
          const bytes = bytesPerElement[tensor.dtype] * sizeOf(tensor.shape);
          const target = buffers[index]?.subarray(row * bytes, (row + block.size) * bytes);
          await readRows(shard, tensor, 0, block.size, target ?? new Uint8Array(0));
        }
        scales?.set((await readWhole(shard, "scale")) ?? [], row);
      } finally {
        await shard.source.close();
      }
      row += block.size;
    }
    const feeds = this.tensors.map(({ name, dtype, shape }, index) => {
      const data = new arrayClass[dtype](buffers[index]?.buffer ?? new ArrayBuffer(0));
      return [name, { dtype, shape: [rows, ...shape], data } as Tensor] as const;
    });
    return { blocks, checkpoint, rows, feeds: new Map(feeds), scales };
  }

  private open(block: IndexBlock, checkpoint: number): Promise<OpenShard> {
    const wanted = this.tensors.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape: [block.size, ...shape],
    }));
    const scale = { name: "scale", dtype: "float32", shape: [block.size] } as const;
    return this.openShard(block, checkpoint, this.isScaled ? [...wanted, scale] : wanted);
  }

  private buffer({ dtype, shape }: ShardTensor, rows = this.sliceRows): Uint8Array<ArrayBuffer> {
    return new Uint8Array(rows * bytesPerElement[dtype] * sizeOf(shape));
  }
}

/** Consecutive blocks of `rows` examples together at most; one block at least. */
function groupsOf(blocks: readonly IndexBlock[], rows: number): readonly (readonly IndexBlock[])[] {
  const groups: IndexBlock[][] = [];
  let taken = 0;
  for (const block of blocks) {
    const last = groups.at(-1);
    if (last === undefined || taken + block.size > rows) {
      groups.push([block]);
      taken = block.size;
    } else {
      last.push(block);
      taken += block.size;
    }
  }
  return groups;
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
  const data = new arrayClass[dtype](buffer.buffer, buffer.byteOffset, rows * width);
  return { dtype, shape: [rows, ...shape], data } as Tensor;
}

/** A small float32 tensor; undefined where the shard has none of that name. */
export async function readWhole(
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
