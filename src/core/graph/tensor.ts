import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";

/** Sizes of a tensor's axes, outermost first. `[]` is a scalar. */
export type Shape = readonly number[];

interface ArrayOf {
  readonly float32: Float32Array;
  readonly float64: Float64Array;
  /** Raw IEEE half bits. */
  readonly float16: Uint16Array;
  /** Raw bfloat16 bits. */
  readonly bfloat16: Uint16Array;
  readonly int8: Int8Array;
  readonly int16: Int16Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly uint32: Uint32Array;
  readonly uint64: BigUint64Array;
  /** One byte an element, 0 or 1. */
  readonly bool: Uint8Array;
}

/** Element types that the graph and the readers know. */
export type DataType = keyof ArrayOf;

/** A dense row-major tensor. `data.length` is the product of `shape`. */
export type Tensor<T extends DataType = DataType> = {
  [K in T]: { readonly dtype: K; readonly shape: Shape; readonly data: ArrayOf[K] };
}[T];

/** Whether elements of a type are floating-point numbers: what may have a gradient. */
export function isFloat(dtype: DataType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

/** Bytes per element. */
export const bytesPerElement: Readonly<Record<DataType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

/** The typed-array class that holds each element type. */
export const arrayClass = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** True when both shapes have the same rank and sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** `[2, 3]` as text. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/**
 * A tensor over an existing array, which is not copied. Throws `internal` when the array is not of the class
 * that holds `dtype` or its length is not the product of `shape`.
 */
export function tensorOf(dtype: DataType, shape: Shape, data: Tensor["data"]): Tensor {
  if (!(data instanceof arrayClass[dtype])) {
    throw new TracInError("internal", `A ${dtype} tensor cannot hold a ${data.constructor.name}.`);
  }
  checkSize(shape, data.length);
  // The check above is what ties the class of the array to the type; the compiler cannot follow it.
  return { dtype, shape, data } as Tensor;
}

/** A float32 tensor over `data`; throws `internal` when the sizes disagree. */
export function float32(shape: Shape, data: ArrayLike<number>): Tensor<"float32"> {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  checkSize(shape, array.length);
  return { dtype: "float32", shape, data: array };
}

/** An int64 tensor; `data` holds safe integers. */
export function int64(shape: Shape, data: readonly number[]): Tensor<"int64"> {
  checkSize(shape, data.length);
  return { dtype: "int64", shape, data: BigInt64Array.from(data, BigInt) };
}

/** A bool tensor. */
export function bool(shape: Shape, data: readonly boolean[]): Tensor<"bool"> {
  checkSize(shape, data.length);
  return { dtype: "bool", shape, data: Uint8Array.from(data, Number) };
}

/** An integer or boolean tensor's elements as numbers; throws `internal` beyond the safe range. */
export function toNumbers(tensor: Tensor): number[] {
  return Array.from<number | bigint, number>(tensor.data, (value) => {
    const number = Number(value);
    if (typeof value === "bigint" && !Number.isSafeInteger(number)) {
      throw new TracInError("internal", `The integer ${value} is too large.`);
    }
    return number;
  });
}

function checkSize(shape: Shape, length: number): void {
  if (sizeOf(shape) !== length) {
    throw new TracInError(
      "internal",
      `A tensor of shape ${formatShape(shape)} cannot hold ${counted(length, "element")}.`,
    );
  }
}
