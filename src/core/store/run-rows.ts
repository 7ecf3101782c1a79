import type { DuckDBConnection } from "@duckdb/node-api";
import { type Database, quote } from "./duckdb.ts";
import type { TableColumn } from "./filter.ts";
import { hasQuery, number, type RunRow, rowColumns, type TableSize, toRow } from "./rows.ts";

/** Columns that mean nothing to a person. */
const hidden: ReadonlySet<string> = new Set(["content", "row_hash"]);
const integers: ReadonlySet<string> = new Set(["example", "line", "line_count", "row_hash"]);

/**
 * The training examples of a run, or the examples of its test set, as DuckDB has them, with the scores of one query at a time as `score` and `parts`: at first in the
 * Parquet file, then, once {@link load} has copied them, in memory, where an index finds single rows.
 */
export class RunRows {
  private query: number | undefined;
  private isLoaded = false;
  private loading: Promise<void> | undefined;
  private loader: DuckDBConnection | undefined;
  private isUnwanted = false;

  private constructor(
    private readonly database: Database,
    private readonly path: string,
    private readonly size: TableSize,
    private readonly scalars: readonly TableColumn[],
    /** The list beside the rows when no query is shown. */
    private readonly parts: "self_parts" | "losses",
  ) {}

  /** @param path of the Parquet file */
  static async open(database: Database, path: string, size: TableSize): Promise<RunRows> {
    const reader = await database.connection.runAndReadAll(
      `DESCRIBE SELECT * FROM read_parquet(${quote(path)})`,
    );
    const columns = reader
      .getRowsJS()
      .map(([name, type]) => ({ name: String(name), type: String(type) }));
    const scalars = columns
      .filter(({ name, type }) => /^[a-z_]+$/.test(name) && !type.endsWith("[]"))
      .map(
        ({ name, type }): TableColumn => ({ name, kind: type === "VARCHAR" ? "text" : "number" }),
      );
    const parts = columns.some(({ name }) => name === "self_parts") ? "self_parts" : "losses";
    return new RunRows(database, path, size, scalars, parts);
  }

  /** Columns that can be named in conditions and orders. */
  columns(query: number): readonly TableColumn[] {
    const score: TableColumn[] = hasQuery(this.size, query)
      ? [{ name: "score", kind: "number" }]
      : [];
    const shown = this.scalars.filter(({ name }) => !hidden.has(name));
    return [...score, ...shown, { name: "text", kind: "text" }];
  }

  /** The number that is shown of a row when no query is. */
  get shown(): "self_influence" | "loss" {
    return this.parts === "losses" ? "loss" : "self_influence";
  }

  /** The Parquet file as the source of a statement. */
  get file(): string {
    return `read_parquet(${quote(this.path)})`;
  }

  /** Whether the rows are in memory by now. */
  get areInMemory(): boolean {
    return this.isLoaded;
  }

  /** The rows as the source of a statement, named `run`. */
  get source(): string {
    return this.isLoaded ? "loaded AS run" : `(${this.selection()}) AS run`;
  }

  /** Chooses the query whose scores the rows have. What is in memory for another one is dropped. */
  async choose(query: number): Promise<void> {
    const wanted = hasQuery(this.size, query) ? query : -1;
    if (this.query !== wanted) {
      await this.close();
      this.loading = undefined;
      this.isUnwanted = false;
      this.isLoaded = false;
      this.query = wanted;
      await this.database.connection.run("DROP TABLE IF EXISTS loaded");
    }
  }

  /**
   * Copies the rows into memory, on a connection of its own: meanwhile statements read the file. Where the rows do not
   * fit, the file stays the source. Resolves when they are there, or not to be had.
   */
  async load(): Promise<void> {
    if (!this.isUnwanted) {
      this.loading ??= this.copy();
      await this.loading;
    }
  }

  /** Ends a copy that is under way, for good. */
  async close(): Promise<void> {
    this.isUnwanted = true;
    this.loader?.interrupt();
    await this.loading;
  }

