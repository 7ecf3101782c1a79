import type { ProjectCheckpoint } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { outputs } from "../tracin/outputs.ts";
import { profiled } from "../tracin/profile.ts";
import { floats } from "../tracin/rows.ts";
import type { IndexBlock, IndexManifest } from "./manifest.ts";
import type { IndexLayout, IndexPrograms } from "./programs.ts";
import type { IndexQueries } from "./queries.ts";
import { damagedNumber, type ShardTensor } from "./shard.ts";
import { type NumbersOptions, type Piece, readWhole, StoredNumbers } from "./stored-numbers.ts";

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

export interface ReaderOptions extends NumbersOptions {
  readonly programs: IndexPrograms;
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

/** An open index of a project. */
export interface OpenIndex {
  readonly manifest: IndexManifest;
  readonly layout: IndexLayout;
  readonly programs: IndexPrograms;
  /** Of the project's checkpoints. */
  readonly reader: IndexReader;
}

/** Reads an index: one pass over it scores every example. */
export class IndexReader {
  private readonly numbers: StoredNumbers;
  /** Everything, once a pass has asked for it and where it fits into memory. */
  private held: readonly Piece[] | undefined;

  constructor(private readonly options: ReaderOptions) {
    this.numbers = new StoredNumbers(options);
  }

  /**
   * Scores all examples, block after block, in one pass over the files.
   *
   * @param onBlock receives the weighted parts of each checkpoint, [C, size, queries]
   * @throws kind `store` for a damaged shard, `cancelled`
   */
  pass(
    options: PassOptions,
    onBlock: (block: IndexBlock, parts: Float32Array) => void | Promise<void>,
  ): Promise<void> {
    return profiled(this.options.profile, "passing", () => this.passAll(options, onBlock));
  }

  private async passAll(
    options: PassOptions,
    onBlock: (block: IndexBlock, parts: Float32Array) => void | Promise<void>,
  ): Promise<void> {
    if (this.numbers.holds) {
      this.held ??= await this.numbers.hold(options.signal);
      return this.passHeld(this.held, options, onBlock);
    }
    const { checkpoints } = this.options;
    const { count } = options;
    let parts = new Float32Array(0);
    for await (const { block, checkpoint, row, rows, feeds, scales } of ahead(
      this.numbers.slices(),
    )) {
      throwIfAborted(options.signal);
      if (checkpoint === 0 && row === 0) {
        parts = new Float32Array(checkpoints.length * block.size * count);
      }
      const scores = await this.score(rows, checkpoint, feeds, options, 1);
      const at = (checkpoint * block.size + row) * count;
      this.weigh(parts, at, scores, checkpoint, scales?.subarray(row, row + rows));
      options.onProgress?.(rows);
      if (checkpoint === checkpoints.length - 1 && row + rows === block.size) {
        this.checkParts(block, parts);
        await onBlock(block, parts);
      }
    }
  }

  private async passHeld(
    held: readonly Piece[],
    options: PassOptions,
    onBlock: (block: IndexBlock, parts: Float32Array) => void | Promise<void>,
  ): Promise<void> {
    const { checkpoints, threads = 1 } = this.options;
    const { count } = options;
    let parts: readonly Float32Array[] = [];
    for (const { blocks, checkpoint, rows, feeds, scales } of held) {
      throwIfAborted(options.signal);
      if (checkpoint === 0) {
        parts = blocks.map(({ size }) => new Float32Array(checkpoints.length * size * count));
      }
      const scores = await this.score(rows, checkpoint, feeds, options, threads);
      let row = 0;
      for (const [index, { size }] of blocks.entries()) {
        const own = scores.subarray(row * count, (row + size) * count);
        const at = checkpoint * size * count;
        const ownScales = scales?.subarray(row, row + size);
        this.weigh(parts[index] as Float32Array, at, own, checkpoint, ownScales);
        row += size;
      }
      options.onProgress?.(rows);
      for (const [index, block] of checkpoint === checkpoints.length - 1 ? blocks.entries() : []) {
        this.checkParts(block, parts[index] as Float32Array);
        await onBlock(block, parts[index] as Float32Array);
      }
    }
  }

