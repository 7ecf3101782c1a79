import { type Project, trainingData } from "../config/project.ts";
import type { Dataset } from "../datasets/dataset.ts";
import type { Engine, Values } from "../engines/engine.ts";
import { referenceEngine } from "../engines/reference/engine.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { type ProbedModel, probeModel } from "../models/probe.ts";
import { type ChunkSource, chunksOf } from "./chunks.ts";
import { outputs, type Question } from "./compile.ts";
import { ContextCache, type PrepareOptions, QuerySide, type ResolvedQueries } from "./contexts.ts";
import { chooseForms, type FormChooser, type QuestionSize } from "./cost.ts";
import { type EvaluatedChunk, type Evaluation, evaluateFeeds } from "./evaluation.ts";
import { queryParts } from "./forms.ts";
import { lossGraph } from "./forward.ts";
import { checkIndependence } from "./independence.ts";
import { chooseParameters, type LayerChoice } from "./layers.ts";
import { targetMaskInput } from "./loss/loss.ts";
import { scaleFeeds, scalingOf } from "./parameter-weights.ts";
import { type Profile, profiled } from "./profile.ts";
import { type ModelOptions, ProgramCache, planBatch } from "./programs.ts";
import type { QueryBlockSource } from "./query-blocks.ts";
import { batchOf, type Feeds, feedsOf, targetForm } from "./questions.ts";
import { floats, repeatRows } from "./rows.ts";
import type { Scaling } from "./scaling.ts";
import type { QueryResult, QuerySelection, ScoreChunk, ScoreProgress } from "./scores.ts";

export interface ScorerOptions {
  readonly engine: Engine;
  /** Bytes that this process may use for weights, queries and batches together. */
  readonly memoryLimit: number;
  readonly layers: LayerChoice;
  /** Examples per batch; chosen from the memory limit and the model unless told. */
  readonly batch?: number;
  /** Whether the checkpoint's weights are graph inputs or constants; calibrated unless told. */
  readonly weightsAsInputs?: boolean;
  /** How sites are computed; by the cost model unless told. */
  readonly chooseForms?: FormChooser;
  /** Learns where the time goes; the engine is measured by its own wrapper. */
  readonly profile?: Profile | undefined;
}

export interface ScoreOptions {
  /** Sum the queries' gradients into one query. */
  readonly aggregate?: boolean;
  readonly onProgress?: (progress: ScoreProgress) => void;
  readonly signal?: AbortSignal;
}

/** Bytes of intermediate values of one batch that keep the processor's caches and the memory both content. */
const bytesPerBatch = 14 * 2 ** 20;
/** A graph of many small steps (an unrolled recurrent layer) takes larger batches: a node has a price of its own. */
const bytesPerNode = 2 ** 15;
const largestBatch = 1024;
/** Most examples of an aggregate query that run at once. */
const largestQueryBlock = 64;
/** Fewest examples per chunk; work is shared in whole chunks. */
const smallestChunk = 256;
/** Part of the memory limit for what is kept of a chunk from checkpoint to checkpoint beyond what is small. */
const keptShare = 16;

/**
 * Computes TracInCP scores, self-influence, losses and predictions of a project's training examples.
 * One scorer runs in one process; it compiles the model once for each batch size and question.
 */
export class Scorer {
  private readonly querySide: QuerySide;

  private constructor(
    private readonly project: Project,
    private readonly options: ScorerOptions,
    readonly probed: ProbedModel,
    /** What every program of it is compiled from. */
    readonly model: ModelOptions,
    /** Names of the parameters whose gradients count. */
    readonly parameters: readonly string[],
    private readonly programs: ProgramCache,
    scaling: Scaling | undefined,
  ) {
    this.querySide = new QuerySide(project, programs, (checkpoint) =>
      scaleFeeds(project, scaling, parameters, checkpoint),
    );
  }

