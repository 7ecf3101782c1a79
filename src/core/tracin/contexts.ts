import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";
import { outputs, type Question } from "./compile.ts";
import type { FormChoice } from "./cost.ts";
import { queryParts } from "./forms.ts";
import { targetInput } from "./loss.ts";
import type { ProgramCache } from "./programs.ts";
import { batchOf, encodeQueries, explainedLabels, type Feeds, withLabels } from "./questions.ts";
import { concatRows, floats, sliceRows } from "./rows.ts";
import type { QueryResult, QuerySelection } from "./scores.ts";

/** The weights of one checkpoint and the queries' side of the question there. */
export interface CheckpointContext {
  readonly weights: ReadonlyMap<string, Tensor>;
  readonly queries: ReadonlyMap<string, Tensor>;
  /** Scales of the parameters, where they do not all weigh the same. */
  readonly scales: ReadonlyMap<string, Tensor>;
}

/** Queries as the graph takes them, and what is known of them. */
interface ResolvedQueries {
  readonly feeds: Feeds;
  readonly results: readonly QueryResult[];
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

  private latest: { readonly key: string; readonly resolved: Promise<ResolvedQueries> } | undefined;

  /** Reads the queries, settles which label of each is explained, and reports predictions and losses. */
  resolve(selection: readonly QuerySelection[], signal?: AbortSignal): Promise<ResolvedQueries> {
    const key = JSON.stringify(selection);
    if (this.latest?.key !== key) {
      const resolved = this.evaluateQueries(selection, signal);
      this.latest = { key, resolved };
      resolved.catch(() => {
        this.latest = undefined;
      });
    }
    return this.latest.resolved;
  }

  private async evaluateQueries(
    selection: readonly QuerySelection[],
    signal: AbortSignal | undefined,
  ): Promise<ResolvedQueries> {
    const { checkpoints, loss } = this.project;
    const last = checkpoints.at(-1);
    if (selection.length === 0 || last === undefined) {
      return { feeds: new Map(), results: [] };
    }
    const own = await encodeQueries(this.project, selection);
    const weights = await this.project.readWeights(last);
    const { predictions } = await this.evaluate(own, selection.length, weights);
    const targets = own.get(targetInput) as Tensor;
    const labels = explainedLabels(selection, loss, targets, predictions);
    const feeds = withLabels(own, loss, labels);
    const losses: Float32Array[] = [];
    for (const checkpoint of checkpoints) {
      throwIfAborted(signal);
      const at = checkpoint === last ? weights : await this.project.readWeights(checkpoint);
      losses.push((await this.evaluate(feeds, selection.length, at)).losses);
    }
    const width = predictions.length / selection.length;
    const results = selection.map(
      (query, row): QueryResult => ({
        selection: query,
        label: labels[row],
        prediction: predictions.slice(row * width, (row + 1) * width),
        losses: Float32Array.from(losses, (all) => all[row] as number),
      }),
    );
    return { feeds, results };
  }

  /** The function that makes a checkpoint's context. */
  async prepare(
    selection: readonly QuerySelection[],
    plan: Question,
    aggregate: boolean,
    signal?: AbortSignal,
  ): Promise<(checkpoint: ProjectCheckpoint) => Promise<CheckpointContext>> {
    const { feeds } = await this.resolve(selection, signal);
    const forms = plan.groups.map((group) => group.form);
    const parts = plan.groups.flatMap(({ factors, form }, index) =>
      queryParts(index, factors, form).map((part) => part.name),
    );
    return async (checkpoint) => {
      const weights = await this.project.readWeights(checkpoint);
      const scales = await this.readScales(checkpoint);
      const inputs = new Map([...weights, ...scales]);
      const queries =
        selection.length === 0
          ? new Map<string, Tensor>()
          : await this.gradients(feeds, selection.length, inputs, forms, parts, aggregate);
      return { weights, queries, scales };
    };
  }

  private async evaluate(
    feeds: Feeds,
    count: number,
    weights: ReadonlyMap<string, Tensor>,
  ): Promise<{ losses: Float32Array; predictions: Float32Array }> {
    const batch = Math.min(queryBatch, count);
    const program = await this.programs.forward(batch);
    const losses: Tensor[] = [];
    const predictions: Tensor[] = [];
    for (let row = 0; row < count; row += batch) {
      const rows = Math.min(batch, count - row);
      const values = await program.run(new Map([...batchOf(feeds, row, rows, batch), ...weights]));
      losses.push(sliceRows(values.get(outputs.loss) as Tensor, 0, rows));
      predictions.push(sliceRows(values.get(outputs.prediction) as Tensor, 0, rows));
    }
    const joined = new Map([
      [outputs.loss, concatRows(losses)],
      [outputs.prediction, concatRows(predictions)],
    ]);
    return {
      losses: floats(joined, outputs.loss),
      predictions: floats(joined, outputs.prediction),
    };
  }

  private async gradients(
    feeds: Feeds,
    count: number,
    inputs: ReadonlyMap<string, Tensor>,
    forms: readonly FormChoice[],
    parts: readonly string[],
    aggregate: boolean,
  ): Promise<ReadonlyMap<string, Tensor>> {
    const pieces = new Map<string, Tensor[]>(parts.map((name) => [name, []]));
    for (let row = 0; row < count; row += queryBatch) {
      const rows = Math.min(queryBatch, count - row);
      const program = await this.programs.queries(rows, forms, aggregate);
      const values = await program.run(new Map([...batchOf(feeds, row, rows, rows), ...inputs]));
      for (const [name, list] of pieces) {
        list.push(values.get(name) as Tensor);
      }
    }
    return new Map(
      [...pieces].map(([name, list]) => [name, aggregate ? addAll(list) : concatRows(list)]),
    );
  }
}

/** Keeps the contexts of all checkpoints where they fit into memory, else only the latest. */
export class ContextCache {
  private readonly contexts = new Map<string, CheckpointContext>();
  private bytes = 0;

  constructor(
    private readonly make: (checkpoint: ProjectCheckpoint) => Promise<CheckpointContext>,
    private readonly limit: number,
  ) {}

  async get(checkpoint: ProjectCheckpoint): Promise<CheckpointContext> {
    const known = this.contexts.get(checkpoint.file);
    if (known !== undefined) {
      return known;
    }
    const context = await this.make(checkpoint);
    const { weights, queries, scales } = context;
    const size = [...weights.values(), ...queries.values(), ...scales.values()].reduce(
      (total, tensor) => total + tensor.data.byteLength,
      0,
    );
    if (this.bytes + size > this.limit) {
      this.contexts.clear();
      this.bytes = 0;
    }
    this.bytes += size;
    this.contexts.set(checkpoint.file, context);
    return context;
  }
}

/** Sums in double precision: an aggregate may have thousands of parts. */
function addAll(tensors: readonly Tensor[]): Tensor {
  const first = tensors[0];
  if (first === undefined) {
    throw new TracInError("internal", "There are no gradients to sum.");
  }
  if (tensors.length === 1) {
    return first;
  }
  const sum = new Float64Array(first.data.length);
  for (const { data } of tensors) {
    for (let index = 0; index < sum.length; index++) {
      sum[index] = (sum[index] as number) + Number(data[index]);
    }
  }
  return float32(first.shape, sum);
}