  /** [rows, queries] products, without weights. */
  private async score(
    rows: number,
    checkpoint: number,
    feeds: ReadonlyMap<string, Tensor>,
    options: PassOptions,
    threads: number,
  ): Promise<Float32Array> {
    const program = await this.program(rows, options, threads);
    const queries = options.queries[checkpoint] ?? new Map<string, Tensor>();
    return floats(await program.run(new Map([...feeds, ...queries])), outputs.scores);
  }

  /** Puts scores [rows, queries] times their weights into `parts` from a place on. */
  private weigh(
    parts: Float32Array,
    at: number,
    scores: Float32Array,
    checkpoint: number,
    scales: Float32Array | undefined,
  ): void {
    const { weight } = this.options.checkpoints[checkpoint] as ProjectCheckpoint;
    const count = scales === undefined ? 1 : scores.length / scales.length;
    for (let place = 0; place < scores.length; place++) {
      const scale = scales === undefined ? 1 : (scales[Math.floor(place / count)] as number);
      parts[at + place] = weight * scale * (scores[place] as number);
    }
  }

  /** @throws kind `store` for what is no number: an example that has one would be in no list */
  private checkParts(block: IndexBlock, parts: Float32Array): void {
    for (let place = 0; place < parts.length; place++) {
      if (Number.isNaN(parts[place])) {
        const perCheckpoint = parts.length / this.options.checkpoints.length;
        const checkpoint = Math.floor(place / perCheckpoint);
        const row = Math.floor((place % perCheckpoint) / (perCheckpoint / block.size));
        const key = this.numbers.keyOf(block, checkpoint);
        throw damagedNumber(key, this.numbers.firstTensor, block.start + row);
      }
    }
  }

  /** Norms, losses and predictions of a block at one of the project's checkpoints. */
  readings(block: IndexBlock, checkpoint: number): Promise<BlockReadings> {
    return profiled(this.options.profile, "reading", () => this.readReadings(block, checkpoint));
  }

  private async readReadings(block: IndexBlock, checkpoint: number): Promise<BlockReadings> {
    const { groups, readings, margins } = this.options.manifest;
    const wanted: readonly ShardTensor[] = [
      { name: "self", dtype: "float32", shape: [block.size, groups.length] },
      { name: "loss", dtype: "float32", shape: [block.size] },
      ...(margins ? [{ name: "margin", dtype: "float32", shape: [block.size] } as const] : []),
      ...(readings === 0
        ? []
        : [{ name: "prediction", dtype: "float32", shape: [block.size, readings] } as const]),
    ];
    const shard = await this.numbers.openShard(block, checkpoint, wanted);
    try {
      const read = async (name: string) => (await readWhole(shard, name)) ?? new Float32Array(0);
      const self = await read("self");
      const losses = await read("loss");
      const key = this.numbers.keyOf(block, checkpoint);
      const brokenSelf = self.findIndex((norm) => !(norm >= 0 && norm < Number.POSITIVE_INFINITY));
      const brokenLoss = losses.findIndex((loss) => !Number.isFinite(loss));
      if (brokenSelf !== -1) {
        const row = Math.floor(brokenSelf / groups.length);
        throw damagedNumber(key, "self", block.start + row);
      }
      if (brokenLoss !== -1) {
        throw damagedNumber(key, "loss", block.start + brokenLoss);
      }
      return {
        self,
        losses,
        margins: margins ? await read("margin") : new Float32Array(0),
        predictions: await read("prediction"),
      };
    } finally {
      await shard.source.close();
    }
  }

  private program(rows: number, { count, aggregate }: PassOptions, threads: number) {
    const { programs, manifest, layout } = this.options;
    const { settings } = manifest;
    return settings.type === "sketch"
      ? programs.sketchScores(settings.numbers, rows, layout.sketch?.width ?? 0, count, threads)
      : programs.storedScores(rows, count, aggregate, threads);
  }
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
