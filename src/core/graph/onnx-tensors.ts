import onnxProto, { type onnx } from "onnx-proto";
import { counted } from "../counted.ts";
import { type ErrorPlace, TracInError } from "../errors.ts";
import type { ReadExternal } from "./onnx-external.ts";
import {
  arrayClass,
  bytesPerElement,
  type DataType,
  formatShape,
  sizeOf,
  type Tensor,
  tensorOf,
} from "./tensor.ts";

/** A 64-bit integer as the protobuf reader gives it: a number, or a `Long` where it has that class. */
export type Integer = number | { toString(): string };

/** Numbers of `TensorProto.DataType` in onnx.proto. */
const numberOfType: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
};

const typeOfNumber = new Map(
  Object.entries(numberOfType).map(([dtype, number]) => [number, dtype as DataType]),
);

/** What onnx.proto calls the types that the graph does not know; later versions add to the list. */
const foreignTypes: Readonly<Record<number, string>> = {
  0: "undefined",
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
};

/** The number that onnx.proto gives an element type. */
export function encodeType(dtype: DataType): number {
  return numberOfType[dtype];
}

/** The element type of a number of onnx.proto; throws kind `model` for one that the graph does not know. */
export function decodeType(number: number, place: ErrorPlace): DataType {
  const dtype = typeOfNumber.get(number);
  if (dtype === undefined) {
    const name = foreignTypes[number] ?? `number ${number}`;
    throw new TracInError(
      "model",
      `Elements of type ${name} are not supported.`,
      place,
      `Export the model with one of: ${Object.keys(numberOfType).join(", ")}.`,
    );
  }
  return dtype;
}

/** A `TensorProto` over the tensor's own bytes (little-endian, as every platform of ours is). */
export function encodeTensor(tensor: Tensor, name = ""): onnx.ITensorProto {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return {
    name,
    dims: [...tensor.shape],
    dataType: numberOfType[tensor.dtype],
    rawData: new Uint8Array(buffer, byteOffset, byteLength),
  };
}

/**
 * The tensor of a `TensorProto`, with data of its own. Throws kind `model` for element types that the graph does
 * not know, data in another file that `external` cannot read, and sizes that disagree with the data (so that nothing is allocated on the word
 * of the file alone).
 */
export function decodeTensor(
  proto: onnx.ITensorProto,
  place: ErrorPlace,
  external?: ReadExternal,
): Tensor {
  const fail = (message: string, remedy?: string): never => {
    throw new TracInError("model", message, place, remedy);
  };
  const dtype = decodeType(proto.dataType ?? 0, place);
  if (proto.segment) {
    fail("Tensors in segments are not supported.", "Export the model again.");
  }
  const shape = (proto.dims ?? []).map((dimension) => {
    const size = toBigInt(dimension);
    return size >= 0n && size <= 0x7fffffffn
      ? Number(size)
      : fail(`The tensor has an impossible size ${size}.`, "The file is damaged.");
  });
  const count = sizeOf(shape);
  if (
    proto.dataLocation === onnxProto.onnx.TensorProto.DataLocation.EXTERNAL ||
    (proto.externalData ?? []).length > 0
  ) {
    const length = count * bytesPerElement[dtype];
    return decodeRaw(dtype, shape, externalBytes(proto, length, place, external));
  }
  const raw = proto.rawData;
  if (raw && raw.length > 0) {
    if (raw.length !== count * bytesPerElement[dtype]) {
      fail(
        `The tensor says ${dtype} ${formatShape(shape)}, which is ${count * bytesPerElement[dtype]} bytes, but has ${raw.length}.`,
        "The file is damaged.",
      );
    }
    return decodeRaw(dtype, shape, raw);
  }
  const listed = listedElements(proto, dtype);
  if (listed.length !== count) {
    fail(
      `The tensor says ${formatShape(shape)}, which is ${counted(count, "element")}, but has ${listed.length}.`,
      "The file is damaged.",
    );
  }
  return decodeList(dtype, shape, listed);
}

