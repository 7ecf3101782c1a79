import type { Project, ProjectCheckpoint } from "../config/project.ts";
import { throwIfAborted } from "../errors.ts";
import { float32, type Tensor } from "../graph/tensor.ts";
import { Collected } from "../tracin/collected.ts";
import { relativeRate } from "../tracin/parameter-weights.ts";
import type { QueryBlockSource } from "../tracin/query-blocks.ts";
import { floats } from "../tracin/rows.ts";
import type { IndexManifest } from "./manifest.ts";
import { type IndexLayout, type IndexPrograms, queryInput, sketchTensor } from "./programs.ts";
import { kindOf } from "./settings.ts";
import { drawSketch } from "./sketch.ts";
import { groupWeight } from "./sketch-graph.ts";
import { type StoredGroup, weighedParts } from "./stored-factors.ts";

/** The queries' side of the programs that score stored examples, at one checkpoint. */
export type IndexQueries = ReadonlyMap<string, Tensor>;

export interface QueryOptions {
  readonly project: Project;
  readonly programs: IndexPrograms;
  readonly layout: IndexLayout;
  readonly manifest: IndexManifest;
  /** The queries as the graph takes them, `count` of them. */
  readonly blocks: QueryBlockSource;
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
  const transposed = new Float64Array(width * queries);
  let row = 0;
  for await (const { rows, feeds } of options.blocks()) {
    throwIfAborted(options.signal);
    const program = await options.programs.querySketch(kindOf(settings), rows);
    const values = await program.run(new Map([...feeds, ...inputs]));
    const sketches = floats(values, sketchTensor);
    for (let query = 0; query < rows; query++) {
      const column = options.aggregate ? 0 : row + query;
      for (let place = 0; place < width; place++) {
        const at = place * queries + column;
        transposed[at] = (transposed[at] as number) + (sketches[query * width + place] as number);
      }
    }
    row += rows;
  }
  return new Map([[queryInput, float32([width, queries], transposed)]]);
}

async function factorQueries(
  options: QueryOptions,
  weights: ReadonlyMap<string, Tensor>,
  scales: readonly number[],
): Promise<IndexQueries> {
  const { layout, aggregate, count } = options;
  const collected = aggregate ? Collected.sums() : Collected.rows(count);
  for await (const { rows, feeds } of options.blocks()) {
    throwIfAborted(options.signal);
    const program = await options.programs.queryFactors(rows, aggregate);
    for (const [name, value] of await program.run(new Map([...feeds, ...weights]))) {
      if (name.startsWith("tracin.query.")) {
        collected.add(name, value);
      }
    }
  }
  const question = { queries: aggregate ? 1 : count, aggregate };
  const weighed = new Map(
    layout.stored.flatMap((stored: StoredGroup, group) =>
      weighedParts(group, stored, question).map((name) => [name, scales[group] ?? 1] as const),
    ),
  );
  return new Map(
    [...collected.results].map(([name, value]) => [name, times(value, weighed.get(name) ?? 1)]),
  );
}

function times(tensor: Tensor, factor: number): Tensor {
  return factor === 1
    ? tensor
    : float32(
        tensor.shape,
        Float32Array.from(tensor.data, (value: number | bigint) => Number(value) * factor),
      );
}