  /**
   * Probes the model and checks that its examples are independent.
   *
   * @throws kind `model` when they are not, or when an operator is not supported
   */
  static async open(project: Project, options: ScorerOptions): Promise<Scorer> {
    const train = trainingData(project);
    // Far apart, because neighbours in a file may be copies, and copies hide that a model mixes examples.
    const last = train.length - 1;
    const examples = [...new Set([0, Math.floor(last / 2), last])];
    const encoded = await project.encoder.encodeAt(train, examples);
    const sample = feedsOf(encoded, project.loss);
    const target = targetForm(project, encoded);
    const inputs = project.model.graph.inputs.map((input) => input.name);
    const probed = await probeModel(project.model, options.engine, (batch) => {
      const feeds = [...sample].filter(([name]) => inputs.includes(name));
      return new Map(feeds.map(([name, rows]) => [name, repeatRows(rows, batch)]));
    });
    const parameters = chooseParameters(
      lossGraph(probed, project.loss, target),
      project.parameters,
      options.layers,
    );
    const scaling = scalingOf(project, parameters);
    const model = {
      probed,
      scaling,
      counted: new Set(parameters),
      weights: [...project.parameters, ...project.buffers],
      loss: project.loss,
      target,
      keptFloats: options.memoryLimit / keptShare / 4 / smallestChunk,
    };
    const choose = options.chooseForms ?? chooseForms;
    const programs = new ProgramCache(options.engine, referenceEngine(), model, choose);
    await checkIndependence(project, programs, sample, examples);
    return new Scorer(project, options, probed, model, parameters, programs, scaling);
  }

  /** Number of parameter elements that count. */
  get parameterCount(): number {
    return this.parameters.reduce(
      (total, name) => total + sizeOf(this.probed.typeAt(name, 1).shape),
      0,
    );
  }

  /** How a question would be computed: sites, forms and cost, without running it. */
  plan(queries: number, aggregate = false): Promise<Question> {
    return this.programs.plan(this.questionSize(queries, aggregate));
  }

  /** Predictions and losses of the queries at every checkpoint, and which label of each is explained. */
  async queries(
    selection: readonly QuerySelection[],
    signal?: AbortSignal,
  ): Promise<readonly QueryResult[]> {
    return (await this.resolve(selection, signal)).results;
  }

  /** The queries as the graph takes them, with what is explained as their targets, and what {@link queries} says. */
  resolve(selection: readonly QuerySelection[], signal?: AbortSignal): Promise<ResolvedQueries> {
    return this.querySide.resolve(selection, signal);
  }

  /** The queries as the graph takes them, some at a time; of an aggregate at most `block` of them. */
  queryBlocks(
    selection: readonly QuerySelection[],
    options: Omit<PrepareOptions, "memory">,
  ): Promise<QueryBlockSource> {
    return this.querySide.blocks(selection, { ...options, ...this.blockLimits(options.block) });
  }

  private blockLimits(fitting: number): Pick<PrepareOptions, "block" | "memory"> {
    return {
      block: Math.min(fitting, largestQueryBlock),
      memory: this.options.memoryLimit / 8,
    };
  }

