import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { TracInError } from "../../errors.ts";
import type { ByteRange } from "../../formats/npy.ts";
import { countElements, FileSource } from "../../formats/source.ts";
import { bytesPerElement, type DataType } from "../../graph/tensor.ts";
import { NpyFile } from "./npy.ts";

const unzip = promisify(gunzip);

/** A packed file is unpacked in memory. */
const maxUnpacked = 1 << 30;

const dataTypes: ReadonlyMap<number, DataType> = new Map([
  [0x08, "uint8"],
  [0x09, "int8"],
  [0x0b, "int16"],
  [0x0c, "int32"],
  [0x0d, "float32"],
  [0x0e, "float64"],
]);

/**
 * Opens an IDX file, as those of MNIST (http://yann.lecun.com/exdb/mnist): two zero bytes, the type, the number of axes,
 * their sizes, the elements, all big-endian. A file packed with gzip is unpacked in memory, up to 1 GiB.
 * Throws kind `data` when header and size do not fit.
 */
export async function openIdx(absolute: string, file: string): Promise<NpyFile> {
  const source = await FileSource.open(absolute, file, "data");
  try {
    const start = source.size >= 2 ? await source.read(0, 2) : new Uint8Array();
    const isPacked = start[0] === 0x1f && start[1] === 0x8b;
    const bytes = isPacked ? await unpack(source) : source;
    return NpyFile.withHeader(bytes, file, () => source.close(), await readHeader(bytes, file));
  } catch (error) {
    await source.close();
    throw error;
  }
}

async function unpack(source: FileSource): Promise<ByteRange> {
  if (source.size > maxUnpacked) {
    throw source.error("A packed file of more than 1 GiB is not unpacked.");
  }
  let bytes: Uint8Array;
  try {
    bytes = await unzip(await source.read(0, source.size), { maxOutputLength: maxUnpacked });
  } catch (error) {
    const isLarge = error instanceof RangeError;
    throw isLarge
      ? new TracInError(
          "data",
          "The file unpacks to more than 1 GiB.",
          { file: source.file },
          "Unpack it with gunzip: files that are not packed are read piece by piece.",
          { cause: error },
        )
      : source.error("The file cannot be unpacked as gzip.");
  }
  return {
    size: bytes.length,
    read: async (offset, length) => new Uint8Array(bytes.subarray(offset, offset + length)),
  };
}

async function readHeader(bytes: ByteRange, file: string) {
  const fail = (message: string) =>
    new TracInError("data", message, { file }, "Download or write the file again.");
  const start = await bytes.read(0, Math.min(4, bytes.size));
  const [zero, none, type = 0, axes = 0] = start;
  const dtype = dataTypes.get(type);
  if (start.length < 4 || zero !== 0 || none !== 0 || dtype === undefined || axes === 0) {
    throw fail("The file does not begin as an IDX file.");
  }
  const dataStart = 4 + 4 * axes;
  if (dataStart > bytes.size) {
    throw fail("The header is longer than the file.");
  }
  const sizes = await bytes.read(4, 4 * axes);
  const view = new DataView(sizes.buffer);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(axis * 4));
  const count = countElements(shape);
  const needed = count === undefined ? Number.NaN : count * bytesPerElement[dtype];
  if (dataStart + needed !== bytes.size) {
    throw fail(
      `The header promises ${needed} bytes of data for [${shape.join(", ")}], but the file holds ${bytes.size - dataStart}.`,
    );
  }
  return { dtype, bigEndian: true, fortran: false, shape, dataStart };
}
