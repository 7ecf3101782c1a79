import { type FileHandle, open } from "node:fs/promises";
import { TracInError } from "../../errors.ts";
import { readFully } from "../../read-fully.ts";

/** Element types of .npy files that are read: NumPy's kind and size. */
type ElementType =
  | "b1"
  | "i1"
  | "i2"
  | "i4"
  | "i8"
  | "u1"
  | "u2"
  | "u4"
  | "u8"
  | "f2"
  | "f4"
  | "f8";

interface Header {
  readonly type: ElementType;
  readonly itemSize: number;
  readonly littleEndian: boolean;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Offset of the first element. */
  readonly dataStart: number;
}

const maxHeaderBytes = 1 << 20;
const machineIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * An open .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), versions 1 to
 * 3, C and Fortran order, either byte order, booleans, integers and floats. Rows are read by range.
 */
export class NpyFile {
  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    readonly header: Header,
  ) {}

  /** Throws kind `data` for a damaged header, an element type that is not read, or a size that does not fit. */
  static async open(absolute: string, file: string): Promise<NpyFile> {
    let handle: FileHandle;
    try {
      handle = await open(absolute, "r");
    } catch (error) {
      throw new TracInError("data", "The file cannot be read.", { file }, undefined, {
        cause: error,
      });
    }
    try {
      return new NpyFile(file, handle, await readHeader(handle, file));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Number of rows: the size of the first axis. */
  get length(): number {
    return this.header.shape[0] ?? 0;
  }

  /** Byte range of a row; the range of all elements in Fortran order, where a row is scattered. */
  rowBytes(index: number): { start: number; end: number } {
    const { dataStart, fortran } = this.header;
    const row = this.#rowSize() * this.header.itemSize;
    return fortran
      ? { start: dataStart, end: dataStart + row * this.length }
      : { start: dataStart + index * row, end: dataStart + (index + 1) * row };
  }

  /** Rows [start, end) as floats, row-major. Throws kind `data` for an integer that a float cannot hold. */
  async rows(
    start: number,
    end: number,
  ): Promise<{ shape: readonly number[]; data: Float32Array }> {
    const { shape, fortran, itemSize } = this.header;
    const row = this.#rowSize();
    const count = end - start;
    const data = new Float32Array(count * row);
    if (fortran && shape.length > 1) {
      const order = rowMajorPositions(shape.slice(1));
      for (const [column, position] of order.entries()) {
        const values = await this.#elements(column * this.length + start, count);
        for (let i = 0; i < count; i++) {
          data[i * row + position] = values(i);
        }
      }
    } else if (this.header.type === "f4" && this.header.littleEndian === machineIsLittleEndian) {
      await this.#fill(new Uint8Array(data.buffer), start * row * itemSize);
    } else {
      const values = await this.#elements(start * row, data.length);
      for (let i = 0; i < data.length; i++) {
        data[i] = values(i);
      }
    }
    return { shape: [count, ...shape.slice(1)], data };
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  #rowSize(): number {
    return this.header.shape.slice(1).reduce((product, size) => product * size, 1);
  }

  async #elements(first: number, count: number): Promise<(index: number) => number> {
    const { itemSize, type, littleEndian } = this.header;
    const bytes = new Uint8Array(count * itemSize);
    await this.#fill(bytes, first * itemSize);
    const read = reader(new DataView(bytes.buffer), type, littleEndian);
    const isInteger = type.startsWith("i") || type.startsWith("u");
    return (index) => {
      const value = read(index * itemSize);
      if (isInteger && Math.fround(value) !== value) {
        throw new TracInError(
          "data",
          `The integer ${value} is too large to be kept as a 32-bit float.`,
          { file: this.file, offset: this.header.dataStart + (first + index) * itemSize },
          "Integers up to 16,777,216 are exact.",
        );
      }
      return value;
    };
  }

  async #fill(bytes: Uint8Array, from: number): Promise<void> {
    if (!(await readFully(this.handle, bytes, this.header.dataStart + from))) {
      throw damaged(this.file, "The file became shorter since it was opened");
    }
  }
}

