import { TracInError } from "../../errors.ts";
import type { DataType, Shape } from "../../graph/tensor.ts";
import type { Translation } from "./context.ts";
import type { KerasShape, KerasTensor } from "./layer.ts";
import type { LayerConfig } from "./settings.ts";

const types: Readonly<Record<string, DataType>> = {
  float32: "float32",
  float16: "float32",
  bfloat16: "float32",
  float64: "float32",
  int8: "int8",
  int16: "int16",
  int32: "int32",
  int64: "int64",
  uint8: "uint8",
  bool: "bool",
};

/**
 * Declares the graph input of an input layer. Floating types become float32; an input that embeddings alone take becomes
 * int64 where the file calls it float32 (Keras 2 says so of every Sequential model).
 * @param consumers layers that may take the input
 */
export function inputTensor(
  translation: Translation,
  config: LayerConfig,
  name: string,
  consumers: readonly LayerConfig[],
): KerasTensor {
  const shape = withSizes(shapeOf(config), translation.sizes.get(name));
  const declared = config.raw("dtype");
  const dtype = types[typeof declared === "string" ? declared : "float32"];
  if (dtype === undefined) {
    throw new TracInError(
      "model",
      `The input takes ${String(declared)}, which is not supported.`,
      config.place,
      "Build the model so that it takes numbers; turn text into token ids before it.",
    );
  }
  if (config.bool("sparse", false) || config.bool("ragged", false)) {
    throw new TracInError(
      "model",
      "The input takes sparse or ragged tensors.",
      config.place,
      "Build the model with dense inputs of a fixed length.",
    );
  }
  const first = consumers.find(({ className }) => className !== "InputLayer");
  const isTokens = dtype === "float32" && first?.className === "Embedding";
  const type = isTokens ? "int64" : dtype;
  const value = translation.builder.input({
    name,
    dtype: type,
    shape: shape.map((size, axis) => size ?? (axis === 0 ? "batch" : `${name}.${axis}`)),
  });
  return { value, shape, order: shape.map((_, axis) => axis), dtype: type };
}

/** The shape with what it leaves open taken from the data, unless the data has another number of axes. */
function withSizes(shape: KerasShape, sizes: Shape | undefined): KerasShape {
  return sizes?.length === shape.length
    ? shape.map((size, axis) => (axis === 0 ? null : (size ?? sizes[axis] ?? null)))
    : shape;
}

/** The shape with an open batch axis. */
function shapeOf(config: LayerConfig): KerasShape {
  const whole = config.raw("batch_shape") ?? config.raw("batch_input_shape");
  const rest = config.raw("input_shape") ?? config.raw("shape");
  const shape: unknown = Array.isArray(whole) ? whole.slice(1) : rest;
  const isShape =
    Array.isArray(shape) &&
    shape.every((size) => size === null || (Number.isSafeInteger(size) && size > 0));
  if (!isShape) {
    throw new TracInError(
      "model",
      "The model does not say the shape of its input: it was saved before it was built.",
      config.place,
      "Give the model a keras.Input(shape=...) as its first layer, or call it once, and save it again.",
    );
  }
  return [null, ...shape];
}
