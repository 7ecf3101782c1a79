import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TracInError } from "../errors.ts";

/**
 * Writes a little-endian float32 `.npy` file (format 1.0, C order) piece by piece, in any order.
 * The file appears under its name when `finish` is called, whole or not at all.
 */
export class NpyWriter {
  private constructor(
    private readonly path: string,
    private readonly aside: string,
    private readonly handle: FileHandle,
    private readonly dataStart: number,
    private readonly length: number,
  ) {}

  /** Throws kind `store` when the folder cannot be written, or when `path` is a folder itself. */
  static async create(path: string, shape: readonly number[]): Promise<NpyWriter> {
    const there = await stat(path).catch(() => undefined);
    if (there?.isDirectory()) {
      throw new TracInError(
        "store",
        "The file cannot be written: there is a folder of that name",
        { file: path },
        "Name a file in it, or choose another name.",
      );
    }
    const aside = join(
      dirname(path),
      `.${basename(path)}.${randomBytes(4).toString("hex")}.partial`,
    );
    const header = npyHeader(shape);
    const length = shape.reduce((product, size) => product * size, 1);
    try {
      const handle = await open(aside, "wx");
      await handle.write(header);
      await handle.truncate(header.length + 4 * length);
      return new NpyWriter(path, aside, handle, header.length, length);
    } catch (error) {
      await rm(aside, { force: true });
      throw new TracInError(
        "store",
        `The file cannot be written: ${error instanceof Error ? error.message : error}`,
        { file: path },
        "Choose a folder that exists and can be written.",
        { cause: error },
      );
    }
  }

  /** Writes values at a flat position. */
  async write(position: number, values: Float32Array): Promise<void> {
    if (position < 0 || position + values.length > this.length) {
      throw new TracInError("internal", "Values outside the array.", { file: this.path });
    }
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    await this.handle.write(bytes, 0, bytes.length, this.dataStart + 4 * position);
  }

  /** Flushes and gives the file its name. */
  async finish(): Promise<void> {
    await this.handle.sync();
    await this.handle.close();
    await rename(this.aside, this.path);
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.handle.close().catch(() => undefined);
    await rm(this.aside, { force: true });
  }
}

/** https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1.0. */
function npyHeader(shape: readonly number[]): Buffer {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple}, }`;
  const prefix = 10;
  const total = Math.ceil((prefix + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(total, 0x20);
  header.write("\x93NUMPY\x01\x00", 0, "latin1");
  header.writeUInt16LE(total - prefix, 8);
  header.write(text, prefix, "latin1");
  header.write("\n", total - 1, "latin1");
  return header;
}
