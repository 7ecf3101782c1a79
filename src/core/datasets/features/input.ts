import { TracInError } from "../../errors.ts";
import { formatShape, type Shape, type Tensor } from "../../graph/tensor.ts";
import type { InputSpec } from "../encoder.ts";
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

/** A feature's values as the tensor [size, ...shape] of a model input. */
export function toInputTensor(
  name: string,
  type: InputType,
  shape: Shape,
  values: FeatureValues["values"] | Uint8Array,
): Tensor {
  switch (type) {
    case "float32":
      return {
        dtype: type,
        shape,
        data: values instanceof Float32Array ? values : Float32Array.from(values),
      };
    case "float64":
      return { dtype: type, shape, data: Float64Array.from(values) };
    case "int64":
      return {
        dtype: type,
        shape,
        data: BigInt64Array.from(integers(name, values, -(2 ** 53), 2 ** 53), BigInt),
      };
    case "int32":
      return {
        dtype: type,
        shape,
        data: Int32Array.from(integers(name, values, -(2 ** 31), 2 ** 31 - 1)),
      };
    case "int16":
      return { dtype: type, shape, data: Int16Array.from(integers(name, values, -32768, 32767)) };
    case "int8":
      return { dtype: type, shape, data: Int8Array.from(integers(name, values, -128, 127)) };
    case "uint8":
      return { dtype: type, shape, data: Uint8Array.from(integers(name, values, 0, 255)) };
    case "bool":
      return { dtype: type, shape, data: Uint8Array.from(integers(name, values, 0, 1)) };
  }
}

function integers(
  name: string,
  values: ArrayLike<number> & Iterable<number>,
  least: number,
  most: number,
): Iterable<number> {
  for (const value of values) {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new TracInError(
        "data",
        `The input "${name}" takes integers from ${least} to ${most}, but its feature gives ${value}.`,
        { file: "tracin.json", tensor: name },
        `Correct features.${name} in tracin.json, or the data.`,
      );
    }
  }
  return values;
}
