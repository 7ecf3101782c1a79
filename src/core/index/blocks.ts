import { type Project, type ProjectCheckpoint, trainingData } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import type { NamedTensor } from "../formats/safetensors-writer.ts";
import { arrayClass, sizeOf, type Tensor } from "../graph/tensor.ts";
import { notFinite } from "../tracin/chunk-builder.ts";
import { outputs } from "../tracin/outputs.ts";
import { type Profile, profiled } from "../tracin/profile.ts";
import { batchOf, type Feeds, feedsOf } from "../tracin/questions.ts";
import { breather } from "../yield.ts";
import { shardKey, tensorsKey } from "./keys.ts";
import type { IndexBlock } from "./manifest.ts";
import { pack } from "./number-type.ts";
import { placesOf } from "./places.ts";
import { type IndexLayout, type IndexPrograms, sketchTensor } from "./programs.ts";
import { type IndexSettings, kindOf } from "./settings.ts";
import { isWhole, shardFile, writeShard } from "./shard.ts";
import { drawSketch } from "./sketch.ts";

/** What every process that computes blocks of one index must know. */
export interface BlockJob {
  readonly settings: IndexSettings;
  /** See `settingsKey`. */
  readonly key: string;
  /** Keys of the checkpoints' weights, in the project's order. */
  readonly checkpoints: readonly string[];
  readonly blockRows: number;
  /** Absolute folder of the shards. */
  readonly folder: string;
}

/** A finished block and what it took. */
export interface FinishedBlock extends IndexBlock {
  /** Shards that had to be computed; the others were there. */
  readonly computed: number;
}

export interface BlockOptions {
  /** Called with the examples (times checkpoints) that are done since the last call. */
  readonly onProgress: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
}

interface CheckpointInputs {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly random: ReadonlyMap<string, Tensor>;
}

/** Computes blocks of an index: examples are read once, then each checkpoint whose shard is missing takes its turn. */
export class BlockBuilder {
  private readonly inputs = new Map<string, CheckpointInputs>();
  private bytes = 0;

  private constructor(
    private readonly project: Project,
    private readonly programs: IndexPrograms,
    private readonly layout: IndexLayout,
    private readonly job: BlockJob,
    /** Shards that are finished; grows. */
    private readonly finished: Set<string>,
    /** Bytes for the weights of checkpoints. */
    private readonly memoryLimit: number,
    private readonly profile: Profile | undefined,
  ) {}

  static async open(
    project: Project,
    programs: IndexPrograms,
    job: BlockJob,
    finished: ReadonlySet<string>,
    memoryLimit: number,
    profile?: Profile,
  ): Promise<BlockBuilder> {
    const layout = await programs.layout(kindOf(job.settings));
    return new BlockBuilder(
      project,
      programs,
      layout,
      job,
      new Set(finished),
      memoryLimit,
      profile,
    );
  }

  /** Computes and writes what is missing of the examples [start, end). */
  build(start: number, end: number, options: BlockOptions): Promise<FinishedBlock> {
    return profiled(this.profile, "building", () => this.buildMissing(start, end, options));
  }

  private async buildMissing(
    start: number,
    end: number,
    options: BlockOptions,
  ): Promise<FinishedBlock> {
    const { project, job, profile } = this;
    const train = trainingData(project);
    const encoded = await profiled(profile, "decoding", () =>
      project.encoder.encode(train, start, end),
    );
    const feeds = feedsOf(encoded, project.loss);
    const hashing = performance.now();
    const examples = tensorsKey(feeds);
    profile?.add("hashing", hashing);
    const shards: string[] = [];
    let computed = 0;
    for (const [index, checkpoint] of project.checkpoints.entries()) {
      throwIfAborted(options.signal);
      const key = shardKey(job.key, job.checkpoints[index] as string, examples);
      shards.push(key);
      if (await this.isFinished(key)) {
        options.onProgress(end - start);
        continue;
      }
      const tensors = await this.compute(feeds, start, end, index, checkpoint, options);
      const metadata = {
        checkpoint: checkpoint.file,
        weights: job.checkpoints[index] as string,
        examples,
        settings: JSON.stringify(job.settings),
      };
      await profiled(profile, "writing", () => writeShard(job.folder, key, tensors, metadata));
      this.finished.add(key);
      computed++;
    }
    const places = await placesOf(train, start, end);
    if (!(await this.isFinished(places.key))) {
      await writeShard(job.folder, places.key, places.tensors, places.metadata);
      this.finished.add(places.key);
    }
    return { start, size: end - start, rows: places.key, shards, computed };
  }

  /** Whether a shard is there. What was finished before is looked at: disks fail, and files are cut off when they are copied. */
  private async isFinished(key: string): Promise<boolean> {
    return this.finished.has(key) && isWhole(this.job.folder, key);
  }

