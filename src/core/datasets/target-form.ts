import type { DataType, Shape } from "../graph/tensor.ts";

/**
 * What is known of the prediction of one example:
 *
 * - `probabilities` of its labels, [labels];
 * - `values` of its outputs, [outputs];
 * - `positions`, where there is a label at each: [positions that count, those of them at which another class is the
 *   most probable one, mean loss of a position];
 * - `outputs`, where there are too many to show: [outputs that count, mean loss of one];
 * - `none`, where the loss is all that the model gives.
 */
export type Reading = "probabilities" | "values" | "positions" | "outputs" | "none";

/** The targets of a batch as the compiled graph takes them. */
export interface TargetForm {
  /**
   * Softmax cross-entropy: `int64` or `int32`, class indices, -1 where a position does not count. Otherwise `float32`.
   */
  readonly dtype: DataType;
  /** Shape of one example's target: [] for one label. */
  readonly shape: Shape;
  /** Whether a mask of the same shape comes with it: 1 where an element counts. */
  readonly masked: boolean;
  readonly reading: Reading;
}
