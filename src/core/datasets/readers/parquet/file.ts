import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { counted } from "../../../counted.ts";
import { TracInError } from "../../../errors.ts";
import type { InsidePath } from "../../../paths.ts";
import { Database, type DuckDb, quote } from "../../../store/duckdb.ts";

/** Bytes that DuckDB may hold for one file, a few decompressed pages of each column: at most, and at least. */
const mostMemory = 512 << 20;
const leastMemory = 128 << 20;

export interface ParquetColumn {
  readonly name: string;
  readonly type: DuckDBType;
}

/**
 * One Parquet file, read by row ranges through DuckDB, which may touch nothing but this file. Row groups before the
 * range are left out by their statistics; nothing is loaded as a whole.
 */
export class ParquetFile {
  /** One question at a time: a connection answers no others meanwhile. */
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly file: string,
    private readonly database: Database,
    private readonly table: string,
    /** Rows that its footer promises. */
    readonly length: number,
    readonly columns: readonly ParquetColumn[],
    /** Names of labels by column, as Hugging Face datasets writes them beside the schema. */
    readonly labelNames: ReadonlyMap<string, readonly string[]>,
    private readonly memory: number,
  ) {}

  /**
   * Reads the footer. Throws kind `data` when the file is no Parquet file, damaged or encrypted.
   * @param memoryLimit bytes that it may hold; at least 128 MiB, without which a common row group does not fit
   */
  static async open(
    { absolute, relative }: InsidePath,
    memoryLimit = mostMemory,
  ): Promise<ParquetFile> {
    const memory = Math.min(mostMemory, Math.max(leastMemory, memoryLimit));
    if (/[*?[\]]/.test(absolute)) {
      throw new TracInError(
        "data",
        "The path of a Parquet file must have no *, ?, [ or ]: they stand for other files there.",
        { file: relative },
        "Rename the file or its folder.",
      );
    }
    const database = await Database.open({ files: [absolute], memoryLimit: memory });
    const from = `read_parquet(${quote(absolute)}, file_row_number = true, hive_partitioning = false)`;
    try {
      const shape = await database.connection.runAndReadAll(`SELECT * FROM ${from} LIMIT 0`);
      const types = shape.columnTypes();
      const columns = shape.columnNames().flatMap((name, index) => {
        const type = types[index];
        return type === undefined || name === rowNumber ? [] : [{ name, type }];
      });
      const counted = await database.connection.runAndReadAll(`SELECT count(*) FROM ${from}`);
      const length = Number(counted.getRows()[0]?.[0]);
      if (!Number.isSafeInteger(length) || length < 0) {
        throw new Error(`it claims ${length} rows`);
      }
      const notes = await database.connection.runAndReadAll(
        `SELECT value FROM parquet_kv_metadata(${quote(absolute)}) WHERE key = 'huggingface'::BLOB`,
      );
      const names = readLabelNames(database.module, notes.getRows()[0]?.[0]);
      return new ParquetFile(relative, database, from, length, columns, names, memory);
    } catch (error) {
      database.close();
      throw damaged(relative, error, memory);
    }
  }

  get module() {
    return this.database.module;
  }

  /**
   * Expressions over the columns for the rows [start, end), in file order.
   * Throws kind `data` when the file is damaged there or holds fewer rows than it promises.
   */
  rows(expressions: readonly string[], start: number, end: number): Promise<DuckDBValue[][]> {
    const question = this.last.then(() => this.ask(expressions, start, end));
    this.last = question.catch(() => undefined);
    return question;
  }

  async close(): Promise<void> {
    await this.last;
    this.database.close();
  }

  private async ask(
    expressions: readonly string[],
    start: number,
    end: number,
  ): Promise<DuckDBValue[][]> {
    if (start >= end) {
      return [];
    }
    const where = `${rowNumber} >= ${start} AND ${rowNumber} < ${end}`;
    const sql = `SELECT ${[rowNumber, ...expressions].join(", ")} FROM ${this.table} WHERE ${where}`;
    let rows: DuckDBValue[][];
    try {
      rows = (await this.database.connection.runAndReadAll(sql)).getRows();
    } catch (error) {
      throw damaged(this.file, error, this.memory, start);
    }
    if (rows.length !== end - start || rows.some(([row], at) => Number(row) !== start + at)) {
      throw damaged(
        this.file,
        new Error(`it gives ${rows.length} of the ${counted(end - start, "row")} that it promises`),
        this.memory,
        start,
      );
    }
    return rows.map((row) => row.slice(1));
  }
}

const rowNumber = "file_row_number";

/** Lists in lists, beyond which no names are looked for. */
const deepestList = 4;

/** `info.features` of Hugging Face datasets: columns of the type ClassLabel, alone or in a list, have names. Damage says nothing. */
function readLabelNames(
  module: DuckDb,
  value: DuckDBValue | undefined,
): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  let notes: unknown;
  try {
    notes =
      value instanceof module.DuckDBBlobValue
        ? JSON.parse(new TextDecoder().decode(value.bytes))
        : undefined;
  } catch {
    return names;
  }
  const at = (value: unknown, key: string): unknown =>
    typeof value === "object" && value !== null && Object.hasOwn(value, key)
      ? (value as Readonly<Record<string, unknown>>)[key]
      : undefined;
  const features = at(at(notes, "info"), "features");
  for (const column of Object.keys(Object(features))) {
    let feature = at(features, column);
    for (let depth = 0; depth < deepestList && at(feature, "_type") !== "ClassLabel"; depth++) {
      // A list was an array with one feature before it had a type of its own.
      feature = at(feature, "feature") ?? at(feature, "0");
    }
    const listed = at(feature, "_type") === "ClassLabel" ? at(feature, "names") : undefined;
    if (Array.isArray(listed) && listed.every((name): name is string => typeof name === "string")) {
      names.set(column, listed);
    }
  }
  return names;
}

function damaged(file: string, error: unknown, memory: number, row?: number): TracInError {
  if (error instanceof TracInError) {
    return error;
  }
  const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
  const isMemory = /out of memory/i.test(reason);
  return new TracInError(
    "data",
    isMemory
      ? `The rows of the Parquet file take more than ${Math.floor(memory / 2 ** 20)} MiB at once.`
      : `The Parquet file cannot be read: ${reason.slice(0, 300)}.`,
    { file, ...(row === undefined ? {} : { row }) },
    isMemory
      ? "Write it again with smaller row groups, or raise the memory limit (tracin.memoryLimit, --memory-limit)."
      : "Copy it again, or write it anew.",
    { cause: error },
  );
}
