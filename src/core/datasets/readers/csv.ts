import { parse } from "csv-parse/sync";
import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import type { InsidePath } from "../../paths.ts";
import type { Example } from "../dataset.ts";
import { CsvScanner } from "./csv-scan.ts";
import { RecordDataset } from "./record-dataset.ts";
import { RecordIndex } from "./record-index.ts";
import { TextFile } from "./text-file.ts";

const sliceBytes = 8 << 20;

/** A CSV or TSV file with a header line. */
export class CsvDataset extends RecordDataset {
  private constructor(
    name: string,
    text: TextFile,
    records: RecordIndex,
    columns: readonly string[],
    target: readonly string[],
    private readonly delimiter: string,
  ) {
    super(name, text, records, columns, target);
  }

  /**
   * Scans the file once; rows stay on disk. Throws kind `data` with file and line for wrong field counts,
   * quotes that are not closed, bytes that are not UTF-8, repeated column names, and a file without rows.
   */
  static async open(
    name: string,
    path: InsidePath,
    target: readonly string[],
    delimiter = /\.(tsv|tab)$/i.test(path.relative) ? "\t" : ",",
  ): Promise<CsvDataset> {
    const byte = delimiter.charCodeAt(0);
    if (delimiter.length !== 1 || byte > 127 || '"\r\n\0'.includes(delimiter)) {
      throw new TracInError(
        "config",
        `The delimiter ${JSON.stringify(delimiter)} cannot be used.`,
        { file: path.relative },
        "Use one ASCII character such as a comma, a semicolon or a tab.",
      );
    }
    const text = await TextFile.open(path.absolute, path.relative);
    try {
      const records = new RecordIndex();
      const scanner = new CsvScanner(path.relative, byte, records);
      await text.scan((chunk, offset) => scanner.push(chunk, offset));
      scanner.finish(text.size);
      const { header } = scanner;
      if (header === undefined || records.length === 0) {
        throw new TracInError(
          "data",
          header === undefined ? "The file is empty." : "The file has a header but no rows.",
          { file: path.relative },
          "The first line names the columns; each further row is one example.",
        );
      }
      const cells = parseSlice(await text.slice(header.start, header.end), delimiter);
      const columns = cells[0] ?? [];
      checkHeader(columns, path.relative);
      return new CsvDataset(name, text, records, columns, target, delimiter);
    } catch (error) {
      await text.close();
      throw error;
    }
  }

  async cells(start: number, end: number): Promise<readonly (readonly string[])[]> {
    const rows: string[][] = [];
    for (let first = start; first < end; ) {
      const from = this.records.start(first);
      let last = first;
      while (last + 1 < end && this.records.end(last + 1) - from <= sliceBytes) {
        last++;
      }
      const slice = await this.text.slice(from, this.records.end(last));
      const parsed = parseSlice(slice, this.delimiter);
      if (parsed.length !== last - first + 1) {
        throw new TracInError(
          "internal",
          `${counted(last - first + 1, "row")} expected, ${parsed.length} read.`,
          { file: this.file, line: this.records.line(first) + 1 },
        );
      }
      for (const row of parsed) {
        rows.push(row);
      }
      first = last + 1;
    }
    return rows;
  }

  override async read(start: number, end: number): Promise<readonly Example[]> {
    const rows = await this.cells(start, end);
    return rows.map((row, offset) => {
      // Without a prototype, a column named __proto__ is a column like any other.
      const fields: Record<string, string> = Object.create(null);
      for (const [position, column] of this.columns.entries()) {
        fields[column] = row[position] ?? "";
      }
      return { index: start + offset, fields };
    });
  }
}

function parseSlice(slice: Buffer, delimiter: string): string[][] {
  if (!slice.includes(34)) {
    // Without quotes a record is a line; splitting is three times as fast as the parser.
    const text = slice.toString("utf8");
    const lines = text.includes("\r") ? text.split(/\r\n|\n|\r/) : text.split("\n");
    return lines.filter((line) => line !== "").map((line) => line.split(delimiter));
  }
  return parse(slice, {
    delimiter,
    record_delimiter: ["\r\n", "\n", "\r"],
    // Only quotes inside unquoted fields are left to relax here: the scan refuses the others.
    relax_quotes: true,
    skip_empty_lines: true,
  });
}

function checkHeader(columns: readonly string[], file: string): void {
  const repeated = columns.find((column, index) => columns.indexOf(column) !== index);
  if (repeated !== undefined) {
    throw new TracInError(
      "data",
      `The header names the column ${JSON.stringify(repeated)} twice.`,
      { file, line: 1, column: repeated },
      "Give every column its own name.",
    );
  }
}
