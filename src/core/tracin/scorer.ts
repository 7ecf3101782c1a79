import { type Project, trainingData } from "../config/project.ts";
import type { Dataset } from "../datasets/dataset.ts";
import type { Engine } from "../engines/engine.ts";
import { referenceEngine } from "../engines/reference/engine.ts";
import { throwIfAborted } from "../errors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { type ProbedModel, probeModel } from "../models/probe.ts";
import { type ChunkScoring, type EncodedChunk, scoreChunk } from "./chunk-scoring.ts";
import type { ChunkSource } from "./chunks.ts";
import type { Question } from "./compile.ts";
import { ContextCache } from "./context-cache.ts";
import { type PrepareOptions, QuerySide, type ResolvedQueries } from "./contexts.ts";
import { chooseForms, type FormChooser, type QuestionSize } from "./cost.ts";
import { evaluateDataset } from "./dataset-evaluation.ts";
import type { EvaluatedChunk } from "./evaluation.ts";
import { lossGraph } from "./forward.ts";
import { checkIndependence, type ExampleSample, sampleOf } from "./independence.ts";
import { chooseParameters, type LayerChoice } from "./layers.ts";
import { scaleFeeds, scalingOf } from "./parameter-weights.ts";
import { type Profile, profiled } from "./profile.ts";
import { type ModelOptions, ProgramCache } from "./programs.ts";
import type { QueryBlockSource } from "./query-blocks.ts";
import { type QuestionSizes, sizesOf, smallestChunk } from "./question-sizes.ts";
import { feedsOf, targetForm } from "./questions.ts";
import { repeatRows } from "./rows.ts";
import type { QueryResult, QuerySelection, ScoreChunk, ScoreOptions } from "./scores.ts";

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
  /** Threads of the engine, where this process has more than one core to itself; 1 unless told. */
  readonly threads?: number;
  /** Learns where the time goes; the engine is measured by its own wrapper. */
  readonly profile?: Profile | undefined;
}

/** Most examples of an aggregate query that run at once. */
const largestQueryBlock = 64;
/** Part of the memory limit for what is kept of a chunk from checkpoint to checkpoint beyond what is small. */
const keptShare = 16;

/**
 * Computes TracInCP scores, self-influence, losses and predictions of a project's training examples.
 * One scorer runs in one process; it compiles the model once for each batch size and question.
 */
export class Scorer {
  private readonly querySide: QuerySide;

  private constructor(
    readonly project: Project,
    private readonly options: ScorerOptions,
    readonly probed: ProbedModel,
    /** What every program of it is compiled from. */
    readonly model: ModelOptions,
    /** Names of the parameters whose gradients count. */
    readonly parameters: readonly string[],
    private readonly programs: ProgramCache,
    private readonly sample: ExampleSample,
  ) {
    this.querySide = new QuerySide(project, programs, (checkpoint) =>
      scaleFeeds(project, model.scaling, parameters, checkpoint),
    );
  }

  /** {@link probe} and {@link checkExamples}. */
  static async open(project: Project, options: ScorerOptions): Promise<Scorer> {
    const scorer = await Scorer.probe(project, options);
    await scorer.checkExamples();
    return scorer;
  }

  /**
   * Probes the model.
   *
   * @throws kind `model` when an operator is not supported
   */
  static async probe(project: Project, options: ScorerOptions): Promise<Scorer> {
    const { examples, encoded } = await sampleOf(project);
    const sample = { examples, feeds: feedsOf(encoded, project.loss) };
    const target = targetForm(project, encoded);
    const inputs = project.model.graph.inputs.map((input) => input.name);
    const probed = await probeModel(project.model, options.engine, (batch) => {
      const feeds = [...sample.feeds].filter(([name]) => inputs.includes(name));
      return new Map(feeds.map(([name, rows]) => [name, repeatRows(rows, batch)]));
    });
    const parameters = chooseParameters(
      lossGraph(probed, project.loss, target),
      project.parameters,
      options.layers,
    );
    const model = {
      probed,
      scaling: scalingOf(project, parameters),
      counted: new Set(parameters),
      weights: [...project.parameters, ...project.buffers],
      loss: project.loss,
      target,
      keptFloats: options.memoryLimit / keptShare / 4 / smallestChunk,
    };
    const choose = options.chooseForms ?? chooseForms;
    const programs = new ProgramCache(
      options.engine,
      referenceEngine(),
      model,
      choose,
      options.threads,
    );
    return new Scorer(project, options, probed, model, parameters, programs, sample);
  }

