import type { GraphBuilder } from "../graph/builder.ts";
import type { Forward } from "./forward.ts";

/** Names of the outputs of a compiled question. */
export const outputs = {
  /** [batch, queries] gradient products, not weighted. */
  scores: "tracin.scores",
  /** [batch] squared gradient norms, not weighted. */
  self: "tracin.self",
  /** [batch, groups] squared norms of the gradient of each group of sites, not weighted. */
  groupSelf: "tracin.groupSelf",
  /** [batch] */
  loss: "tracin.loss",
  /** [batch, width]: what is known of the prediction; absent where nothing is. */
  prediction: "tracin.prediction",
  /** [batch]: the margin of the label; of training examples alone, and absent where there is none. */
  margin: "tracin.margin",
  /** [batch, positions]: the loss at each position; of queries alone. */
  positionLoss: "tracin.positionLoss",
  /** [batch, positions]: the class predicted there. */
  positionPrediction: "tracin.positionPrediction",
} as const;

/** Declares losses and predictions as outputs. */
export function emitLoss(forward: Forward): void {
  const { builder, batch, loss } = forward;
  emitOutput(builder, loss.loss, outputs.loss, [batch]);
  if (loss.prediction !== undefined) {
    const { value, width } = loss.prediction;
    emitOutput(builder, value, outputs.prediction, [batch, width]);
  }
}

/** Declares the margin of the label as an output, where it has one. */
export function emitMargin({ builder, batch, loss }: Forward): void {
  if (loss.margin !== undefined) {
    emitOutput(builder, loss.margin, outputs.margin, [batch]);
  }
}

/** Declares a value as an output under a name of its own. */
export function emitOutput(
  builder: GraphBuilder,
  value: string,
  name: string,
  shape: readonly number[],
): void {
  builder.add(identity(value, name));
  builder.output({ name, dtype: "float32", shape });
}

/** A node that gives a value another name. */
export function identity(value: string, name: string) {
  return { op: "Identity", name, inputs: [value], outputs: [name], attributes: {} };
}
