import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type ErrorKind, TracInError } from "../errors.ts";
import { readFully } from "../read-fully.ts";

/** A file that is read by byte ranges; ranges are checked against its size before anything is allocated. */
export class FileSource {
  private constructor(
    /** Path as the person would write it. */
    readonly file: string,
    readonly size: number,
    /** Kind of its errors. */
    private readonly kind: ErrorKind,
    private readonly handle: FileHandle,
  ) {}

  /** Opens a regular file. Throws `kind` when there is none or it cannot be read. */
  static async open(
    path: string,
    file: string,
    kind: ErrorKind = "checkpoint",
  ): Promise<FileSource> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, "r");
      const stat = await handle.stat();
      if (!stat.isFile()) {
        throw new TracInError(kind, "This is not a file.", { file });
      }
      return new FileSource(file, stat.size, kind, handle);
    } catch (error) {
      await handle?.close();
      if (error instanceof TracInError) {
        throw error;
      }
      throw new TracInError(
        kind,
        `The file cannot be opened: ${error instanceof Error ? error.message : error}`,
        { file },
        "Check that the file exists and can be read.",
        { cause: error },
      );
    }
  }

  /** Bytes [offset, offset + length), in a buffer of their own. Throws beyond the end. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!isCount(offset) || !isCount(length) || offset + length > this.size) {
      throw this.error(`${length} bytes are expected here, but the file ends before.`, offset);
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.handle.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) {
        throw this.error("The file became shorter while it was read.", offset + done);
      }
      done += bytesRead;
    }
    return bytes;
  }

  /** Fills `target` with the bytes from `offset` on. Throws beyond the end. */
  async readTo(target: Uint8Array, offset: number): Promise<void> {
    if (!isCount(offset) || offset + target.length > this.size) {
      throw this.error(
        `${target.length} bytes are expected here, but the file ends before.`,
        offset,
      );
    }
    if (!(await readFully(this.handle, target, offset))) {
      throw this.error("The file became shorter while it was read.", offset);
    }
  }

  /** Fills `target` from `position` on without waiting, and returns how many bytes it got. */
  readInto(target: Uint8Array, position: number): number {
    let done = 0;
    while (done < target.length) {
      const read = readSync(this.handle.fd, target, done, target.length - done, position + done);
      if (read === 0) {
        break;
      }
      done += read;
    }
    return done;
  }

  /** A damage error at a byte of this file. */
  error(message: string, offset?: number, tensor?: string): TracInError {
    return new TracInError(
      this.kind,
      message,
      {
        file: this.file,
        ...(offset === undefined ? {} : { offset }),
        ...(tensor === undefined ? {} : { tensor }),
      },
      "The file may be damaged or incomplete: save or copy it again.",
    );
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** True for a non-negative safe integer, as lengths, offsets and sizes must be. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Product of the sizes, or undefined where it is no safe integer. */
export function countElements(shape: readonly number[]): number | undefined {
  let product = 1;
  for (const dimension of shape) {
    product *= dimension;
    if (!isCount(product)) {
      // A later 0 would make the tensor empty, but no writer makes such a shape.
      return undefined;
    }
  }
  return product;
}