async function readHeader(handle: FileHandle, file: string): Promise<Header> {
  const stat = await handle.stat();
  const start = Buffer.alloc(12);
  const { bytesRead } = await handle.read(start, 0, 12, 0);
  if (!stat.isFile() || bytesRead < 12 || start.toString("latin1", 0, 6) !== "\x93NUMPY") {
    throw damaged(file, "The file does not begin as a NumPy .npy file");
  }
  const version = start[6] ?? 0;
  if (version < 1 || version > 3) {
    throw damaged(file, `The .npy format version ${version} is not known`);
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const length = version === 1 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  const dataStart = 8 + lengthBytes + length;
  if (length > maxHeaderBytes || dataStart > stat.size) {
    throw damaged(file, "The header is longer than the file");
  }
  const text = Buffer.alloc(length);
  await handle.read(text, 0, length, 8 + lengthBytes);
  const header = parseHeader(text.toString(version === 3 ? "utf8" : "latin1"), file, dataStart);
  const needed = header.shape.reduce((product, size) => product * size, header.itemSize);
  if (dataStart + needed !== stat.size) {
    throw damaged(
      file,
      `The header promises ${needed} bytes of data, but the file holds ${stat.size - dataStart}`,
    );
  }
  return header;
}

/** The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } */
function parseHeader(text: string, file: string, dataStart: number): Header {
  const type = /'descr':\s*'([<>|=])([a-zA-Z])(\d*)'/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const shape = /'shape':\s*\(([\d\s,]*)\)/.exec(text);
  if (!order || !shape) {
    throw damaged(file, "The header is damaged");
  }
  const element = `${type?.[2] ?? ""}${type?.[3] ?? ""}`;
  if (!isElementType(element)) {
    throw new TracInError(
      "data",
      element.startsWith("O")
        ? "The array holds Python objects (pickled), which are never loaded."
        : `The array's element type is not supported: ${/'descr':\s*([^,}]*)/.exec(text)?.[1]?.slice(0, 60)}.`,
      { file },
      "Save it as booleans, integers or floats (f2, f4, f8).",
    );
  }
  const sizes = (shape[1] ?? "").split(",").flatMap((size) => {
    const trimmed = size.trim();
    return trimmed === "" ? [] : [Number(trimmed)];
  });
  if (sizes.length === 0 || sizes.length > 32 || !sizes.every(Number.isSafeInteger)) {
    throw damaged(file, `The shape (${shape[1]}) has no axis of examples`);
  }
  return {
    type: element,
    itemSize: Number(type?.[3]),
    littleEndian: type?.[1] === "=" ? machineIsLittleEndian : type?.[1] !== ">",
    fortran: order[1] === "True",
    shape: sizes,
    dataStart,
  };
}

function isElementType(text: string): text is ElementType {
  return /^(b1|[iu][1248]|f[248])$/.test(text);
}

function damaged(file: string, message: string): TracInError {
  return new TracInError("data", `${message}.`, { file }, "Save the array again with numpy.save.");
}

function reader(view: DataView, type: ElementType, little: boolean): (offset: number) => number {
  switch (type) {
    case "b1":
      return (offset) => Number(view.getUint8(offset) !== 0);
    case "i1":
      return (offset) => view.getInt8(offset);
    case "u1":
      return (offset) => view.getUint8(offset);
    case "i2":
      return (offset) => view.getInt16(offset, little);
    case "u2":
      return (offset) => view.getUint16(offset, little);
    case "i4":
      return (offset) => view.getInt32(offset, little);
    case "u4":
      return (offset) => view.getUint32(offset, little);
    case "i8":
      return (offset) => Number(view.getBigInt64(offset, little));
    case "u8":
      return (offset) => Number(view.getBigUint64(offset, little));
    case "f2":
      return (offset) => halfToNumber(view.getUint16(offset, little));
    case "f4":
      return (offset) => view.getFloat32(offset, little);
    case "f8":
      return (offset) => view.getFloat64(offset, little);
  }
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** For each element in Fortran order (first axis fastest), its position in row-major order. */
function rowMajorPositions(shape: readonly number[]): number[] {
  let positions = [0];
  let stride = shape.reduce((product, size) => product * size, 1);
  for (const size of shape) {
    stride /= size;
    const step = stride;
    positions = Array.from({ length: size }, (_, index) => index).flatMap((index) =>
      positions.map((position) => position + index * step),
    );
  }
  return positions;
}
