import { TracInError } from "../../errors.ts";
import { formatShape, sizeOf } from "../../graph/tensor.ts";
import { asFloat } from "./examples.ts";
import type { LossSource, LossValues } from "./loss.ts";

/** Numbers of a prediction at most: each of them is shown. */
const mostValues = 1000;

/**
 * A loss that the model itself computes: one number for each example, whose gradient with respect to itself is 1.
 * @throws kind `model` when the output holds more than one number for an example
 */
export function graphLoss({ builder, loss, output, shape, batch, type }: LossSource): LossValues {
  if (sizeOf(shape) !== batch) {
    throw new TracInError(
      "model",
      `The output "${loss.output}" has shape ${formatShape(shape)} for a batch of ${batch}, where a loss is one number for each example.`,
      {},
      "Let the model add up (or average) the losses of an example's own positions, and export it again.",
    );
  }
  return {
    output,
    seed: builder.op("Expand", [builder.scalar(1), builder.ints(shape)]),
    loss: builder.reshape(output, [batch]),
    prediction: loss.prediction === undefined ? undefined : predictionOf(loss.prediction),
    floatsPerExample: 2,
  };

  function predictionOf(name: string) {
    const found = type(name);
    const width = sizeOf(found.shape) / batch;
    if (found.shape[0] !== batch || width > mostValues) {
      throw new TracInError(
        "model",
        `The output "${name}" has shape ${formatShape(found.shape)} for a batch of ${batch}, which is no prediction that can be shown.`,
        { file: "tracin.json" },
        `Name an output [batch, numbers] with at most ${mostValues} numbers as loss.prediction, or leave it away.`,
      );
    }
    const value = found.dtype === "float32" ? name : asFloat(builder, name);
    return { value: builder.reshape(value, [batch, width]), width };
  }
}
