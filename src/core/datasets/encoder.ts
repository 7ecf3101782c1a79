import type { DataType, Tensor } from "../graph/tensor.ts";
import type { Dataset } from "./dataset.ts";
import type { Reading } from "./target-form.ts";

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
   * Softmax cross-entropy: int64 [size] class indices, or int32 [size, ...positions], -1 where a position does not
   * count. Sigmoid cross-entropy: float32 [size, ...] of 0 to 1. Regression: float32 [size, ...].
   */
  readonly targets: Tensor;
  /** Float32 of the shape of `targets`: 1 where an element counts; undefined where all do. */
  readonly mask?: Tensor;
}

/**
 * Turns examples into tensors. Everything that was learnt from training data (categories, means, label names)
 * is in `state`, which is plain JSON, so that every process encodes alike.
 */
export interface Encoder {
  readonly state: EncoderState;
  /** Label names by class index or output; undefined for regression and where classes have no names. */
  readonly labels: readonly string[] | undefined;
  /** Name of a class or output, a token in quotes; its number where it has none. */
  className(index: number): string;
  /** What a token of an input stands for, in quotes; undefined where tokens have no names. */
  tokenName?(input: string, id: number): string | undefined;
  /** The id that fills up the tokens of an input; undefined for other inputs. */
  paddingOf?(input: string): number | undefined;
  /** The columns that an input is made of, with the number of values of each; undefined for other inputs. */
  columnsOf?(
    input: string,
  ): readonly { readonly name: string; readonly width: number }[] | undefined;
  /** What is known of the prediction of an example. */
  readonly reading: Reading;
  /** Encodes examples [start, end) of a dataset. Throws kind `data` naming file, line and column. */
  encode(dataset: Dataset, start: number, end: number): Promise<EncodedBatch>;
  /** Encodes chosen examples, in the order given. */
  encodeAt(dataset: Dataset, indices: readonly number[]): Promise<EncodedBatch>;
  /** The targets of examples [start, end) as a person reads them, in short; the features are not read. */
  targetTexts(dataset: Dataset, start: number, end: number): Promise<readonly string[]>;
}

/** Serialisable description of a fitted encoder; its inner form belongs to the encoder. */
export type EncoderState = { readonly version: 1; readonly [key: string]: unknown };