  /**
   * Scores chunks of the training examples on the queries; with no queries, self-influence and losses alone.
   * Chunks are final when they are handed on: each holds the parts of all checkpoints.
   *
   * @throws kind `cancelled` when the signal is aborted, at the latest after the running batch
   */
  async score(
    selection: readonly QuerySelection[],
    chunks: ChunkSource,
    onChunk: (chunk: ScoreChunk) => void | Promise<void>,
    options: ScoreOptions = {},
  ): Promise<void> {
    const { signal, onProgress, aggregate = false } = options;
    const { checkpoints, encoder, loss } = this.project;
    const train = trainingData(this.project);
    const count = aggregate ? Math.min(1, selection.length) : selection.length;
    const { examples } = chunks;
    const total = examples * checkpoints.length;
    onProgress?.({ phase: "queries", done: 0, total });
    const size = this.questionSize(count, aggregate);
    const plan = await this.plan(count, aggregate);
    const batch = Math.min(this.batchSize(plan), Math.max(1, examples));
    const { profile } = this.options;
    const side = await profiled(profile, "queries", () =>
      this.querySide.prepare(selection, plan, {
        aggregate,
        ...this.blockLimits(this.batchSize(plan)),
        signal,
      }),
    );
    const contexts = new ContextCache(
      (checkpoint) => profiled(profile, "checkpoints", () => side(checkpoint)),
      this.options.memoryLimit / 2,
    );
    const training = this.programs.training(batch, size, {
      asInputs: this.options.weightsAsInputs,
      perCheckpoint: Math.ceil(examples / batch),
      memory: this.options.memoryLimit / 4,
      checkpoints: checkpoints.length,
    });
    const read = async () => {
      const range = await chunks.next();
      return (
        range && {
          ...range,
          encoded: await profiled(profile, "decoding", () =>
            range.rows === undefined
              ? encoder.encode(train, range.start, range.end)
              : encoder.encodeAt(train, range.rows),
          ),
        }
      );
    };
    let done = 0;
    let current = await read();
    while (current !== undefined) {
      throwIfAborted(signal);
      const { start, encoded } = current;
      const next = read();
      // The next chunk is read while this one is scored; its error counts once its turn has come.
      next.catch(() => undefined);
      const batches = batchesOf(feedsOf(encoded, loss), encoded.size, batch);
      const queries = checkpoints[0] && (await contexts.get(checkpoints[0])).queries;
      const prepared: Values[] = [];
      for (const { feeds } of batches) {
        prepared.push(await training.prepare(feeds, queries ?? new Map()));
      }
      const chunk = new ChunkBuilder(start, encoded.size, checkpoints.length, count);
      for (const [index, checkpoint] of checkpoints.entries()) {
        const context = await contexts.get(checkpoint);
        for (const [place, { row, rows }] of batches.entries()) {
          throwIfAborted(signal);
          const values = await training.run(checkpoint.file, context.weights, [
            ...(prepared[place] as Values),
            ...context.queries,
            ...context.scales,
          ]);
          const collecting = performance.now();
          chunk.put(values, index, checkpoint.weight, row, rows);
          profile?.add("collecting", collecting);
          const broken = chunk.notFinite(index, row, rows);
          if (broken !== undefined) {
            const example = current.rows?.[broken] ?? start + broken;
            throw notFinite(checkpoint.file, train, example);
          }
          done += rows;
          onProgress?.({ phase: "scoring", done, total });
          await yieldToEvents();
        }
      }
      await onChunk(chunk.finish());
      current = await next;
    }
  }

  /**
   * Losses and predictions of all examples of a dataset at every checkpoint, chunk after chunk.
   *
   * @throws kind `cancelled` when the signal is aborted, kind `checkpoint` where a loss is not a finite number
   */
  async evaluate(
    dataset: Dataset,
    onChunk: (chunk: EvaluatedChunk) => void | Promise<void>,
    { signal, onProgress }: Omit<ScoreOptions, "aggregate"> = {},
  ): Promise<void> {
    const { checkpoints, encoder, loss } = this.project;
    const plan = await this.plan(1, true);
    const batch = Math.min(this.batchSize(plan), Math.max(1, dataset.length));
    const contexts = new ContextCache(async (checkpoint) => {
      const weights = await this.project.readWeights(checkpoint);
      return { weights, queries: new Map(), scales: new Map() };
    }, this.options.memoryLimit / 2);
    const chunks = chunksOf({ start: 0, end: dataset.length }, this.chunkSize(plan, 1));
    const total = dataset.length * checkpoints.length;
    let done = 0;
    for (let range = chunks.next(); range !== undefined; range = chunks.next()) {
      const encoded = await encoder.encode(dataset, range.start, range.end);
      const feeds = feedsOf(encoded, loss);
      const evaluations: Evaluation[] = [];
      for (const checkpoint of checkpoints) {
        throwIfAborted(signal);
        const { weights } = await contexts.get(checkpoint);
        const found = await evaluateFeeds(this.programs, feeds, encoded.size, weights, batch);
        const broken = found.losses.findIndex((value) => !Number.isFinite(value));
        if (broken >= 0) {
          throw notFinite(checkpoint.file, dataset, range.start + broken);
        }
        evaluations.push(found);
        done += encoded.size;
        onProgress?.({ phase: "evaluating", done, total });
        await yieldToEvents();
      }
      const { targets } = encoded;
      await onChunk({
        start: range.start,
        size: encoded.size,
        targets,
        mask: feeds.get(targetMaskInput),
        checkpoints: evaluations,
      });
    }
  }

