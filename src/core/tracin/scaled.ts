import type { FormChoice } from "./cost.ts";
import {
  featuresFirst,
  type Outer,
  positionsFirst,
  type Rows,
  type SiteFactors,
} from "./factors.ts";
import { explicitGradient, isFeaturesFirst, isTurned } from "./forms/outer.ts";
import { sharedRows } from "./forms/rows.ts";
import { tiedGradient } from "./forms/tied.ts";
import { emitSelf } from "./forms.ts";
import type { Forward } from "./forward.ts";
import { asOuter } from "./gradients.ts";
import type { Keepable } from "./invariant.ts";
import { type SiteGroup, sitesOf } from "./layout.ts";
import type { GroupScale } from "./scaling.ts";
import type { Site } from "./sites.ts";

/** A group of sites whose gradient products are scaled. */
export interface ScaledGroup {
  readonly group: SiteGroup;
  readonly factors: SiteFactors;
  readonly form: FormChoice;
  readonly scale: GroupScale;
}

/**
 * The query's parts of a group (those of `emitQuery`, in order) with the scale multiplied in: the training side then
 * is the same as without. One scale goes into any of the forms; scales of single elements need the gradient itself
 * (tangent, explicit) or, for rows of a table, the rows' own scales.
 */
export function scaleQuery(
  forward: Forward,
  { group, factors, form, scale }: ScaledGroup,
  parts: readonly string[],
): readonly string[] {
  const { builder, batch } = forward;
  const others = parts.slice(0, -1);
  const last = parts.at(-1) ?? "";
  if (factors.kind === "tied") {
    // Each of its two parts ends with what carries the scale: the gradient, or the deltas of lookups and of products.
    const half = parts.length / 2;
    return parts.map((part, index) =>
      parts.length === 1 || (index + 1) % half === 0 ? builder.mul(part, scale.value) : part,
    );
  }
  if (scale.kind === "one" || factors.kind === "vector") {
    const value = scale.kind === "one" ? scale.value : builder.reshape(scale.value, [-1]);
    return [...others, builder.mul(last, value)];
  }
  if (factors.kind === "rows") {
    const own =
      form.score === "tangent" ? scale.value : rowScales(forward, factors, scale.value, batch);
    return [...others, builder.mul(last, own)];
  }
  const matrix = asOuter(forward, sitesOf(group)[0] as Site, scale.value);
  const inLayout =
    form.score === "explicit"
      ? explicitOrder(forward, factors, matrix)
      : isFeaturesFirst(factors)
        ? matrix
        : builder.transpose(matrix, [1, 0]);
  return [...others, builder.mul(last, inLayout)];
}

/** Appends the scaled self-influence of each example for a group: [batch]. */
export function emitScaledSelf(
  forward: Forward,
  { group, factors, form, scale }: ScaledGroup,
  keepable: Keepable[],
): string {
  const { builder, batch } = forward;
  if (scale.kind === "one") {
    return builder.mul(emitSelf(builder, factors, form, batch, keepable), scale.value);
  }
  if (factors.kind === "vector") {
    return weighted(forward, factors.value, scale.value, factors.size);
  }
  if (factors.kind === "rows") {
    const { delta } = factors;
    const scaled = builder.mul(
      positionsFirst(builder, delta),
      rowScales(forward, factors, scale.value, batch),
    );
    const products = builder.matmul(scaled, featuresFirst(builder, delta));
    return sharedRows(builder, factors, products, batch);
  }
  if (factors.kind === "tied") {
    const size = factors.rows.rows * factors.rows.delta.features;
    const gradient = builder.reshape(tiedGradient(builder, factors, batch), [batch, size]);
    return weighted(forward, gradient, scale.value, size);
  }
  const matrix = asOuter(forward, sitesOf(group)[0] as Site, scale.value);
  if (form.self === "factorised") {
    return onePosition(forward, factors, matrix);
  }
  const size = factors.groups * factors.delta.features * factors.u.features;
  const gradient = explicitGradient(builder, factors, batch);
  return weighted(forward, gradient, explicitOrder(forward, factors, matrix), size);
}

/** A matrix [groups * outputs, inputs] in the order of the explicit gradient. */
function explicitOrder({ builder }: Forward, factors: Outer, matrix: string): string {
  const ordered = isTurned(factors) ? builder.transpose(matrix, [1, 0]) : matrix;
  return builder.reshape(ordered, [-1]);
}

/** With one position, G is the outer product of delta and u: sum of delta^2 times (scale u^2). */
function onePosition({ builder, batch }: Forward, { u, delta }: Outer, matrix: string): string {
  const square = (value: string) => builder.mul(value, value);
  const inputs = square(builder.reshape(u.value, [batch, u.features]));
  const deltas = square(builder.reshape(delta.value, [batch, delta.features]));
  const scaled = builder.matmul(inputs, builder.transpose(matrix, [1, 0]));
  return builder.reduceSum(builder.mul(scaled, deltas), [1]);
}

/** Sum of scale * g^2 over the elements of a flat gradient [batch, size]: [batch]. */
function weighted({ builder, batch }: Forward, gradient: string, scale: string, size: number) {
  const squares = builder.mul(gradient, gradient);
  const sums = builder.matmul(squares, builder.reshape(scale, [size, 1]));
  return builder.reshape(sums, [batch]);
}

/** The scales of the rows that each position looks up: [batch, positions, features]. */
function rowScales(
  { builder }: Forward,
  { ids, delta }: Rows,
  table: string,
  batch: number,
): string {
  const rows = builder.op("Gather", [table, builder.reshape(ids, [-1])], { axis: 0 });
  return builder.reshape(rows, [batch, delta.positions, delta.features]);
}