  private async compute(
    feeds: Feeds,
    start: number,
    end: number,
    index: number,
    checkpoint: ProjectCheckpoint,
    { onProgress, signal }: BlockOptions,
  ): Promise<readonly NamedTensor[]> {
    const { layout, job } = this;
    const batch = Math.min(layout.batch, job.blockRows);
    const program = await this.programs.build(kindOf(job.settings), batch);
    const { weights, random } = await profiled(this.profile, "checkpoints", () =>
      this.inputsOf(checkpoint, job.checkpoints[index] as string),
    );
    const size = end - start;
    const collected = this.emptyTensors(size);
    const breathe = breather();
    for (let row = 0; row < size; row += batch) {
      throwIfAborted(signal);
      const rows = Math.min(batch, size - row);
      const values = await program.run(
        new Map([...batchOf(feeds, row, rows, batch), ...weights, ...random]),
      );
      const collecting = performance.now();
      for (const { name, output, tensor } of collected) {
        const width = sizeOf(tensor.shape.slice(1));
        const value = values.get(output);
        if (value === undefined || value.dtype !== tensor.dtype) {
          throw new TracInError("internal", `The engine gave no ${tensor.dtype} "${name}".`);
        }
        // The element type is the same on both sides; the compiler cannot see it through the union.
        (tensor.data as Float32Array).set(
          value.data.subarray(0, rows * width) as Float32Array,
          row * width,
        );
      }
      this.profile?.add("collecting", collecting);
      onProgress(rows);
      await breathe();
    }
    this.checkFinite(collected, checkpoint, start);
    return collected.flatMap(({ name, tensor }): readonly NamedTensor[] => {
      if (name !== sketchTensor || job.settings.type !== "sketch") {
        return [[name, tensor]];
      }
      const width = tensor.shape[1] ?? 0;
      const packing = performance.now();
      const packed = pack(tensor.data as Float32Array, width, job.settings.numbers);
      this.profile?.add("collecting", packing);
      return [
        [name, packed.sketch],
        ...(packed.scales === undefined ? [] : [["scale", packed.scales] as const]),
      ];
    });
  }

  private emptyTensors(size: number) {
    const { tensors, groups, readings, margins } = this.layout;
    const empty = (
      name: string,
      output: string,
      shape: readonly number[],
      dtype: Tensor["dtype"],
    ) => {
      const whole = [size, ...shape];
      const data = new arrayClass[dtype](sizeOf(whole));
      return { name, output, tensor: { dtype, shape: whole, data } as Tensor };
    };
    return [
      ...tensors.map(({ name, dtype, shape }) => empty(name, name, shape, dtype)),
      empty("self", outputs.groupSelf, [groups.length], "float32"),
      empty("loss", outputs.loss, [], "float32"),
      ...(margins ? [empty("margin", outputs.margin, [], "float32")] : []),
      ...(readings === 0 ? [] : [empty("prediction", outputs.prediction, [readings], "float32")]),
    ];
  }

  private checkFinite(
    collected: readonly { readonly name: string; readonly tensor: Tensor }[],
    checkpoint: ProjectCheckpoint,
    start: number,
  ): void {
    for (const { name, tensor } of collected) {
      if (name === "self" || name === "loss") {
        const width = sizeOf(tensor.shape.slice(1));
        const broken = (tensor.data as Float32Array).findIndex((value) => !Number.isFinite(value));
        if (broken !== -1) {
          const train = trainingData(this.project);
          throw notFinite(checkpoint.file, train, start + Math.floor(broken / width));
        }
      }
    }
  }

  /** Weights and random tensors of a checkpoint; kept where there is room. */
  private async inputsOf(checkpoint: ProjectCheckpoint, key: string): Promise<CheckpointInputs> {
    const known = this.inputs.get(key);
    if (known !== undefined) {
      return known;
    }
    const { settings } = this.job;
    const weights = await this.project.readWeights(checkpoint);
    const random =
      this.layout.sketch === undefined || settings.type !== "sketch"
        ? new Map<string, Tensor>()
        : drawSketch(this.layout.sketch, `${settings.seed} ${key}`);
    const size = [...weights.values(), ...random.values()].reduce(
      (total, { data }) => total + data.byteLength,
      0,
    );
    if (this.bytes + size > this.memoryLimit) {
      this.inputs.clear();
      this.bytes = 0;
    }
    this.bytes += size;
    const inputs = { weights, random };
    this.inputs.set(key, inputs);
    return inputs;
  }
}

/** The rows files and shards that blocks name. */
export function filesOf(blocks: readonly IndexBlock[]): ReadonlySet<string> {
  return new Set(blocks.flatMap(({ rows, shards }) => [rows, ...shards]).map(shardFile));
}