  /** The rows of some examples, in their order. */
  async read(examples: Int32Array): Promise<readonly RunRow[]> {
    if (examples.length === 0) {
      return [];
    }
    const columns = rowColumns("score", "parts", (name, type) =>
      this.scalars.some((column) => column.name === name) ? `${name}::${type}` : `NULL::${type}`,
    );
    const found = new Map<number, RunRow>();
    for (const row of await this.rows(
      `SELECT ${columns} FROM ${this.source} WHERE example IN (${examples.join(", ")})`,
    )) {
      const read = toRow(row);
      found.set(read.index, read);
    }
    return Array.from(examples, (example) => found.get(example)).filter((row) => row !== undefined);
  }

  /** A column of numbers, by example; what has no value is NaN. */
  async numbers(name: string): Promise<Float64Array> {
    // The file and the table are in the order of the examples, and DuckDB keeps it.
    return this.byExample(`SELECT ${name}::DOUBLE FROM ${this.source}`);
  }

  /** For a column of texts, by example, the places that they have among each other when sorted; NaN where there is none. */
  async ranks(name: string): Promise<Float64Array> {
    const distinct = `SELECT DISTINCT ${name} FROM ${this.source} WHERE ${name} IS NOT NULL`;
    return this.byExample(
      `SELECT place::DOUBLE, example FROM ${this.source}
       JOIN (SELECT ${name}, row_number() OVER (ORDER BY ${name}) AS place FROM (${distinct})) USING (${name})`,
    );
  }

  /** For each example, 1 where a condition holds over `source`, which is this one's or holds it. */
  async matching(condition: string, source = this.source): Promise<Uint8Array> {
    const last = Math.max(0, this.size.examples - 1);
    const result = await this.database.connection.runAndReadAll(
      `SELECT bitstring_agg(example, 0, ${last}) FROM ${source} WHERE ${condition}`,
    );
    const mask = new Uint8Array(this.size.examples);
    const bits = result.value(0, 0);
    if (bits instanceof this.database.module.DuckDBBitValue) {
      // One byte with the number of unused bits, then those bits, then one bit for each example, highest first.
      const { data } = bits;
      const unused = data[0] ?? 0;
      for (let example = 0; example < mask.length; example++) {
        const bit = example + unused;
        mask[example] = ((data[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1;
      }
    }
    return mask;
  }

  async rows(sql: string): Promise<unknown[][]> {
    return (await this.database.connection.runAndReadAll(sql)).getRowsJS();
  }

  /** The numbers in a statement's first column, by the examples in its second, or by their order. */
  private async byExample(sql: string): Promise<Float64Array> {
    const values = new Float64Array(this.size.examples).fill(Number.NaN);
    const result = await this.database.connection.run(sql);
    for (let first = 0; ; ) {
      const chunk = await result.fetchChunk();
      const length = chunk?.rowCount ?? 0;
      if (chunk === null || length === 0) {
        return values;
      }
      const numbers = chunk.getColumnVector(0);
      const examples = chunk.columnCount > 1 ? chunk.getColumnVector(1) : undefined;
      for (let row = 0; row < length; row++) {
        const value = numbers.getItem(row);
        if (typeof value === "number") {
          values[examples === undefined ? first + row : number(examples.getItem(row))] = value;
        }
      }
      first += length;
    }
  }

  private async copy(): Promise<void> {
    try {
      this.loader = await this.database.connect();
      if (!this.isUnwanted) {
        await this.loader.run(`CREATE TABLE loaded AS ${this.selection()}`);
        this.isLoaded = !this.isUnwanted;
        await this.loader.run("CREATE INDEX loaded_example ON loaded (example)");
      }
    } catch {
      // Too little memory, or no longer wanted.
    } finally {
      this.loader?.closeSync();
      this.loader = undefined;
    }
  }

  /** The rows in the file, with the scores of the chosen query. */
  private selection(): string {
    const columns = this.scalars.map(({ name, kind }) =>
      kind === "number" && !integers.has(name)
        ? `CASE WHEN isnan(${name}) THEN NULL ELSE ${name} END AS ${name}`
        : name,
    );
    const { query = -1 } = this;
    const score =
      query < 0
        ? `0::FLOAT AS score, ${this.parts} AS parts`
        : `CASE WHEN isnan(score_${query}) THEN NULL ELSE score_${query} END AS score, parts_${query} AS parts`;
    return `SELECT ${[...columns, score].join(", ")} FROM ${this.file}`;
  }
}
