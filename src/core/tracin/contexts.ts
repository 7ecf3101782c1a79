import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { Collected } from "./collected.ts";
import type { Question } from "./compile.ts";
import type { CheckpointContext } from "./context-cache.ts";
import type { FormChoice } from "./cost.ts";
import { type Evaluation, evaluateFeeds } from "./evaluation.ts";
import { queryParts } from "./forms.ts";
import { targetInput, targetMaskInput } from "./loss/loss.ts";
import { readPositions } from "./positions.ts";
import type { ProgramCache } from "./programs.ts";
import { type QueryBlock, type QueryBlockSource, QueryBlocks } from "./query-blocks.ts";
import {
  batchOf,
  encodeQueries,
  explainedLabels,
  type Feeds,
  readingOf,
  withLabels,
  withPredictions,
} from "./questions.ts";
import type { QueryPositions, QueryResult, QuerySelection } from "./scores.ts";

/** Queries as the graph takes them, and what is known of them. */
export interface ResolvedQueries {
  readonly feeds: Feeds;
  readonly results: readonly QueryResult[];
}

/** Queries with what is explained as their targets. */
interface ExplainedQueries {
  /** With their own targets. */
  readonly own: Feeds;
  readonly feeds: Feeds;
  readonly labels: readonly (number | undefined)[];
  /** With their own targets, at the last checkpoint. */
  readonly first: Evaluation;
}

const nothingExplained: ExplainedQueries = {
  own: new Map(),
  feeds: new Map(),
  labels: [],
  first: {
    losses: new Float32Array(0),
    predictions: new Float32Array(0),
    positions: undefined,
  },
};

/** How the queries' side is made. */
export interface PrepareOptions {
  readonly aggregate: boolean;
  /** Most examples that run at once. */
  readonly block: number;
  /** Bytes for decoded examples of an aggregate. */
  readonly memory: number;
  readonly signal: AbortSignal | undefined;
}

/** Queries that run at once. */
const queryBatch = 16;

/** Computes what the training side needs of the queries. */
export class QuerySide {
  constructor(
    private readonly project: Project,
    private readonly programs: ProgramCache,
    private readonly readScales: (
      checkpoint: ProjectCheckpoint,
    ) => Promise<ReadonlyMap<string, Tensor>>,
  ) {}

  private latest:
    | {
        readonly key: string;
        readonly explained: Promise<ExplainedQueries>;
        resolved?: Promise<ResolvedQueries>;
      }
    | undefined;

  /** Reads the queries, settles which label of each is explained, and reports predictions and losses. */
  resolve(selection: readonly QuerySelection[], signal?: AbortSignal): Promise<ResolvedQueries> {
    const latest = this.read(selection);
    latest.resolved ??= this.forgetFailed(
      latest.explained.then((explained) => this.evaluateQueries(selection, explained, signal)),
    );
    return latest.resolved;
  }

  /** The queries that were asked for last are kept. */
  private read(selection: readonly QuerySelection[]) {
    // A new example's own key stands for its image.
    const key = JSON.stringify(selection, (_, value: unknown) =>
      value instanceof Uint8Array ? undefined : value,
    );
    if (this.latest?.key !== key) {
      this.latest = { key, explained: this.forgetFailed(this.explain(selection)) };
    }
    return this.latest;
  }

  private forgetFailed<Result>(work: Promise<Result>): Promise<Result> {
    work.catch(() => {
      this.latest = undefined;
    });
    return work;
  }

  private async explain(selection: readonly QuerySelection[]): Promise<ExplainedQueries> {
    const last = this.project.checkpoints.at(-1);
    if (selection.length === 0 || last === undefined) {
      return nothingExplained;
    }
    const own = await encodeQueries(this.project, selection);
    const weights = await this.project.readWeights(last);
    const first = await this.evaluate(own, selection.length, weights);
    return { own, first, ...this.explainedFeeds(own, selection, first) };
  }

  private async evaluateQueries(
    selection: readonly QuerySelection[],
    { own, first, feeds, labels }: ExplainedQueries,
    signal: AbortSignal | undefined,
  ): Promise<ResolvedQueries> {
    const { checkpoints } = this.project;
    const losses: Float32Array[] = [];
    for (const [index, checkpoint] of selection.length === 0 ? [] : checkpoints.entries()) {
      throwIfAborted(signal);
      if (index === checkpoints.length - 1 && areTargets(selection)) {
        losses.push(first.losses);
        continue;
      }
      const weights = await this.project.readWeights(checkpoint);
      losses.push((await this.evaluate(feeds, selection.length, weights)).losses);
    }
    const width = first.predictions.length / selection.length;
    const results = selection.map(
      (query, row): QueryResult => ({
        selection: query,
        label: labels[row],
        prediction: first.predictions.slice(row * width, (row + 1) * width),
        positions: positionsOf(own, first, row),
        losses: Float32Array.from(losses, (all) => all[row] as number),
      }),
    );
    return { feeds, results };
  }

