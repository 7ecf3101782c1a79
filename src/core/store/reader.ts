import { stat } from "node:fs/promises";
import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";
import { testFile } from "../evaluation/table.ts";
import { resolveInside } from "../paths.ts";
import { Database, quote, storeError } from "./duckdb.ts";
import type { RowFilter, RowSort } from "./filter.ts";
import { runFolder } from "./folder.ts";
import { listShape } from "./list-shape.ts";
import { RankedTable } from "./ranked-table.ts";
import { queryCount, type RunRecord, type RunTestSet } from "./record.ts";
import {
  count,
  hasQuery,
  number,
  type RunRow,
  rowColumns,
  type TableSize,
  text,
  toRow,
} from "./rows.ts";
import { damagedRun, readRecord } from "./runs.ts";
import type { SuspectOrder } from "./suspect-order.ts";
import { tableFile } from "./writer.ts";

export type { RunRow } from "./rows.ts";

/** The lists of a run: ranked, or all examples in file order. */
export type RunView = "proponents" | "opponents" | "suspects" | "all";

/** What to rank. */
export interface Ranking {
  readonly view: RunView;
  /** Number of the query, for proponents and opponents. */
  readonly query: number;
  /** Number by which suspects are ranked; the run's default unless told. */
  readonly order?: SuspectOrder;
  readonly filter?: RowFilter;
  /** Another order than that of the view. */
  readonly sort?: RowSort;
}

export interface RunPage {
  /** Length of the whole list. */
  readonly total: number;
  /** Largest absolute value by which the list is ranked. */
  readonly scale: number;
  readonly rows: readonly RunRow[];
}

/** Ranked rows of one run, read from its Parquet file. */
export class RunReader {
  /** Pages being read; the database is closed after the last one. */
  private running = 0;
  private isClosed = false;
  private opening: Promise<RankedTable> | undefined;
  private openingTest: Promise<RankedTable> | undefined;

  private constructor(
    readonly record: RunRecord,
    private readonly database: Database,
    private readonly table: string,
    private readonly file: string,
    /** Names of the table's columns: not every run has margins. */
    private readonly tableColumns: ReadonlySet<string>,
    private readonly path: string,
    private readonly root: string,
  ) {}

  /** Throws kind `store` when the run is missing or damaged. */
  static async open(root: string, id: string): Promise<RunReader> {
    const record = await readRecord(root, id);
    const file = `${runFolder(id)}/${tableFile}`;
    const path = await resolveInside(root, file);
    if (!(await stat(path).catch(() => undefined))?.isFile()) {
      throw damagedRun(file, "the file is missing");
    }
    const database = await Database.open({ files: [path] });
    const table = `read_parquet(${quote(path)})`;
    const columns = new Set<string>();
    const reader = new RunReader(record, database, table, file, columns, path, root);
    try {
      for (const [name] of await reader.rows(`SELECT column_name FROM (DESCRIBE FROM ${table})`)) {
        columns.add(text(name));
      }
      const [row] = await reader.rows(`SELECT count(*)::INTEGER FROM ${reader.table}`);
      if (row?.[0] !== record.examples) {
        throw damagedRun(file, `it holds ${row?.[0]} of ${counted(record.examples, "example")}`);
      }
    } catch (error) {
      database.close();
      throw error;
    }
    return reader;
  }

  /** The rows in memory, for lists that are filtered, sorted and counted; made when first asked for. */
  async ranked(): Promise<RankedTable> {
    if (this.isClosed) {
      throw new TracInError("store", "The run was closed.", { file: this.file }, "Open it again.");
    }
    this.opening ??= RankedTable.open(this.path, this.file, sizeOf(this.record));
    try {
      return await this.opening;
    } catch (error) {
      this.opening = undefined;
      throw error;
    }
  }

  /** The rows of the run's test set. Throws kind `store` when the run has none. */
  async tested(): Promise<{ readonly table: RankedTable; readonly testSet: RunTestSet }> {
    const { id, testSet } = this.record;
    const file = `${runFolder(id)}/${testFile}`;
    if (this.isClosed || testSet === undefined) {
      const message = this.isClosed ? "The run was closed." : "The run is of no test set.";
      throw new TracInError("store", message, { file: this.file }, "Open it again.");
    }
    this.openingTest ??= openTestTable(this.root, file, testSet.examples);
    try {
      return { table: await this.openingTest, testSet };
    } catch (error) {
      this.openingTest = undefined;
      throw error;
    }
  }

