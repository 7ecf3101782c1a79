import {
  arrayClass,
  bytesPerElement,
  type DataType,
  type Shape,
  type Tensor,
} from "../graph/tensor.ts";

/**
 * A tensor from raw elements of a file: float16, bfloat16 and float64 become float32, others stay.
 * `bytes` holds exactly the elements, row-major, and is owned by the caller (it may be reordered and kept).
 */
export function tensorFromBytes(
  dtype: DataType,
  shape: Shape,
  bytes: Uint8Array<ArrayBuffer>,
  bigEndian = false,
): Tensor {
  const width = bytesPerElement[dtype];
  if (bigEndian && width > 1) {
    swapBytes(bytes, width);
  }
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const length = bytes.byteLength / width;
  switch (dtype) {
    case "float16":
      return halfTensor(shape, new Uint16Array(aligned.buffer, aligned.byteOffset, length));
    case "bfloat16":
      return bfloatTensor(shape, new Uint16Array(aligned.buffer, aligned.byteOffset, length));
    case "float64":
      return {
        dtype: "float32",
        shape,
        data: Float32Array.from(new Float64Array(aligned.buffer, aligned.byteOffset, length)),
      };
    default: {
      const data = new arrayClass[dtype](aligned.buffer, aligned.byteOffset, length);
      return { dtype, shape, data } as Tensor;
    }
  }
}

/** The type in which {@link tensorFromBytes} gives a tensor that is stored as `dtype`. */
export function readType(dtype: DataType): DataType {
  return dtype === "float16" || dtype === "bfloat16" || dtype === "float64" ? "float32" : dtype;
}

/** Every half as a float: a look-up is some 50 times faster than the arithmetic. */
let halves: Float32Array | undefined;

function halfTensor(shape: Shape, bits: Uint16Array): Tensor<"float32"> {
  halves ??= Float32Array.from({ length: 65_536 }, (_, half) => halfToFloat(half));
  const data = new Float32Array(bits.length);
  for (let index = 0; index < bits.length; index++) {
    data[index] = halves[bits[index] ?? 0] ?? 0;
  }
  return { dtype: "float32", shape, data };
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  }
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 is the upper half of a binary32. */
function bfloatTensor(shape: Shape, bits: Uint16Array): Tensor<"float32"> {
  const words = new Uint32Array(bits.length);
  for (let index = 0; index < bits.length; index++) {
    words[index] = (bits[index] ?? 0) << 16;
  }
  return { dtype: "float32", shape, data: new Float32Array(words.buffer) };
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let start = 0; start < bytes.length; start += width) {
    bytes.subarray(start, start + width).reverse();
  }
}