  /**
   * Checks that the examples are independent; one process does it for all.
   *
   * @throws kind `model` when they are not
   */
  async checkExamples(): Promise<void> {
    await checkIndependence(this.project, this.programs, this.sample);
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
    const { checkpoints } = this.project;
    const count = aggregate ? Math.min(1, selection.length) : selection.length;
    const { examples } = chunks;
    const total = examples * checkpoints.length;
    onProgress?.({ phase: "queries", done: 0, total });
    const size = this.questionSize(count, aggregate);
    const plan = await this.plan(count, aggregate);
    const sizes = this.sizes(plan, count);
    const batch = Math.min(sizes.batch, chunks.size, Math.max(1, examples));
    const { profile } = this.options;
    const side = await profiled(profile, "queries", () =>
      this.querySide.prepare(selection, plan, {
        aggregate,
        ...this.blockLimits(sizes.queryBlock),
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
      derivedFloats: plan.derivedFloats,
    });
    const read = () => this.readChunk(chunks);
    let done = 0;
    const work: ChunkScoring = {
      project: this.project,
      training,
      contexts,
      queries: count,
      batch,
      isSplit: plan.split !== undefined,
      readsAhead: sizes.keepsContexts,
      profile,
      signal,
      onRows: (rows) => {
        done += rows;
        onProgress?.({ phase: "scoring", done, total });
      },
    };
    let current = await read();
    let taken: Promise<void> = Promise.resolve();
    while (current !== undefined) {
      throwIfAborted(signal);
      const next = read();
      // The next chunk is read while this one is scored, and the last one taken; their errors count once their turn has come.
      next.catch(() => undefined);
      const finished = await scoreChunk(work, current);
      await taken;
      taken = (async () => onChunk(finished))();
      taken.catch(() => undefined);
      current = await next;
    }
    await taken;
  }

  private async readChunk(chunks: ChunkSource): Promise<EncodedChunk | undefined> {
    const { project, options } = this;
    const range = await chunks.next();
    if (range === undefined) {
      return undefined;
    }
    const train = trainingData(project);
    const encoded = await profiled(options.profile, "decoding", () =>
      range.rows === undefined
        ? project.encoder.encode(train, range.start, range.end)
        : project.encoder.encodeAt(train, range.rows),
    );
    return { ...range, encoded };
  }

  /**
   * Losses and predictions of all examples of a dataset at every checkpoint, chunk after chunk.
   *
   * @throws kind `cancelled` when the signal is aborted, kind `checkpoint` where a loss is not a finite number
   */
  async evaluate(
    dataset: Dataset,
    onChunk: (chunk: EvaluatedChunk) => void | Promise<void>,
    options: Omit<ScoreOptions, "aggregate"> = {},
  ): Promise<void> {
    const sizes = this.sizes(await this.plan(1, true), 1);
    const { memoryLimit } = this.options;
    await evaluateDataset(
      { project: this.project, programs: this.programs, sizes, memoryLimit },
      dataset,
      onChunk,
      options,
    );
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
   * Examples per batch and chunk of a planned question.
   *
   * @param most examples that a chunk should have, so that every process gets one
   */
  sizes(plan: Question, queries: number, most?: number): QuestionSizes {
    return sizesOf(this, { ...this.options, most }, plan, queries);
  }
}
