import type { KerasTensor, LayerContext } from "../../layer.ts";
import { concat, equalSizes, split, squeeze, unsqueeze } from "../../masks.ts";

/**
 * A recurrent cell. A step value is what the graph computes with at one time step: for vectors [batch, 1, units], so that
 * sequences are cut and joined along axis 1 without a reshape; for images [batch, channels, ...].
 */
export interface Cell {
  /** Number of states; the first is the output too. */
  readonly states: number;
  /** Rank of a step value. */
  readonly rank: number;
  /** Features of a state: units or filters. */
  readonly width: number;
  /** The part of each step that needs no state, computed for all steps at once. */
  project(x: KerasTensor, steps: number): readonly string[];
  /** The new states. A state that is still zero is undefined. */
  step(projected: string, states: readonly (string | undefined)[]): readonly string[];
  /** A state given from outside, as step value. */
  enter(state: KerasTensor): string;
  /** A step value as tensor without time. */
  leave(value: string): KerasTensor;
  /** Step values as one tensor with time on axis 1. */
  join(values: readonly string[]): KerasTensor;
}

/** What every cell of vectors shares. */
export function vectorCell(
  context: LayerContext,
  units: number,
): Pick<Cell, "rank" | "width" | "enter" | "leave" | "join"> {
  const { builder } = context;
  return {
    rank: 3,
    width: units,
    enter: (state) => unsqueeze(builder, context.plain(state), [1]),
    leave: (value) => context.tensor(squeeze(builder, value, [1]), [null, units]),
    join: (values) => context.tensor(concat(builder, values, 1), [null, values.length, units]),
  };
}

/** x W + b for all steps in one product, cut into steps. */
export function projectVectors(
  context: LayerContext,
  x: KerasTensor,
  kernel: string,
  bias: string | undefined,
  steps: number,
): readonly string[] {
  const { builder } = context;
  const product = builder.matmul(context.plain(x), kernel);
  const sum = bias === undefined ? product : builder.add2(product, bias);
  return split(builder, sum, 1, equalSizes(steps, 1));
}

/** a + b where either may be absent, which is 0. */
export function plus(context: LayerContext, a: string, b: string | undefined): string {
  return b === undefined ? a : context.builder.add2(a, b);
}
