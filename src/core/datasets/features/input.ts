import { TracInError } from "../../errors.ts";
import { formatShape, type Shape, type Tensor } from "../../graph/tensor.ts";
import type { InputSpec } from "../encoder.ts";
import type { Batch } from "./batch.ts";
import type { Feature, FeatureValues } from "./feature.ts";

/** Element types of model inputs that features can fill. */
export const inputTypes = [
  "float32",
  "float64",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "bool",
] as const;
export type InputType = (typeof inputTypes)[number];

/** The element type of a model input; throws kind `model` for one that features cannot fill. */
export function inputType(input: InputSpec): InputType {
  const type = inputTypes.find((known) => known === input.dtype);
  if (type === undefined) {
    throw new TracInError(
      "model",
      `The input "${input.name}" takes ${input.dtype}, which is not supported.`,
      { tensor: input.name },
      "Export the model with 32-bit inputs.",
    );
  }
  return type;
}

/**
 * The shape that a feature takes in a model input, without the batch axis: its own, or that of the input
 * when both hold the same elements in the same order (axes of size 1 apart, or all axes flattened to one).
 * Throws kind `config` with both shapes when they do not fit.
 */
export function inputShape(input: InputSpec, feature: Pick<Feature, "shape" | "noun">): Shape {
  const { shape, noun } = feature;
  const fits =
    input.shape.length === shape.length &&
    input.shape.every((size, axis) => typeof size === "string" || size === shape[axis]);
  if (fits) {
    return shape;
  }
  const fixed = input.shape.filter((size) => typeof size === "number");
  if (fixed.length === input.shape.length) {
    const wanted = fixed.filter((size) => size !== 1);
    const given = shape.filter((size) => size !== 1);
    const flat = given.reduce((product, size) => product * size, 1);
    if (wanted.join() === given.join() || (wanted.length === 1 && wanted[0] === flat)) {
      return fixed;
    }
  }
  throw new TracInError(
    "config",
    `The input "${input.name}" takes [${input.shape.join(", ")}] but ${noun} give ${formatShape(shape)}.`,
    { file: "tracin.json", tensor: input.name },
    `Correct features.${input.name} in tracin.json.`,
  );
}

/**
 * A feature's values as the tensor [size, ...shape] of a model input. Throws kind `data` with the place of an
 * example whose value the input's integer type cannot hold.
 */
export function toInputTensor(
  input: { readonly name: string; readonly dtype: InputType },
  shape: Shape,
  values: FeatureValues["values"] | Uint8Array,
  batch: Batch,
): Tensor {
  const { dtype } = input;
  if (dtype === "float32") {
    const data = values instanceof Float32Array ? values : Float32Array.from(values);
    return { dtype, shape, data };
  }
  if (dtype === "float64") {
    return { dtype, shape, data: Float64Array.from(values) };
  }
  checkIntegers(input.name, integerRanges[dtype], values, batch);
  switch (dtype) {
    case "int64":
      return { dtype, shape, data: BigInt64Array.from(values, BigInt) };
    case "int32":
      return { dtype, shape, data: Int32Array.from(values) };
    case "int16":
      return { dtype, shape, data: Int16Array.from(values) };
    case "int8":
      return { dtype, shape, data: Int8Array.from(values) };
    case "uint8":
    case "bool":
      return { dtype, shape, data: Uint8Array.from(values) };
  }
}

const integerRanges = {
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-32768, 32767],
  int8: [-128, 127],
  uint8: [0, 255],
  bool: [0, 1],
} as const;

function checkIntegers(
  name: string,
  [least, most]: readonly [number, number],
  values: FeatureValues["values"] | Uint8Array,
  batch: Batch,
): void {
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw batch.error(
        Math.floor((index * batch.size) / values.length),
        undefined,
        `The input "${name}" takes integers from ${least} to ${most}, but its feature gives ${value}.`,
        `Correct features.${name} in tracin.json, or the data.`,
      );
    }
  }
}