  /** Rows [offset, offset + limit) of a ranked list; equal values are in file order. */
  async page(ranking: Ranking, offset: number, limit: number): Promise<RunPage> {
    if (this.isClosed) {
      throw new TracInError("store", "The run was closed.", { file: this.file }, "Open it again.");
    }
    this.running++;
    try {
      return await this.readPage(ranking, offset, limit);
    } finally {
      this.running--;
      this.closeUnused();
    }
  }

  /** The first `limit` rows of a list with their ranks from 1; with `file`, those of that data file or image. */
  async top(
    ranking: Ranking,
    limit: number,
    file?: string,
  ): Promise<readonly (RunRow & { readonly rank: number })[]> {
    const { rows } = await this.page(ranking, 0, limit);
    return rows
      .map((row, position) => ({ ...row, rank: position + 1 }))
      .filter((row) => file === undefined || row.file === file || row.image === file);
  }

  /** The query of a whole ranked list, best first, over the run's table: `rank` and all of the table's columns. */
  listQuery(ranking: Ranking): string {
    const { where, terms } = this.expressions(ranking);
    return `SELECT row_number() OVER (ORDER BY ${terms}, example) AS rank, *
      FROM ${this.table} WHERE ${where} ORDER BY rank`;
  }

  /** Frees the database, once the pages under way are read. */
  close(): void {
    this.isClosed = true;
    for (const opening of [this.opening, this.openingTest]) {
      void opening?.then(
        (table) => table.close(),
        () => undefined,
      );
    }
    this.closeUnused();
  }

  private closeUnused(): void {
    if (this.isClosed && this.running === 0) {
      this.database.close();
    }
  }

  private async readPage(ranking: Ranking, offset: number, limit: number): Promise<RunPage> {
    const { value, where, terms } = this.expressions(ranking);
    const [summary] = await this.rows(
      `SELECT count(*)::INTEGER, max(abs(${value}))::DOUBLE FROM ${this.table} WHERE ${where}`,
    );
    const rows = await this.rows(
      `SELECT ${this.columns(ranking)} FROM ${this.table} WHERE ${where}
       ORDER BY ${terms}, example LIMIT ${count(limit)} OFFSET ${count(offset)}`,
    );
    return {
      total: number(summary?.[0]),
      scale: number(summary?.[1]),
      rows: rows.map(toRow),
    };
  }

  private expressions(ranking: Ranking): {
    value: string;
    where: string;
    /** Of ORDER BY. */
    terms: string;
  } {
    const shape = listShape(ranking, sizeOf(this.record), this.file);
    const value = shape.value === "score" ? `score_${ranking.query}` : shape.value;
    const conditions = {
      positive: `${value} > 0 AND NOT isnan(${value})`,
      negative: `${value} < 0`,
      present: `NOT isnan(${value})`,
      all: "true",
    };
    const terms = `${value} ${shape.descending ? "DESC" : "ASC"}${shape.thenByLoss ? ", loss DESC" : ""}`;
    return { value, where: conditions[shape.keep], terms };
  }

  private columns({ query }: Ranking): string {
    const optional = (name: string, type: string) => this.optional(name, type);
    return this.hasQuery(query)
      ? rowColumns(`score_${query}`, `parts_${query}`, optional)
      : rowColumns("0", "self_parts", optional);
  }

  /** A column, or NULL where the table has none of that name. */
  private optional(name: string, type: string): string {
    return this.tableColumns.has(name) ? `${name}::${type}` : `NULL::${type}`;
  }

  private hasQuery(query: number): boolean {
    return hasQuery(sizeOf(this.record), query);
  }

  private async rows(sql: string): Promise<unknown[][]> {
    try {
      const reader = await this.database.connection.runAndReadAll(sql);
      return reader.getRowsJS();
    } catch (error) {
      const failure = storeError(error, this.file);
      throw damagedRun(this.file, failure.message, error);
    }
  }
}

function sizeOf(record: RunRecord): TableSize {
  return { examples: record.examples, queries: queryCount(record), margins: record.margins };
}

/** @param file relative to the root */
async function openTestTable(root: string, file: string, examples: number): Promise<RankedTable> {
  const path = await resolveInside(root, file);
  if (!(await stat(path).catch(() => undefined))?.isFile()) {
    throw damagedRun(file, "the file is missing");
  }
  return RankedTable.open(path, file, { examples, queries: 0 });
}
