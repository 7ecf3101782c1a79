import { float32, type Shape, sizeOf, type Tensor } from "../graph/tensor.ts";
import type { SiteFactors } from "../tracin/factors.ts";
import { randomSigns } from "./random.ts";

/**
 * How the gradient of a group of sites becomes part of an example's sketch. Products of sketches are unbiased estimates of
 * products of gradients, whatever the way.
 */
export type GroupProjection =
  /** Every element is kept at a place of its own, as all groups' are: the sketch is the gradient. */
  | { readonly kind: "whole"; readonly size: number }
  /**
   * Every element gets a random sign, and elements are added up that lie a sketch's width apart (a count sketch). `pad`
   * zeros end each row of a matrix, so that neighbours in a column are not added up; a short gradient starts at `offset`.
   */
  | {
      readonly kind: "fold";
      readonly size: number;
      readonly pad: number;
      readonly offset: number;
    }
  /**
   * Kronecker form: sum over `terms` of (A delta)(B u)^T, with random A [outputs, delta's features] and
   * B [inputs, u's features] for each term. `keepsOutputs`: A only changes signs.
   */
  | {
      readonly kind: "kronecker";
      readonly outputs: number;
      readonly inputs: number;
      readonly terms: number;
      readonly keepsOutputs: boolean;
      readonly features: { readonly u: number; readonly delta: number };
    };

/** The ways of all groups of a model, in their order. */
export interface SketchPlan {
  /** Numbers per example and checkpoint. */
  readonly width: number;
  /** Whether products of sketches are products of gradients, up to rounding. */
  readonly isExact: boolean;
  readonly groups: readonly GroupProjection[];
}

/** Elements of a group's gradient. */
export function gradientSize(factors: SiteFactors): number {
  switch (factors.kind) {
    case "vector":
      return factors.size;
    case "rows":
      return factors.rows * factors.delta.features;
    case "tied":
      return factors.rows.rows * factors.rows.delta.features;
    case "outer":
      return factors.groups * factors.u.features * factors.delta.features;
  }
}

/** Elements of a gradient per number of the sketch up to which it is written out and folded: with one position, and with more. */
const foldedUpTo = { one: 4, several: 16 } as const;
/** Random matrices may cost this many times the layer's own product. */
const affordable = 3;
const mostTerms = 32;
/** Elements of the random matrix for the rows of a table. */
const mostRowElements = 2 ** 21;

/**
 * Chooses how each group is projected. All groups are added into the same numbers, because the best split between them
 * would depend on the norms of their gradients; a model whose gradient has no more elements than the sketch is kept as it is.
 *
 * @param size numbers per example and checkpoint
 */
export function planSketch(groups: readonly SiteFactors[], size: number): SketchPlan {
  const sizes = groups.map(gradientSize);
  const total = sizes.reduce((sum, each) => sum + each, 0);
  if (total <= size) {
    return {
      width: total,
      isExact: true,
      groups: sizes.map((each) => ({ kind: "whole", size: each })),
    };
  }
  return {
    width: size,
    isExact: false,
    groups: groups.map((factors, index) => projectionOf(factors, size, index)),
  };
}

function projectionOf(factors: SiteFactors, width: number, index: number): GroupProjection {
  const size = gradientSize(factors);
  const isTable = factors.kind === "rows" || factors.kind === "tied";
  const isMatrix = factors.kind === "outer";
  const positions = isMatrix ? factors.u.positions : 1;
  const largest = width * (positions > 1 ? foldedUpTo.several : foldedUpTo.one);
  const isFolded =
    factors.kind === "vector" ||
    (isMatrix && (factors.groups > 1 || size <= largest)) ||
    size <= width;
  if (isFolded) {
    const columns = isMatrix ? factors.u.features : size;
    const pad = isMatrix && size > width ? coprimePad(columns, width) : 0;
    const room = width - size;
    // Groups that are shorter than the sketch start at different places.
    const offset = room > 0 ? Math.floor(((index * 0.618034) % 1) * room) : 0;
    return { kind: "fold", size: (size / columns) * (columns + pad), pad, offset };
  }
  const [u, delta] = isTable
    ? [
        factors.kind === "rows" ? factors.rows : factors.rows.rows,
        factors.kind === "rows" ? factors.delta.features : factors.rows.delta.features,
      ]
    : [factors.u.features, factors.delta.features];
  return kronecker(width, u, delta, isTable);
}

