import type { GraphBuilder } from "../../graph/builder.ts";
import { float32 } from "../../graph/tensor.ts";

/** Sums over the positions of each example: [batch * before, 1, after] or [batch, P] to [batch]. */
export function sumOverExample(
  builder: GraphBuilder,
  value: string,
  batch: number,
  positions: number,
): string {
  return builder.reduceSum(builder.reshape(value, [batch, positions]), [1]);
}

/** 1 / x where x > 0, else 1: what a mean multiplies with; sums of nothing stay 0. */
export function reciprocalOf(builder: GraphBuilder, sums: string): string {
  const one = builder.scalar(1);
  const isSome = builder.op("Greater", [sums, builder.scalar(0)]);
  return builder.op("Reciprocal", [builder.op("Where", [isSome, sums, one])]);
}

/** Values [batch] side by side as columns [batch, n]. */
export function columns(builder: GraphBuilder, values: readonly string[], batch: number): string {
  const parts = values.map((value) => builder.reshape(value, [batch, 1]));
  return parts.length === 1 ? (parts[0] as string) : builder.op("Concat", parts, { axis: 1 });
}

/** The value times a constant; the value itself for 1. */
export function scaled(builder: GraphBuilder, value: string, factor: number): string {
  return factor === 1 ? value : builder.mul(value, builder.constant(float32([], [factor])));
}

/** The value, or a number where that is larger. */
export function atLeast(builder: GraphBuilder, value: string, least: number): string {
  return builder.op("Max", [value, builder.scalar(least)]);
}

/** A condition as 0 and 1. */
export function asFloat(builder: GraphBuilder, condition: string): string {
  return builder.op("Cast", [condition], { to: 1 });
}
