import type { GraphBuilder } from "../graph/builder.ts";
import type { Node, ValueType } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";

/** What a gradient rule may look at and append to. */
export interface RuleContext {
  readonly builder: GraphBuilder;
  readonly node: Node;
  /** Gradient of the loss with respect to each output of the node; `undefined` where the loss does not depend on it. */
  readonly outputGradients: readonly (string | undefined)[];
  /** Which inputs want a gradient; a rule may skip the others. */
  readonly wanted: readonly boolean[];
  /** Static type of a value of the forward graph. */
  type(value: string): ValueType;
  /** The value as a constant, if it is one (axes, pads, slices). */
  constant(value: string): Tensor | undefined;
}

/**
 * Appends the backward nodes of one operator; returns the gradient of each input
 * (`undefined`: not wanted, or not differentiable such as indices). A gradient has the shape of its input.
 */
export type GradientRule = (context: RuleContext) => readonly (string | undefined)[];
