import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { TracInError } from "../../errors.ts";
import { readFully } from "../../read-fully.ts";

const chunkSize = 1 << 20;

/** An open text file (UTF-8, with or without a byte order mark) that is read by byte range. */
export class TextFile {
  private constructor(
    /** Relative to the workspace. */
    readonly file: string,
    readonly size: number,
    private readonly handle: FileHandle,
    private readonly modified: number,
  ) {}

  /** Opens a file; throws kind `data` when it is no regular file or cannot be read. */
  static async open(absolute: string, file: string): Promise<TextFile> {
    let handle: FileHandle;
    try {
      handle = await open(absolute, "r");
    } catch (error) {
      throw new TracInError("data", "The file cannot be read.", { file }, undefined, {
        cause: error,
      });
    }
    const stat = await handle.stat();
    if (!stat.isFile()) {
      await handle.close();
      throw new TracInError(
        "data",
        "This is no file.",
        { file },
        "Name a CSV, TSV or JSONL file in tracin.json.",
      );
    }
    return new TextFile(file, stat.size, handle, stat.mtimeMs);
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /**
   * Streams the file once, without its byte order mark. `visit` gets each chunk and the offset of its first
   * byte. Throws kind `data` with the line for invalid UTF-8, NUL bytes and UTF-16.
   */
  async scan(visit: (chunk: Buffer, offset: number) => void): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(chunkSize, Math.max(this.size, 1)));
    let carried = 0;
    for (let offset = 0; offset < this.size; ) {
      const { bytesRead } = await this.handle.read(
        buffer,
        carried,
        buffer.length - carried,
        offset,
      );
      if (bytesRead === 0) {
        throw this.#changed();
      }
      const base = offset - carried;
      offset += bytesRead;
      const filled = buffer.subarray(0, carried + bytesRead);
      // A character cut by the end of the chunk waits for the next one.
      const whole = offset < this.size ? filled.subarray(0, completeLength(filled)) : filled;
      await this.#check(whole, base);
      const mark = base === 0 && hasMark(whole) ? 3 : 0;
      visit(whole.subarray(mark), base + mark);
      carried = filled.length - whole.length;
      buffer.copyWithin(0, whole.length, filled.length);
    }
  }

  /** Bytes [start, end). Throws kind `data` when the file has changed since it was opened. */
  async slice(start: number, end: number): Promise<Buffer> {
    const stat = await this.handle.stat();
    if (stat.size !== this.size || stat.mtimeMs !== this.modified) {
      throw this.#changed();
    }
    const buffer = Buffer.allocUnsafe(end - start);
    if (!(await readFully(this.handle, buffer, start))) {
      throw this.#changed();
    }
    return buffer;
  }

  async #check(chunk: Buffer, base: number): Promise<void> {
    if (base === 0 && (startsWith(chunk, 0xff, 0xfe) || startsWith(chunk, 0xfe, 0xff))) {
      throw new TracInError(
        "data",
        "The file is UTF-16 text.",
        { file: this.file, line: 1 },
        "Save it as UTF-8.",
      );
    }
    const zero = chunk.indexOf(0);
    const valid = isUtf8(chunk);
    if (zero === -1 && valid) {
      return;
    }
    const invalid = valid ? Number.POSITIVE_INFINITY : firstInvalid(chunk);
    const nul = zero !== -1 && zero < invalid;
    const offset = base + (nul ? zero : invalid);
    throw new TracInError(
      "data",
      nul ? "The file holds a NUL byte." : "The file holds bytes that are not UTF-8.",
      { file: this.file, line: (await this.#lineAt(offset)) + 1, offset },
      nul ? "It is damaged or not a text file." : "Save it as UTF-8, or mend the bytes.",
    );
  }

  async #lineAt(offset: number): Promise<number> {
    let line = 0;
    let previous = 0;
    for (let start = 0; start < offset; start += chunkSize) {
      for (const byte of await this.slice(start, Math.min(offset, start + chunkSize))) {
        if (byte === 13 || (byte === 10 && previous !== 13)) {
          line++;
        }
        previous = byte;
      }
    }
    return line;
  }

  #changed(): TracInError {
    return new TracInError(
      "data",
      "The file has changed since it was opened.",
      { file: this.file },
      "Run again.",
    );
  }
}

function startsWith(chunk: Buffer, ...bytes: readonly number[]): boolean {
  return bytes.every((byte, index) => chunk[index] === byte);
}

function hasMark(chunk: Buffer): boolean {
  return startsWith(chunk, 0xef, 0xbb, 0xbf);
}

/** Length of `chunk` without a character that its end cuts. */
function completeLength(chunk: Buffer): number {
  for (let back = 1; back <= 3 && back < chunk.length; back++) {
    const byte = chunk[chunk.length - back] ?? 0;
    if (byte < 0x80) {
      break;
    }
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? chunk.length - back : chunk.length;
    }
  }
  return chunk.length;
}

/** Offset of the first character that is not valid UTF-8. */
function firstInvalid(chunk: Buffer): number {
  let good = 0;
  let bad = chunk.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (isUtf8(chunk.subarray(0, completeLength(chunk.subarray(0, middle))))) {
      good = middle;
    } else {
      bad = middle;
    }
  }
  // A cut character hides at the end of a prefix: step back to where the last whole one ends.
  while (!isUtf8(chunk.subarray(0, good))) {
    good--;
  }
  return good;
}