/** The split of the sketch into outputs x inputs with the least error for the same work. */
function kronecker(width: number, u: number, delta: number, isTable: boolean): GroupProjection {
  const powers = Array.from({ length: 16 }, (_, power) => 2 ** power);
  const choices = powers
    .filter((outputs) => outputs < delta && outputs <= width)
    .map((outputs) => ({ outputs, keepsOutputs: false }));
  if (delta <= width / 4) {
    choices.push({ outputs: delta, keepsOutputs: true });
  }
  const rated = choices.map(({ outputs, keepsOutputs }) => {
    const inputs = Math.min(Math.floor(width / outputs), isTable ? width : u);
    // A row of a table is looked up, not multiplied.
    const work = outputs * delta + (isTable ? 0 : inputs * u) + outputs * inputs;
    const error = (keepsOutputs ? 0 : 1 / outputs) + 1 / inputs;
    return { outputs, inputs, keepsOutputs, work, rating: error * work };
  });
  const best = rated.reduce((a, b) => (b.rating < a.rating ? b : a));
  const budget = Math.floor((affordable * u * delta) / best.work);
  const fitting = isTable
    ? Math.floor(mostRowElements / (u * best.inputs))
    : Number.POSITIVE_INFINITY;
  const { outputs, inputs, keepsOutputs } = best;
  const terms = Math.max(1, Math.min(mostTerms, budget, fitting));
  return { kind: "kronecker", outputs, inputs, terms, keepsOutputs, features: { u, delta } };
}

/** Zeros after each row of a matrix that leave no common divisor of row length and width. */
function coprimePad(columns: number, width: number): number {
  let pad = 0;
  while (greatestDivisor(columns + pad, width) !== 1) {
    pad++;
  }
  return pad;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** A random tensor that a group's projection takes, by the name of its graph input. */
export interface RandomTensor {
  readonly name: string;
  readonly shape: Shape;
}

/** Names and shapes of a group's random tensors. */
export function randomTensors(projection: GroupProjection, group: number): readonly RandomTensor[] {
  const name = (what: string) => `tracin.sketch.${group}.${what}`;
  switch (projection.kind) {
    case "whole":
      return [];
    case "fold":
      return [{ name: name("signs"), shape: [projection.size] }];
    case "kronecker": {
      const { features, terms, outputs, inputs } = projection;
      return [
        { name: name("outputs"), shape: [features.delta, terms * outputs] },
        { name: name("inputs"), shape: [features.u, terms * inputs] },
      ];
    }
  }
}

/**
 * The random tensors of all groups, the same for equal keys. A checkpoint has a key of its own, so that the errors of different
 * checkpoints are independent and partly cancel in the sum.
 */
export function drawSketch(plan: SketchPlan, key: string): ReadonlyMap<string, Tensor> {
  const drawn = new Map<string, Tensor>();
  plan.groups.forEach((projection, group) => {
    for (const { name, shape } of randomTensors(projection, group)) {
      const data = drawTensor(projection, name, `${key} ${name}`, sizeOf(shape));
      drawn.set(name, float32(shape, data));
    }
  });
  return drawn;
}

function drawTensor(
  projection: GroupProjection,
  name: string,
  key: string,
  count: number,
): Float32Array {
  if (projection.kind !== "kronecker") {
    return randomSigns(key, count);
  }
  const { outputs, inputs, terms, keepsOutputs, features } = projection;
  if (name.endsWith("inputs")) {
    return randomSigns(key, count, 1 / Math.sqrt(inputs));
  }
  const scale = 1 / Math.sqrt(terms);
  if (!keepsOutputs) {
    return randomSigns(key, count, scale / Math.sqrt(outputs));
  }
  const signs = randomSigns(key, terms * outputs, scale);
  const diagonal = new Float32Array(count);
  for (let row = 0; row < features.delta; row++) {
    for (let term = 0; term < terms; term++) {
      const at = term * outputs + row;
      diagonal[row * terms * outputs + at] = signs[at] as number;
    }
  }
  return diagonal;
}

/** Floats per example that projecting a group takes on the way. */
export function sketchFloats(plan: SketchPlan, groups: readonly SiteFactors[]): number {
  return plan.groups.reduce((total, projection, index) => {
    if (projection.kind !== "kronecker") {
      return total + 2 * projection.size + plan.width;
    }
    const { terms, outputs, inputs } = projection;
    const factors = groups[index];
    const positions =
      factors?.kind === "outer"
        ? factors.u.positions
        : factors?.kind === "rows"
          ? factors.delta.positions
          : factors?.kind === "tied"
            ? factors.rows.delta.positions + factors.outer.u.positions
            : 1;
    return total + 2 * positions * terms * (outputs + inputs) + 2 * plan.width;
  }, 0);
}