  /** The queries' feeds with what is explained as their targets. */
  private explainedFeeds(
    own: Feeds,
    selection: readonly QuerySelection[],
    { predictions, positions }: Evaluation,
  ): { readonly feeds: Feeds; readonly labels: readonly (number | undefined)[] } {
    const { loss } = this.project;
    const targets = own.get(targetInput) as Tensor;
    const reading = readingOf(this.project);
    const labels = explainedLabels(selection, loss, reading, targets, predictions);
    const feeds =
      positions === undefined
        ? withLabels(own, loss, labels)
        : withPredictions(own, selection, positions.predicted);
    return { feeds, labels };
  }

  /** The function that makes a checkpoint's context. */
  async prepare(
    selection: readonly QuerySelection[],
    plan: Question,
    { aggregate, block, memory, signal }: PrepareOptions,
  ): Promise<(checkpoint: ProjectCheckpoint) => Promise<CheckpointContext>> {
    const blocks = await this.blocks(selection, { aggregate, block, memory });
    const count = selection.length;
    const forms = plan.groups.map((group) => group.form);
    const parts = plan.groups.flatMap(({ factors, form }, index) =>
      queryParts(index, factors, form).map((part) => part.name),
    );
    return async (checkpoint) => {
      const weights = await this.programs.withDerived(
        await this.project.readWeights(checkpoint),
        plan,
      );
      const scales = await this.readScales(checkpoint);
      const inputs = new Map([...weights, ...scales]);
      const queries =
        selection.length === 0
          ? new Map<string, Tensor>()
          : await this.gradients(blocks(), inputs, forms, parts, { aggregate, count, signal });
      return { weights, queries, scales };
    };
  }

  /**
   * The queries as the graph takes them, some at a time, as often as they are asked for. Targets of an aggregate need no look at
   * predictions: its examples are read block by block.
   */
  async blocks(
    selection: readonly QuerySelection[],
    { aggregate, block, memory }: Omit<PrepareOptions, "signal">,
  ): Promise<QueryBlockSource> {
    if (aggregate && areTargets(selection)) {
      const source = new QueryBlocks(this.project, selection, block, memory);
      return () => source.blocks();
    }
    const { feeds } = await this.read(selection).explained;
    return () => blocksOf(feeds, selection.length, Math.min(queryBatch, block));
  }

  private evaluate(
    feeds: Feeds,
    count: number,
    weights: ReadonlyMap<string, Tensor>,
  ): Promise<Evaluation> {
    return evaluateFeeds(this.programs, feeds, count, weights, Math.min(queryBatch, count));
  }

  /** The queries' gradients at one checkpoint, one after the other or added up. */
  private async gradients(
    blocks: ReturnType<QueryBlockSource>,
    inputs: ReadonlyMap<string, Tensor>,
    forms: readonly FormChoice[],
    parts: readonly string[],
    {
      aggregate,
      count,
      signal,
    }: Pick<PrepareOptions, "aggregate" | "signal"> & { readonly count: number },
  ): Promise<ReadonlyMap<string, Tensor>> {
    const collected = aggregate ? Collected.sums() : Collected.rows(count);
    for await (const { rows, feeds } of blocks) {
      throwIfAborted(signal);
      const program = await this.programs.queries(rows, forms, aggregate);
      const values = await program.run(new Map([...feeds, ...inputs]));
      for (const name of parts) {
        collected.add(name, values.get(name) as Tensor);
      }
    }
    return collected.results;
  }
}

/** Whether the examples' own targets are explained. */
function areTargets(selection: readonly QuerySelection[]): boolean {
  return selection.every(({ explain }) => explain === "target");
}

/** Queries in blocks; of one size where they can be, since each size is compiled. */
function* blocksOf(feeds: Feeds, count: number, most: number): Generator<QueryBlock> {
  const sizes = Array.from({ length: Math.ceil(most / 2) }, (_, less) => most - less);
  const size = sizes.find((each) => count % each === 0) ?? most;
  for (let row = 0; row < count; row += size) {
    const rows = Math.min(size, count - row);
    yield { rows, feeds: batchOf(feeds, row, rows, rows) };
  }
}

/** Where the model fails on one query, if there are positions. */
function positionsOf(
  own: Feeds,
  { positions, losses }: Evaluation,
  row: number,
): QueryPositions | undefined {
  if (positions === undefined) {
    return undefined;
  }
  const width = positions.losses.length / losses.length;
  const [from, to] = [row * width, (row + 1) * width];
  const targets = own.get(targetInput) as Tensor;
  return readPositions(
    targets.data.subarray(from, to),
    own.get(targetMaskInput)?.data.subarray(from, to),
    positions.losses.subarray(from, to),
    positions.predicted.subarray(from, to),
    targets.shape.slice(1),
  );
}
