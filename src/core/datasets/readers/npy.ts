import { readType, tensorFromBytes } from "../../checkpoints/convert.ts";
import { TracInError } from "../../errors.ts";
import {
  type ByteRange,
  type NpyHeader,
  readNpyHeader,
  rowMajorPositions,
} from "../../formats/npy.ts";
import { FileSource } from "../../formats/source.ts";
import { bytesPerElement } from "../../graph/tensor.ts";

/**
 * An array whose first axis is the example: a .npy file, an entry of an archive, or an IDX file. Rows are read by range.
 */
export class NpyFile {
  private constructor(
    readonly file: string,
    private readonly bytes: ByteRange,
    private readonly release: () => Promise<void>,
    readonly header: NpyHeader,
  ) {}

  /** Throws kind `data` for a damaged header, an element type that is not read, or a size that does not fit. */
  static async open(absolute: string, file: string): Promise<NpyFile> {
    const source = await FileSource.open(absolute, file, "data");
    try {
      return await NpyFile.over(source, file, () => source.close());
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /**
   * An array over bytes.
   * @param entry the entry of an archive that they are, for messages
   * @param release called when the array is closed
   */
  static async over(
    bytes: ByteRange,
    file: string,
    release: () => Promise<void>,
    entry?: string,
  ): Promise<NpyFile> {
    const fail = (message: string, remedy: string) =>
      new TracInError(
        "data",
        message,
        { file, ...(entry === undefined ? {} : { column: entry }) },
        remedy,
      );
    const header = await readNpyHeader(bytes, fail);
    if (header.shape.length === 0) {
      throw fail("The array is a single number: it has no axis of examples.", saveArrays);
    }
    return new NpyFile(file, bytes, release, header);
  }

  /** An array whose header was read, and checked against the bytes, elsewhere. */
  static withHeader(
    bytes: ByteRange,
    file: string,
    release: () => Promise<void>,
    header: NpyHeader,
  ): NpyFile {
    return new NpyFile(file, bytes, release, header);
  }

  /** Number of rows: the size of the first axis. */
  get length(): number {
    return this.header.shape[0] ?? 0;
  }

  /** Byte range of a row; the range of all elements in Fortran order, where a row is scattered. */
  rowBytes(index: number): { start: number; end: number } {
    const { dataStart, fortran, dtype } = this.header;
    const row = this.#rowSize() * bytesPerElement[dtype];
    return fortran
      ? { start: dataStart, end: dataStart + row * this.length }
      : { start: dataStart + index * row, end: dataStart + (index + 1) * row };
  }

  /** Rows [start, end) as floats, row-major. Throws kind `data` for an integer that a float cannot hold. */
  async rows(
    start: number,
    end: number,
  ): Promise<{ shape: readonly number[]; data: Float32Array }> {
    const { shape, fortran } = this.header;
    const row = this.#rowSize();
    const count = end - start;
    if (!fortran || shape.length === 1) {
      const data = await this.#elements(start * row, count * row);
      return { shape: [count, ...shape.slice(1)], data };
    }
    const data = new Float32Array(count * row);
    for (const [column, position] of rowMajorPositions(shape.slice(1)).entries()) {
      const values = await this.#elements(column * this.length + start, count);
      for (let i = 0; i < count; i++) {
        data[i * row + position] = values[i] ?? 0;
      }
    }
    return { shape: [count, ...shape.slice(1)], data };
  }

  close(): Promise<void> {
    return this.release();
  }

  #rowSize(): number {
    return this.header.shape.slice(1).reduce((product, size) => product * size, 1);
  }

  async #elements(first: number, count: number): Promise<Float32Array> {
    const { dtype, bigEndian, dataStart } = this.header;
    const width = bytesPerElement[dtype];
    const bytes = await this.bytes.read(dataStart + first * width, count * width);
    const { data } = tensorFromBytes(dtype, [count], bytes, bigEndian);
    if (data instanceof Float32Array) {
      return data;
    }
    const isInteger = readType(dtype) !== "bool";
    const floats = new Float32Array(count);
    for (let index = 0; index < count; index++) {
      const value = Number(data[index]);
      floats[index] = isInteger ? value : Number(value !== 0);
      if (isInteger && floats[index] !== value) {
        throw new TracInError(
          "data",
          `The integer ${value} is too large to be kept as a 32-bit float.`,
          { file: this.file, offset: dataStart + (first + index) * width },
          "Integers up to 16,777,216 are exact.",
        );
      }
    }
    return floats;
  }
}

const saveArrays = "Save an array with one row for each example.";
