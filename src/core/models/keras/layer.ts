import type { TracInError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import type { DataType, Shape } from "../../graph/tensor.ts";
import type { LayerConfig } from "./settings.ts";

/** Sizes of a value as Keras orders its axes, the batch first; null where the model leaves a size open. */
export type KerasShape = readonly (number | null)[];

/** A value between two layers. Made by `LayerContext.tensor` or `like`, read through `plain` or `ordered`. */
export interface KerasTensor {
  /** Name of the graph value. Its axes may be permuted: take it from `plain` or `ordered`. */
  readonly value: string;
  /** Keras axis of each axis of the graph value: `[0, 3, 1, 2]` where channels were moved in front. */
  readonly order: readonly number[];
  readonly shape: KerasShape;
  readonly dtype: DataType;
  /** Graph value of type bool [batch, time]: true at positions that count (Keras's mask). */
  readonly mask?: string;
}

/** Argument of a call: a value of the network, a list or dictionary of such, or plain JSON. */
export type CallArgument =
  | KerasTensor
  | string
  | number
  | boolean
  | null
  | readonly CallArgument[]
  | { readonly [name: string]: CallArgument };

/** One call of a layer: what stands in `inbound_nodes`. */
export interface LayerCall {
  /** Positional arguments; a merge layer has a list as its first. */
  readonly args: readonly CallArgument[];
  readonly kwargs: Readonly<Record<string, CallArgument>>;
}

export interface TensorOptions {
  /** float32 unless told. */
  readonly dtype?: DataType;
  /** Keras axis of each axis of `value`; the same order unless told. */
  readonly order?: readonly number[];
  readonly mask?: string | undefined;
}

export interface WeightOptions {
  /** False for what Keras creates with `trainable=False`: a buffer. True unless told. */
  readonly trainable?: boolean;
}

/** Where a layer or cell stands inside another one. */
export interface ChildScope {
  /** Attributes that hold it, for `.weights.h5`: `["cell"]`; several where Keras versions differ. `["layers/dense_1"]` is a path. */
  readonly attributes: readonly string[];
  /**
   * Its part of variable names, the usual one first: `["lstm_cell"]` in `bidirectional/forward_lstm/lstm_cell/kernel`;
   * `""` where older versions leave it out.
   */
  readonly names: readonly string[];
}

/**
 * What a translator works with: one layer (or cell) at one call. A shared layer is translated once for each call; its
 * weights are the same values each time.
 */
export interface LayerContext {
  readonly layer: LayerConfig;
  readonly builder: GraphBuilder;
  readonly call: LayerCall;
  /** Whose defaults hold where a setting is absent; TensorFlow.js writes what Keras 2 did. */
  readonly version: 2 | 3;
  /** Minor release of Keras 3 that wrote the file, 15 in 3.15.1; the newest where it is not told. 0 for Keras 2. */
  readonly minor: number;

  /** A new value. */
  tensor(value: string, shape: KerasShape, options?: TensorOptions): KerasTensor;
  /** `value` with order, shape and mask of `tensor`: what an elementwise operator gives. */
  like(tensor: KerasTensor, value: string): KerasTensor;
  /** The graph value with its axes as Keras orders them. */
  plain(tensor: KerasTensor): string;
  /** The graph value with its axes in the given order of Keras axes; a Transpose is added only where none exists. */
  ordered(tensor: KerasTensor, order: readonly number[]): string;

  /**
   * Declares a weight in the order in which Keras creates it (the number in `.weights.h5` is the position among the trainable
   * ones first), and returns its graph value.
   * @param name Keras's own: `kernel`, `moving_mean`
   * @param shape as the file stores it; transposing is the graph's task
   */
  weight(name: string, shape: Shape, options?: WeightOptions): string;

  /**
   * The size of an axis that the graph is built for, such as the number of time steps. Where the file leaves it open, it is
   * that of the data, once the data is known; until then it is 1 and the graph a sketch that never runs (`Model.sized`).
   */
  size(x: KerasTensor, axis: number): number;

  /** Number of axes of a mask: 2, or more where tokens have more (sequences of sequences). */
  maskRank(mask: string): number;
  /** Layers called from now on find no mask with this value. */
  dropMask(tensor: KerasTensor): void;
  /** The mask, with its number of axes remembered. */
  rememberMask(mask: string, rank: number): string;

  /** The context of a cell or layer inside this one, at a call of its own. */
  child(layer: LayerConfig, scope: ChildScope, call: LayerCall): LayerContext;
  /** Translates a layer inside this one (what a wrapper holds). */
  apply(layer: LayerConfig, scope: ChildScope, call: LayerCall): readonly KerasTensor[];

  /** An error of kind `model` that names file, layer and class. */
  error(message: string, remedy?: string): TracInError;
}

/** Appends what one call of a layer computes in evaluation mode. `inputs` are all tensors among the arguments, in order. */
export type LayerTranslator = (
  context: LayerContext,
  inputs: readonly KerasTensor[],
) => KerasTensor | readonly KerasTensor[];

/**
 * Translators by class name. A mask goes on exactly where the returned tensor has it (`like` keeps it, `tensor` does not).
 */
export type LayerFamily = Readonly<Record<string, LayerTranslator>>;
