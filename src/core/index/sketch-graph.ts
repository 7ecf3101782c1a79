import type { GraphBuilder } from "../graph/builder.ts";
import { type Outer, positionsFirst, type Rows, type SiteFactors } from "../tracin/factors.ts";
import type { Forward } from "../tracin/forward.ts";
import { type GroupProjection, randomTensors, type SketchPlan } from "./sketch.ts";
import { wholeGradient, zeroPadded } from "./whole-gradient.ts";

/** The graph input with what a group's gradient is multiplied with: a scalar. */
export function groupWeight(group: number): string {
  return `tracin.sketch.${group}.weight`;
}

/**
 * Appends the sketch of each example, [batch, width], to a graph with the factors of its gradients.
 *
 * @param weighted whether groups weigh differently (the queries' side): then each has a scalar input, {@link groupWeight}
 */
export function emitSketch(
  forward: Forward,
  groups: readonly SiteFactors[],
  plan: SketchPlan,
  weighted: boolean,
): string {
  const { builder } = forward;
  const parts = groups.map((factors, index) => {
    const projection = plan.groups[index] as GroupProjection;
    const part = emitGroup(forward, factors, projection, index, plan.width);
    if (!weighted) {
      return part;
    }
    const weight = builder.input({ name: groupWeight(index), dtype: "float32", shape: [] });
    return builder.mul(part, weight);
  });
  const [first = ""] = parts;
  if (parts.length === 1) {
    return first;
  }
  return plan.isExact ? builder.op("Concat", parts, { axis: 1 }) : builder.op("Sum", parts);
}

function emitGroup(
  forward: Forward,
  factors: SiteFactors,
  projection: GroupProjection,
  group: number,
  width: number,
): string {
  const { builder, batch } = forward;
  const [first = "", second = ""] = randomTensors(projection, group).map(({ name, shape }) =>
    builder.input({ name, dtype: "float32", shape }),
  );
  switch (projection.kind) {
    case "whole":
      return wholeGradient(forward, factors);
    case "fold": {
      const { size, pad, offset } = projection;
      const signed = builder.mul(wholeGradient(forward, factors, pad), first);
      const folds = Math.ceil((offset + size) / width);
      const all = zeroPadded(builder, signed, [offset, folds * width - offset - size]);
      return folds === 1
        ? all
        : builder.reduceSum(builder.reshape(all, [batch, folds, width]), [1]);
    }
    case "kronecker": {
      const { outputs, inputs, terms } = projection;
      const pairs = projectedPairs(builder, factors, first, second, batch).map(
        ({ delta, u, positions }) => {
          // A term is like one more position: the product sums over both.
          const rows = positions * terms;
          const left = builder.reshape(delta, [batch, rows, outputs]);
          const right = builder.reshape(u, [batch, rows, inputs]);
          return builder.matmul(builder.transpose(left, [0, 2, 1]), right);
        },
      );
      const [only = ""] = pairs;
      const sum = pairs.length === 1 ? only : builder.op("Sum", pairs);
      const flat = builder.reshape(sum, [batch, outputs * inputs]);
      return zeroPadded(builder, flat, [0, width - outputs * inputs]);
    }
  }
}

/** The projected factors of each part of a group's gradient: [batch, positions, terms * outputs or inputs]. */
function projectedPairs(
  builder: GraphBuilder,
  factors: SiteFactors,
  a: string,
  b: string,
  batch: number,
): readonly { readonly delta: string; readonly u: string; readonly positions: number }[] {
  const ofRows = ({ ids, delta }: Rows) => ({
    delta: builder.matmul(positionsFirst(builder, delta), a),
    u: builder.op("Gather", [b, ids], { axis: 0 }),
    positions: delta.positions,
  });
  const ofOuter = ({ u, delta }: Outer) => {
    const product = ({ features, positions }: Outer["u"], value: string, matrix: string) =>
      builder.matmul(builder.reshape(value, [batch * positions, features]), matrix);
    return {
      delta: product(delta, positionsFirst(builder, delta), a),
      u: product(u, positionsFirst(builder, u), b),
      positions: u.positions,
    };
  };
  switch (factors.kind) {
    case "rows":
      return [ofRows(factors)];
    case "tied":
      return [ofRows(factors.rows), ofOuter(factors.outer)];
    case "outer":
      return [ofOuter(factors)];
    case "vector":
      return [];
  }
}