  /** Frees the engine's memory. */
  close(): Promise<void> {
    return this.programs.dispose();
  }

  private questionSize(queries: number, aggregate: boolean): QuestionSize {
    const queryFloats = this.options.memoryLimit / 4 / 4 / Math.max(1, queries);
    return { queries, aggregate, queryFloats };
  }

  /**
   * Examples of the first chunk: one batch, so that slow models have ranks to show soon, where a chunk costs nothing
   * beyond its examples.
   */
  firstChunk(plan: Question, queries: number): number {
    return this.fits(plan, queries) ? this.batchSize(plan) : this.chunkSize(plan, queries);
  }

  /**
   * Examples per chunk. Where the weights and query gradients of all checkpoints fit into memory, a chunk is a few
   * hundred examples, so that the first ranks come soon; where they do not, each chunk reads every checkpoint anew,
   * and a chunk is as large as the memory limit lets it be.
   */
  chunkSize(plan: Question, queries: number): number {
    const batch = this.batchSize(plan);
    if (this.fits(plan, queries)) {
      return batch * Math.ceil(smallestChunk / batch);
    }
    const { checkpoints, model } = this.project;
    const inputFloats = model.graph.inputs.reduce(
      (total, input) => total + sizeOf(this.probed.typeAt(input.name, 1).shape),
      0,
    );
    const keptFloats = (plan.split?.once.outputs ?? []).reduce(
      (total, { shape }) => total + shape.reduce<number>((n, size) => n * Number(size), 1),
      0,
    );
    const perExample =
      4 * (inputFloats + keptFloats / planBatch + checkpoints.length * (queries + 3));
    return batch * Math.max(1, Math.floor(this.options.memoryLimit / 4 / perExample / batch));
  }

  /** Whether the weights and query gradients of all checkpoints fit into memory. */
  private fits(plan: Question, queries: number): boolean {
    const { checkpoints, parameters, buffers } = this.project;
    const weightFloats = [...parameters, ...buffers].reduce(
      (total, name) => total + sizeOf(this.probed.typeAt(name, 1).shape),
      0,
    );
    const queryFloats = plan.groups
      .flatMap(({ factors, form }, index) => queryParts(index, factors, form))
      .reduce((total, part) => total + queries * sizeOf(part.shape), 0);
    const isEach = plan.groups.some(({ scale }) => scale?.kind === "each");
    const scaleFloats = isEach ? this.parameterCount : 0;
    const contextFloats = checkpoints.length * (weightFloats + queryFloats + scaleFloats);
    return 4 * contextFloats <= this.options.memoryLimit / 2;
  }

  /** Examples per batch that keep a batch's values within the memory limit and the processor's caches. */
  batchSize(plan: Question): number {
    const wanted = Math.max(bytesPerBatch, bytesPerNode * plan.graph.nodes.length);
    const budget = Math.min(wanted, this.options.memoryLimit / 4);
    const fitting = budget / (4 * plan.floatsPerExample);
    return (
      this.options.batch ?? Math.min(largestBatch, 2 ** Math.max(0, Math.floor(Math.log2(fitting))))
    );
  }
}

