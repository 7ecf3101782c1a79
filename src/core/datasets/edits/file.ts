import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { TracInError } from "../../errors.ts";

/** What becomes of one record; records are bytes [start, end) without their line end. */
export interface RecordEdit {
  readonly start: number;
  readonly end: number;
  /** The new text; undefined takes the record away with its line end. */
  readonly text: string | undefined;
}

/** What an editor has to know of a file before it may change a part of it. */
export interface FileFacts {
  readonly size: number;
  /** Kinds of line ends in it. */
  readonly lineEnds: readonly ("\n" | "\r\n" | "\r")[];
}

const chunk = 1 << 20;

/** Reads a file once and tells its size and line ends. */
export async function fileFacts(path: string): Promise<FileFacts> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const found = new Set<"\n" | "\r\n" | "\r">();
    let wasReturn = false;
    for await (const part of parts(handle, 0, size)) {
      for (const byte of part) {
        if (byte === 10) {
          found.add(wasReturn ? "\r\n" : "\n");
        } else if (wasReturn) {
          found.add("\r");
        }
        wasReturn = byte === 13;
      }
    }
    if (wasReturn) {
      found.add("\r");
    }
    return { size, lineEnds: [...found] };
  } finally {
    await handle.close();
  }
}

/** The texts of records. */
export async function readRecords(
  path: string,
  places: readonly { readonly start: number; readonly end: number }[],
): Promise<readonly string[]> {
  const handle = await open(path, "r");
  try {
    const texts: string[] = [];
    for (const { start, end } of places) {
      const blocks: Buffer[] = [];
      for await (const part of parts(handle, start, end)) {
        blocks.push(part);
      }
      texts.push(Buffer.concat(blocks).toString("utf8"));
    }
    return texts;
  } finally {
    await handle.close();
  }
}

/**
 * Copies a file with some records changed or left out; every other byte is the same. Memory does not grow with the file. The
 * copy appears under its name when it is whole.
 *
 * @param edits in the order of the file, apart from each other
 * @throws kind `store` when the copy cannot be written, or would be the file itself
 */
export async function copyWithEdits(
  from: string,
  to: string,
  edits: readonly RecordEdit[],
): Promise<void> {
  const partial = `${to}.partial`;
  const source = await open(from, "r");
  try {
    const { size } = await source.stat();
    const target = await open(partial, "wx");
    try {
      let at = 0;
      for (const { start, end, text } of edits) {
        await copy(source, target, at, start);
        at = text === undefined ? await lineEnd(source, end, size) : end;
        if (text !== undefined) {
          await target.appendFile(text);
        }
      }
      await copy(source, target, at, size);
      await target.sync();
    } finally {
      await target.close();
    }
    await rename(partial, to);
  } catch (error) {
    await rm(partial, { force: true });
    throw new TracInError(
      "store",
      `The cleaned copy could not be written: ${error instanceof Error ? error.message : error}`,
      { file: to },
      "Choose another place, and check that the disk is not full.",
      { cause: error },
    );
  } finally {
    await source.close();
  }
}

async function copy(from: FileHandle, to: FileHandle, start: number, end: number): Promise<void> {
  for await (const part of parts(from, start, end)) {
    await to.appendFile(part);
  }
}

/** Behind the line end at `end`, if there is one. */
async function lineEnd(file: FileHandle, end: number, size: number): Promise<number> {
  const bytes = Buffer.alloc(Math.min(2, size - end));
  await file.read(bytes, 0, bytes.length, end);
  return end + (bytes[0] === 13 && bytes[1] === 10 ? 2 : bytes.length === 0 ? 0 : 1);
}

async function* parts(file: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(chunk, end - at));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) {
      throw new TracInError("data", "The file became shorter while it was read.");
    }
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
