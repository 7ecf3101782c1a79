import type { LossSpec } from "../../config/project.ts";
import type { TargetForm } from "../../datasets/target-form.ts";
import { TracInError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { ValueType } from "../../graph/graph.ts";
import { formatShape, type Shape } from "../../graph/tensor.ts";
import { classMarginLoss } from "./class-margin.ts";
import { cosineLoss } from "./cosine.ts";
import { hingeLoss } from "./hinge.ts";
import { graphLoss } from "./output.ts";
import { regressionLoss } from "./regression.ts";
import { sigmoidCrossEntropy } from "./sigmoid.ts";
import { softmaxCrossEntropy } from "./softmax.ts";

/** Name of the graph input that carries the targets. */
export const targetInput = "tracin.target";
/** Graph input of the shape of the targets: 1 where an element counts. */
export const targetMaskInput = "tracin.targetMask";

/** What the loss of a batch is made from. */
export interface LossSource {
  readonly builder: GraphBuilder;
  readonly loss: LossSpec;
  /** The value that holds logits, predictions, or the loss itself. */
  readonly output: string;
  /** Its shape, the batch first. */
  readonly shape: Shape;
  readonly batch: number;
  readonly target: TargetForm;
  /** Type of any value of the model. */
  type(value: string): ValueType;
}

/** Values that the loss appends. P: positions (or outputs) of one example. */
export interface LossValues {
  /** The value whose gradient is known in closed form: logits or outputs. */
  readonly output: string;
  /** Gradient of the loss with respect to `output`, of the same shape. */
  readonly seed: string;
  /** [B] loss of each example, not averaged over the batch. */
  readonly loss: string;
  /** What is known of the prediction, as the target's `reading` says; undefined for `none`. */
  readonly prediction: { readonly value: string; readonly width: number } | undefined;
  /** [B] margin of the label (src/core/tracin/loss/margin.ts), where an example has labels of its own; NaN where none counts. */
  readonly margin?: string;
  /** Appends the loss at each position and the class predicted there, both [B, P]; where there are positions. */
  readonly positions?: () => { readonly loss: string; readonly predicted: string; width: number };
  /** Floats per example that the loss adds to those of the model, roughly. */
  readonly floatsPerExample: number;
}

/**
 * Appends the loss of each example and its gradient. The loss is that of one example and is never averaged over the
 * batch; `reduction` is over the example's own outputs or positions that count, so that `mean` divides by their number
 * (by the sum of their class weights where there are any, as PyTorch does). An example of which nothing counts has
 * loss 0 and gradient 0.
 *
 * @throws kind `model` or `config` where output and targets do not fit together
 */
export function appendLoss(source: LossSource): LossValues {
  checkBatch(source);
  switch (source.loss.type) {
    case "softmax-cross-entropy":
      return softmaxCrossEntropy(source);
    case "categorical-hinge":
    case "multi-margin":
      return classMarginLoss(source, source.loss.type);
    case "sigmoid-cross-entropy":
      return sigmoidCrossEntropy(source);
    case "hinge":
    case "squared-hinge":
      return hingeLoss(source, source.loss.type === "squared-hinge");
    case "cosine-similarity":
      return cosineLoss(source);
    case "output":
      return graphLoss(source);
    default:
      return regressionLoss(source, source.loss.type);
  }
}

/** @throws kind `model` when the first axis of the output is not the batch */
function checkBatch({ loss, shape, batch }: LossSource): void {
  if (shape[0] === batch) {
    return;
  }
  const found = `The output "${loss.output}" has shape ${formatShape(shape)} for a batch of ${batch}`;
  if (loss.type === "output") {
    throw new TracInError(
      "model",
      `${found}: it is one loss for the whole batch, where one for each example is needed.`,
      {},
      'Export the model with the loss of each example, [batch]: reduction="none" in PyTorch, then the mean or sum over each example\'s own positions, if it has several.',
    );
  }
  throw new TracInError("model", `${found}: its first axis must be the batch.`);
}
