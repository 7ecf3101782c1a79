import { tensorFromBytes } from "../checkpoints/convert.ts";
import type { TracInError } from "../errors.ts";
import {
  bytesPerElement,
  type DataType,
  type Shape,
  sizeOf,
  type Tensor,
} from "../graph/tensor.ts";
import { countElements } from "./source.ts";

/** Bytes that are read by range: a file, or an entry of an archive. */
export interface ByteRange {
  readonly size: number;
  /** Bytes [offset, offset + length), in a buffer of their own. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** What a .npy file says of its array. */
export interface NpyHeader {
  readonly dtype: DataType;
  readonly bigEndian: boolean;
  /** True when the first axis is the fastest. */
  readonly fortran: boolean;
  readonly shape: Shape;
  /** Offset of the first element. */
  readonly dataStart: number;
}

/** Makes the error for damage or what is not read. */
export type NpyFailure = (message: string, remedy: string) => TracInError;

const maxHeaderBytes = 1 << 20;
const machineIsBigEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 0;
const saveAgain = "Save the array again with numpy.save.";

/** NumPy's kinds and sizes. */
const dataTypes: Readonly<Record<string, DataType>> = {
  b1: "bool",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

/**
 * Reads the header of an array (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to
 * 3; its size must be that of the bytes. Booleans, integers and floats are read, in either byte order.
 */
export async function readNpyHeader(bytes: ByteRange, fail: NpyFailure): Promise<NpyHeader> {
  const start = Buffer.from(await bytes.read(0, Math.min(12, bytes.size)));
  if (start.length < 12 || start.toString("latin1", 0, 6) !== "\x93NUMPY") {
    throw fail("The file does not begin as a NumPy .npy file.", saveAgain);
  }
  const version = start[6] ?? 0;
  if (version < 1 || version > 3) {
    throw fail(`The .npy format version ${version} is not known.`, saveAgain);
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  const dataStart = 8 + lengthBytes + length;
  if (length > maxHeaderBytes || dataStart > bytes.size) {
    throw fail("The header is longer than the file.", saveAgain);
  }
  const text = Buffer.from(await bytes.read(8 + lengthBytes, length));
  const header = parseHeader(text.toString(version === 3 ? "utf8" : "latin1"), dataStart, fail);
  const count = countElements(header.shape);
  const needed = count === undefined ? Number.NaN : count * bytesPerElement[header.dtype];
  if (dataStart + needed !== bytes.size) {
    throw fail(
      `The header promises ${needed} bytes of data, but the file holds ${bytes.size - dataStart}.`,
      saveAgain,
    );
  }
  return header;
}

/** The whole array, floating types as float32. */
export async function readNpyTensor(bytes: ByteRange, header: NpyHeader): Promise<Tensor> {
  const { dtype, shape, bigEndian, fortran, dataStart } = header;
  const width = bytesPerElement[dtype];
  const data = await bytes.read(dataStart, sizeOf(shape) * width);
  if (!fortran || shape.length < 2) {
    return tensorFromBytes(dtype, shape, data, bigEndian);
  }
  const ordered = new Uint8Array(data.length);
  for (const [stored, position] of rowMajorPositions(shape).entries()) {
    ordered.set(data.subarray(stored * width, (stored + 1) * width), position * width);
  }
  return tensorFromBytes(dtype, shape, ordered, bigEndian);
}

/** For each element in Fortran order (first axis fastest), its position in row-major order. */
export function rowMajorPositions(shape: Shape): Float64Array {
  const positions = new Float64Array(sizeOf(shape));
  let stride = positions.length;
  let known = 1;
  for (const size of shape) {
    stride /= size;
    for (let index = known; index < known * size; index++) {
      positions[index] = (positions[index - known] ?? 0) + stride;
    }
    known *= size;
  }
  return positions;
}

/** The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
function parseHeader(text: string, dataStart: number, fail: NpyFailure): NpyHeader {
  const type = /'descr':\s*'([<>|=])([a-zA-Z]\d*)'/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const shape = /'shape':\s*\(([\d\s,]*)\)/.exec(text);
  if (!order || !shape) {
    throw fail("The header is damaged.", saveAgain);
  }
  const code = type?.[2] ?? "";
  const dtype = Object.hasOwn(dataTypes, code) ? dataTypes[code] : undefined;
  if (dtype === undefined) {
    throw fail(
      code.startsWith("O")
        ? "The array holds Python objects (pickled), which are never loaded."
        : `The array's element type is not supported: ${/'descr':\s*([^,}]*)/.exec(text)?.[1]?.slice(0, 60)}.`,
      "Save it as booleans, integers or floats (f2, f4, f8).",
    );
  }
  const sizes = (shape[1] ?? "").split(",").flatMap((size) => {
    const trimmed = size.trim();
    return trimmed === "" ? [] : [Number(trimmed)];
  });
  if (sizes.length > 32 || !sizes.every(Number.isSafeInteger)) {
    throw fail(`The shape (${shape[1]}) is no list of sizes.`, saveAgain);
  }
  return {
    dtype,
    bigEndian: type?.[1] === "=" ? machineIsBigEndian : type?.[1] === ">",
    fortran: order[1] === "True",
    shape: sizes,
    dataStart,
  };
}
