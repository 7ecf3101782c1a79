import { TracInError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type PairTap, pairOutputs } from "./pair-sites.ts";

/** What the graph of a pair has computed for one example. */
export type PairValues = ReadonlyMap<string, Tensor>;

/** Parts at the places of an example; `ids` where a table is looked up. */
interface Parts {
  readonly ids: readonly number[] | undefined;
  readonly parts: Float64Array;
  /** The layer's part that belongs to no place. */
  readonly rest: number;
}

/** The parts of the first layer at one checkpoint, not weighted. */
export function partsAt(tap: PairTap, query: PairValues, example: PairValues): Parts {
  return tap.input === "ids"
    ? lookupParts(tap, query, example)
    : { ids: undefined, parts: productParts(tap, query, example), rest: 0 };
}

/** Σ over groups of δ_p · (G_q u_p) at each position p, or of u_k (G_qᵀ δ)_k at each element k of the only one. */
function productParts(tap: PairTap, query: PairValues, example: PairValues): Float64Array {
  const { positions, features, outputs, groups, places } = tap;
  const isByElement = places.kind === "elements";
  const parts = new Float64Array(isByElement ? features : positions);
  const [theirInput, theirDelta] = factorsOf(query);
  const [ourInput, ourDelta] = factorsOf(example);
  for (let group = 0; group < groups; group++) {
    const of = (values: Float64Array, width: number) =>
      values.subarray(group * positions * width, (group + 1) * positions * width);
    const gradient = outerSum(of(theirInput, features), of(theirDelta, outputs), tap);
    const inputs = of(ourInput, features);
    const deltas = of(ourDelta, outputs);
    for (let position = 0; position < positions; position++) {
      const delta = deltas.subarray(position * outputs, (position + 1) * outputs);
      for (let feature = 0; feature < features; feature++) {
        const factor = inputs[position * features + feature] as number;
        const row = gradient.subarray(feature * outputs, (feature + 1) * outputs);
        const place = isByElement ? feature : position;
        parts[place] = (parts[place] as number) + (factor === 0 ? 0 : factor * dot(row, delta));
      }
    }
  }
  return parts;
}

/** G [features, outputs] = Σ over positions of u δᵀ. */
function outerSum(
  inputs: Float64Array,
  deltas: Float64Array,
  { positions, features, outputs }: Pick<PairTap, "positions" | "features" | "outputs">,
): Float64Array {
  const gradient = new Float64Array(features * outputs);
  for (let position = 0; position < positions; position++) {
    for (let feature = 0; feature < features; feature++) {
      const factor = inputs[position * features + feature] as number;
      for (let at = 0; factor !== 0 && at < outputs; at++) {
        const place = feature * outputs + at;
        gradient[place] =
          (gradient[place] as number) + factor * (deltas[position * outputs + at] as number);
      }
    }
  }
  return gradient;
}

/**
 * Of a table: δ_p · G_q[id_p] at each token. Where the table is the output layer too, its products u_p d_pᵀ count as well, in the
 * query's gradient and in the example's: u_pᵀ G_q d_p, at the same positions, or (of a pooled output) at none of the tokens.
 */
function lookupParts(tap: PairTap, query: PairValues, example: PairValues): Parts {
  const { outputs: width } = tap;
  const [theirIds, theirDelta] = factorsOf(query);
  const [ids, delta] = factorsOf(example);
  const theirs = tap.tied && tiedFactors(query, width);
  const ours = tap.tied && tiedFactors(example, width);
  const rows = new Map<number, Float64Array>();
  /** G_q[id] */
  const rowOf = (id: number): Float64Array => {
    const known = rows.get(id);
    if (known !== undefined) {
      return known;
    }
    const row = new Float64Array(width);
    theirIds.forEach((other, at) => {
      addScaled(row, at2(theirDelta, at, width), other === id ? 1 : 0);
    });
    for (let at = 0; theirs !== undefined && at < theirs.positions; at++) {
      addScaled(row, theirs.delta(at), theirs.input(at)[id] as number);
    }
    rows.set(id, row);
    return row;
  };
  const parts = Float64Array.from(ids, (id, at) => dot(rowOf(id), at2(delta, at, width)));
  const isPlaced = ours?.positions === parts.length;
  let rest = 0;
  for (let at = 0; ours !== undefined && theirs !== undefined && at < ours.positions; at++) {
    const [u, d] = [ours.input(at), ours.delta(at)];
    let sum = 0;
    theirIds.forEach((id, other) => {
      sum += (u[id] as number) * dot(at2(theirDelta, other, width), d);
    });
    for (let other = 0; other < theirs.positions; other++) {
      sum += dot(u, theirs.input(other)) * dot(theirs.delta(other), d);
    }
    if (isPlaced) {
      parts[at] = (parts[at] as number) + sum;
    } else {
      rest += sum;
    }
  }
  return { ids: Array.from(ids), parts, rest };
}

/** Inputs along the rows of the table, and deltas along its features, at each position of the output layer. */
function tiedFactors(values: PairValues, width: number) {
  const inputs = numbersOf(values, pairOutputs.tiedInput);
  const deltas = numbersOf(values, pairOutputs.tiedDelta);
  const positions = deltas.length / width;
  return {
    positions,
    input: (at: number) => at2(inputs, at, inputs.length / positions),
    delta: (at: number) => at2(deltas, at, width),
  };
}

function factorsOf(values: PairValues): readonly [input: Float64Array, delta: Float64Array] {
  return [numbersOf(values, pairOutputs.firstInput), numbersOf(values, pairOutputs.firstDelta)];
}

/** Row `at` of a matrix. */
function at2(values: Float64Array, at: number, width: number): Float64Array {
  return values.subarray(at * width, (at + 1) * width);
}

function addScaled(sum: Float64Array, values: Float64Array, factor: number): void {
  for (let at = 0; factor !== 0 && at < sum.length; at++) {
    sum[at] = (sum[at] as number) + factor * (values[at] as number);
  }
}

/** A value of the graph, in double precision. */
export function numbersOf(values: PairValues, name: string): Float64Array {
  const tensor = values.get(name);
  if (tensor === undefined) {
    throw new TracInError("internal", `The graph has not computed ${name}.`);
  }
  return Float64Array.from(tensor.data, Number);
}

/** Inner product. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    sum += (a[at] as number) * (b[at] as number);
  }
  return sum;
}