/** The bytes of a tensor whose data lies in another file. */
function externalBytes(
  proto: onnx.ITensorProto,
  length: number,
  place: ErrorPlace,
  external: ReadExternal | undefined,
): Uint8Array {
  const entries = new Map((proto.externalData ?? []).map(({ key, value }) => [key, value]));
  const location = entries.get("location") ?? "";
  const number = (key: string, fallback: number): number => Number(entries.get(key) || fallback);
  const [offset, stated] = [number("offset", 0), number("length", length)];
  if (!external || location === "") {
    throw new TracInError(
      "model",
      `The data of this tensor lies in another file${location ? ` ("${location}")` : ""}.`,
      place,
      "Write the model in one file: onnx.save(onnx.load(path), path, save_as_external_data=False).",
    );
  }
  if (!Number.isSafeInteger(offset) || stated !== length) {
    throw new TracInError(
      "model",
      `The tensor is ${length} bytes long, but bytes ${offset} to ${offset + stated} of "${location}" are named.`,
      place,
      "The file is damaged.",
    );
  }
  return external(location, offset, length, place);
}

function decodeRaw(dtype: DataType, shape: readonly number[], raw: Uint8Array): Tensor {
  // A copy: element alignment is right, and the bytes of the whole file can be freed.
  const bytes = new Uint8Array(raw);
  if (dtype === "bool") {
    return tensorOf(
      dtype,
      shape,
      bytes.map((byte) => (byte === 0 ? 0 : 1)),
    );
  }
  const construct: new (buffer: ArrayBuffer) => Tensor["data"] = arrayClass[dtype];
  return tensorOf(dtype, shape, new construct(bytes.buffer));
}

/** The field of `TensorProto` that holds elements of this type when there are no raw bytes. */
function listedElements(proto: onnx.ITensorProto, dtype: DataType): readonly Integer[] {
  switch (dtype) {
    case "float32":
      return proto.floatData ?? [];
    case "float64":
      return proto.doubleData ?? [];
    case "int64":
      return proto.int64Data ?? [];
    case "uint32":
    case "uint64":
      return proto.uint64Data ?? [];
    default:
      return proto.int32Data ?? [];
  }
}

function decodeList(
  dtype: DataType,
  shape: readonly number[],
  elements: readonly Integer[],
): Tensor {
  if (dtype === "int64") {
    return tensorOf(dtype, shape, BigInt64Array.from(elements, toBigInt));
  }
  if (dtype === "uint64") {
    return tensorOf(dtype, shape, BigUint64Array.from(elements, toUnsignedBigInt));
  }
  const numbers = elements.map(dtype === "bool" ? (value) => Number(Number(value) !== 0) : Number);
  const construct: new (values: number[]) => Tensor["data"] = arrayClass[dtype];
  return tensorOf(dtype, shape, new construct(numbers));
}

const int64Max = 2n ** 63n - 1n;
const uint64Max = 2n ** 64n - 1n;

/**
 * The integer. Where the protobuf reader gives plain numbers, those beyond 2^53 come rounded: the largest (2^63 - 1,
 * "up to the end") is restored; lists with others do not occur outside raw bytes, which are exact.
 */
function toBigInt(value: Integer): bigint {
  const integer = typeof value === "number" ? BigInt(value) : BigInt(value.toString());
  return integer > int64Max ? int64Max : integer;
}

function toUnsignedBigInt(value: Integer): bigint {
  const integer = typeof value === "number" ? BigInt(value) : BigInt(value.toString());
  return integer > uint64Max ? uint64Max : integer;
}

/**
 * A 64-bit integer as a safe number. Beyond the safe range it is saturated: exporters write the largest integer
 * for "up to the end", and saturation keeps that meaning.
 */
export function toSafeNumber(value: Integer): number {
  const number = Number(value.toString());
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}