/** Collects the outputs of the batches of one chunk. */
class ChunkBuilder {
  private readonly scoreParts: Float32Array;
  private readonly selfParts: Float32Array;
  private readonly losses: Float32Array;
  private margins = new Float32Array(0);
  private predictions = new Float32Array(0);

  constructor(
    private readonly start: number,
    readonly size: number,
    private readonly checkpoints: number,
    private readonly queries: number,
  ) {
    this.scoreParts = new Float32Array(checkpoints * size * queries);
    this.selfParts = new Float32Array(checkpoints * size);
    this.losses = new Float32Array(checkpoints * size);
  }

  put(values: Values, checkpoint: number, weight: number, row: number, rows: number): void {
    const at = checkpoint * this.size + row;
    if (this.queries > 0) {
      const scores = floats(values, outputs.scores);
      scale(scores, rows * this.queries, weight, this.scoreParts, at * this.queries);
    }
    scale(floats(values, outputs.self), rows, weight, this.selfParts, at);
    this.losses.set(floats(values, outputs.loss).subarray(0, rows), at);
    if (values.has(outputs.margin)) {
      if (this.margins.length === 0) {
        this.margins = new Float32Array(this.checkpoints * this.size);
      }
      this.margins.set(floats(values, outputs.margin).subarray(0, rows), at);
    }
    if (checkpoint === this.checkpoints - 1 && values.has(outputs.prediction)) {
      const predictions = floats(values, outputs.prediction);
      const width = values.get(outputs.prediction)?.shape[1] ?? 1;
      if (this.predictions.length === 0) {
        this.predictions = new Float32Array(this.size * width);
      }
      this.predictions.set(predictions.subarray(0, rows * width), row * width);
    }
  }

  /** The first of some rows whose loss or gradient is NaN or infinite at a checkpoint. */
  notFinite(checkpoint: number, row: number, rows: number): number | undefined {
    for (let place = row; place < row + rows; place++) {
      const at = checkpoint * this.size + place;
      if (!Number.isFinite(this.losses[at]) || !Number.isFinite(this.selfParts[at])) {
        return place;
      }
    }
    return undefined;
  }

  finish(): ScoreChunk {
    const { start, size, scoreParts, selfParts, losses, margins, predictions } = this;
    return { start, size, scoreParts, selfParts, losses, margins, predictions };
  }
}

function scale(
  from: Float32Array,
  length: number,
  factor: number,
  to: Float32Array,
  offset: number,
): void {
  for (let index = 0; index < length; index++) {
    to[offset + index] = factor * (from[index] as number);
  }
}

/** A chunk cut into batches; the last one is filled up. */
function batchesOf(
  feeds: Feeds,
  size: number,
  batch: number,
): readonly { row: number; rows: number; feeds: Feeds }[] {
  return Array.from({ length: Math.ceil(size / batch) }, (_, index) => {
    const row = index * batch;
    const rows = Math.min(batch, size - row);
    return { row, rows, feeds: batchOf(feeds, row, rows, batch) };
  });
}

/** That an example has no finite loss or gradient at a checkpoint. */
export function notFinite(checkpoint: string, dataset: Dataset, row: number): TracInError {
  const { file, line } = dataset.locator(row);
  const what = dataset.name === "train" ? "training example" : `example ${dataset.name}`;
  return new TracInError(
    "checkpoint",
    `The loss or gradient of ${what} ${row} (${file}, line ${line + 1}) is not a finite number at this checkpoint.`,
    { file: checkpoint },
    'Training had diverged there, or the example is out of range. Leave the checkpoint out of "checkpoints" in tracin.json, or mend the example.',
  );
}

/** Lets messages (a cancellation) in between two batches. */
function yieldToEvents(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
