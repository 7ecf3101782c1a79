import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";
import { relativeRate } from "../tracin/parameter-weights.ts";
import { batchOf, type Feeds } from "../tracin/questions.ts";
import { concatRows, floats } from "../tracin/rows.ts";
import type { IndexManifest } from "./manifest.ts";
import { type IndexLayout, type IndexPrograms, indexOutputs, queryInput } from "./programs.ts";
import { kindOf } from "./settings.ts";
import { drawSketch } from "./sketch.ts";
import { groupWeight } from "./sketch-graph.ts";
import { type StoredGroup, weighedParts } from "./stored-factors.ts";

/** The queries' side of the programs that score stored examples, at one checkpoint. */
export type IndexQueries = ReadonlyMap<string, Tensor>;

/** Queries that run at once. */
const queryBatch = 16;

export interface QueryOptions {
  readonly project: Project;
  readonly programs: IndexPrograms;
  readonly layout: IndexLayout;
  readonly manifest: IndexManifest;
  /** The queries as the graph takes them, `count` of them. */
  readonly feeds: Feeds;
  readonly count: number;
  /** Whether they are summed to one. */
  readonly aggregate: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How much each group's products weigh at a checkpoint, as multiples of the checkpoint's weight; see {@link mixedRates}. */
export function groupScales(
  groups: readonly (readonly string[])[],
  checkpoint: ProjectCheckpoint,
): readonly number[] {
  return groups.map(([name]) => (name === undefined ? 1 : relativeRate(checkpoint, name)));
}

/** The parameters of a group that have different rates at a checkpoint: their products were added before they were kept. */
export function mixedRates(
  groups: readonly (readonly string[])[],
  checkpoint: ProjectCheckpoint,
): readonly string[] | undefined {
  return groups.find(
    (names) => new Set(names.map((name) => relativeRate(checkpoint, name))).size > 1,
  );
}

/** Projects the queries' gradients, or takes their factors, at a checkpoint of the index. */
export async function prepareQueries(
  options: QueryOptions,
  checkpoint: ProjectCheckpoint,
): Promise<IndexQueries> {
  const { project, manifest, layout } = options;
  const { settings, groups } = manifest;
  const scales = groupScales(groups, checkpoint);
  const weights = await project.readWeights(checkpoint);
  if (settings.type === "factors" || layout.sketch === undefined) {
    return factorQueries(options, weights, scales);
  }
  const key = manifest.checkpoints.find(({ file }) => file === checkpoint.file)?.key ?? "";
  const random = drawSketch(layout.sketch, `${settings.seed} ${key}`);
  const constants = scales.map(
    (scale, group) => [groupWeight(group), float32([], [scale])] as const,
  );
  const inputs = new Map([...weights, ...random, ...constants]);
  const width = layout.sketch.width;
  const queries = options.aggregate ? 1 : options.count;
  const transposed = new Float32Array(width * queries);
  await eachBatch(options, async (feeds, row, rows) => {
    const program = await options.programs.querySketch(kindOf(settings), rows);
    const values = await program.run(new Map([...feeds, ...inputs]));
    const sketches = floats(values, indexOutputs.sketch);
    for (let query = 0; query < rows; query++) {
      const column = options.aggregate ? 0 : row + query;
      for (let place = 0; place < width; place++) {
        const at = place * queries + column;
        transposed[at] = (transposed[at] as number) + (sketches[query * width + place] as number);
      }
    }
  });
  return new Map([[queryInput, float32([width, queries], transposed)]]);
}

async function factorQueries(
  options: QueryOptions,
  weights: ReadonlyMap<string, Tensor>,
  scales: readonly number[],
): Promise<IndexQueries> {
  const { layout, aggregate, count } = options;
  const pieces = new Map<string, Tensor[]>();
  await eachBatch(options, async (feeds, _, rows) => {
    const program = await options.programs.queryFactors(rows, aggregate);
    for (const [name, value] of await program.run(new Map([...feeds, ...weights]))) {
      if (name.startsWith("tracin.query.")) {
        pieces.set(name, [...(pieces.get(name) ?? []), value]);
      }
    }
  });
  const question = { queries: aggregate ? 1 : count, aggregate };
  const weighed = new Map(
    layout.stored.flatMap((stored: StoredGroup, group) =>
      weighedParts(group, stored, question).map((name) => [name, scales[group] ?? 1] as const),
    ),
  );
  return new Map(
    [...pieces].map(([name, parts]) => [
      name,
      times(aggregate ? sumOf(parts) : concatRows(parts), weighed.get(name) ?? 1),
    ]),
  );
}

async function eachBatch(
  { feeds, count, signal }: QueryOptions,
  action: (feeds: Feeds, row: number, rows: number) => Promise<void>,
): Promise<void> {
  for (let row = 0; row < count; row += queryBatch) {
    throwIfAborted(signal);
    const rows = Math.min(queryBatch, count - row);
    await action(batchOf(feeds, row, rows, rows), row, rows);
  }
}

function times(tensor: Tensor, factor: number): Tensor {
  return factor === 1
    ? tensor
    : float32(
        tensor.shape,
        Float32Array.from(tensor.data, (value: number | bigint) => Number(value) * factor),
      );
}

function sumOf(tensors: readonly Tensor[]): Tensor {
  const [first] = tensors;
  if (first === undefined) {
    throw new TracInError("internal", "There are no gradients to sum.");
  }
  const sum = new Float64Array(first.data.length);
  for (const { data } of tensors) {
    for (let index = 0; index < sum.length; index++) {
      sum[index] = (sum[index] as number) + Number(data[index]);
    }
  }
  return float32(first.shape, sum);
}
