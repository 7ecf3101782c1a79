import { TracInError } from "../../errors.ts";
import type { InsidePath } from "../../paths.ts";
import type { Example, FieldValue } from "../dataset.ts";
import { RecordDataset } from "./record-dataset.ts";
import { RecordIndex } from "./record-index.ts";
import { TextFile } from "./text-file.ts";

const maxLineBytes = 64 << 20;

/** A file with one JSON object per line; blank lines are skipped. */
export class JsonlDataset extends RecordDataset {
  /**
   * Parses every line once, to find the columns and any damage; rows stay on disk. Throws kind `data` with
   * file and line for a line that is no JSON object.
   */
  static async open(
    name: string,
    path: InsidePath,
    target: readonly string[],
  ): Promise<JsonlDataset> {
    const text = await TextFile.open(path.absolute, path.relative);
    try {
      const records = new RecordIndex();
      const columns = new Set<string>();
      const lines = new LineSplitter((bytes, start, line) => {
        if (isBlank(bytes)) {
          return;
        }
        const object = parseLine(bytes.toString("utf8"), path.relative, line);
        for (const key of Object.keys(object)) {
          columns.add(key);
        }
        records.push(start, start + bytes.length, line, 1);
      }, path.relative);
      await text.scan((chunk, offset) => lines.push(chunk, offset));
      lines.finish();
      if (records.length === 0) {
        throw new TracInError(
          "data",
          "The file holds no examples.",
          { file: path.relative },
          "Each line is one JSON object.",
        );
      }
      return new JsonlDataset(name, text, records, [...columns], target);
    } catch (error) {
      await text.close();
      throw error;
    }
  }

  override async read(start: number, end: number): Promise<readonly Example[]> {
    if (start >= end) {
      return [];
    }
    const from = this.records.start(start);
    const slice = await this.text.slice(from, this.records.end(end - 1));
    return Array.from({ length: end - start }, (_, offset) => {
      const index = start + offset;
      const bytes = slice.subarray(
        this.records.start(index) - from,
        this.records.end(index) - from,
      );
      const parsed = parseLine(bytes.toString("utf8"), this.file, this.records.line(index));
      const fields: Record<string, FieldValue> = Object.create(null);
      return { index, fields: Object.assign(fields, parsed) };
    });
  }
}

/** Cuts a stream of chunks into lines, as VS Code does: at \n, \r\n and \r. */
class LineSplitter {
  #line = 0;
  #start = -1;
  #lastReturn = -1;
  #pending: Buffer[] = [];

  constructor(
    readonly visit: (bytes: Buffer, start: number, line: number) => void,
    readonly file: string,
  ) {}

  push(chunk: Buffer, offset: number): void {
    if (this.#start === -1) {
      this.#start = offset;
    }
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte !== 10 && byte !== 13) {
        continue;
      }
      const second = byte === 10 && this.#lastReturn === offset + i - 1;
      if (byte === 13) {
        this.#lastReturn = offset + i;
      }
      if (!second) {
        this.#emit(chunk.subarray(from, i));
        this.#line++;
      }
      from = i + 1;
      this.#start = offset + from;
    }
    // The reader reuses its buffer, so the rest of a line is copied.
    if (from < chunk.length) {
      this.#pending.push(Buffer.from(chunk.subarray(from)));
    }
    if (offset + chunk.length - this.#start > maxLineBytes) {
      throw new TracInError(
        "data",
        "The line is longer than 64 MiB.",
        { file: this.file, line: this.#line + 1 },
        "Put one JSON object on each line.",
      );
    }
  }

  finish(): void {
    this.#emit(Buffer.alloc(0));
  }

  #emit(rest: Buffer): void {
    const bytes = this.#pending.length === 0 ? rest : Buffer.concat([...this.#pending, rest]);
    this.#pending = [];
    this.visit(bytes, this.#start, this.#line);
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 32 || byte === 9);
}

function parseLine(text: string, file: string, line: number): { [key: string]: FieldValue } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracInError(
      "data",
      `The line is not valid JSON: ${reason.slice(0, 200)}.`,
      { file, line: line + 1 },
      "Each line is one whole JSON object.",
      { cause: error },
    );
  }
  if (!isObject(value)) {
    throw new TracInError(
      "data",
      "The line is JSON, but no object.",
      { file, line: line + 1 },
      'Write each example as an object, such as {"text": "...", "label": "..."}.',
    );
  }
  return value;
}

/** What JSON.parse gives is made of field values all the way down. */
function isObject(value: unknown): value is { [key: string]: FieldValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
