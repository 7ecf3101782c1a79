import type { DataType, Tensor } from "../graph/tensor.ts";
import type { Dataset } from "./dataset.ts";

/** A model input as the graph declares it, without the batch axis. */
export interface InputSpec {
  readonly name: string;
  readonly dtype: DataType;
  /** Sizes after the batch axis; a symbol where the model leaves them open. */
  readonly shape: readonly (number | string)[];
}

/** Examples as the compiled graph takes them. */
export interface EncodedBatch {
  readonly size: number;
  /** Model inputs by name, each [size, ...]. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /**
   * Softmax cross-entropy: int64 [size] class indices. Sigmoid cross-entropy: float32 [size, labels] of 0 and 1.
   * MSE: float32 [size, outputs].
   */
  readonly targets: Tensor;
}

/**
 * Turns examples into tensors. Everything that was learnt from training data (categories, means, label names)
 * is in `state`, which is plain JSON, so that every process encodes alike.
 */
export interface Encoder {
  readonly state: EncoderState;
  /** Label names by class index or output; undefined for regression. */
  readonly labels: readonly string[] | undefined;
  /** Encodes examples [start, end) of a dataset. Throws kind `data` naming file, line and column. */
  encode(dataset: Dataset, start: number, end: number): Promise<EncodedBatch>;
  /** Encodes chosen examples, in the order given. */
  encodeAt(dataset: Dataset, indices: readonly number[]): Promise<EncodedBatch>;
  /** The targets alone of examples [start, end), as in {@link EncodedBatch}; the features are not read. */
  targets(dataset: Dataset, start: number, end: number): Promise<Tensor>;
}

/** Serialisable description of a fitted encoder; its inner form belongs to the encoder. */
export type EncoderState = { readonly version: 1; readonly [key: string]: unknown };
