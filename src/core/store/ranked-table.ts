import { TracInError, throwIfAborted } from "../errors.ts";
import { bindCondition, type FilterProblem, readCondition } from "./condition.ts";
import { Database, quote, storeError } from "./duckdb.ts";
import {
  isCondition,
  type RowFilter,
  rangeCondition,
  type TableColumn,
  wordsCondition,
} from "./filter.ts";
import type { Ranking, RunPage } from "./reader.ts";
import type { RunRecord } from "./record.ts";
import { count, hasQuery, number, rowColumns, toRow } from "./rows.ts";
import { suspectColumn } from "./suspect-order.ts";

/** Orders that are kept: one per list that a panel shows, and the ones before. */
const mostOrders = 8;
/** Milliseconds that one statement may take. */
const longestStatement = 20_000;
/** Bytes that the table may take; what does not fit is read from the file again and again. */
const memoryLimit = 1 << 30;
/** Examples whose texts are read at a time, and characters of all texts together. */
const textBlock = 4096;
const mostText = 256 << 20;

/** Reads the texts of the training examples [start, end). */
export type ReadTexts = (start: number, end: number) => Promise<readonly string[]>;

/** What a filter finds, or what is wrong with it. */
export type FilterCheck =
  | { readonly kind: "none" | "words" | "condition"; readonly problem?: undefined }
  | { readonly kind: "condition"; readonly problem: FilterProblem };

/** How the values of a column are distributed: counts of bins of equal width in [from, to]. */
export interface Histogram {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

interface Order {
  readonly examples: Int32Array;
  readonly scale: number;
}

/**
 * The rows of a run for one query at a time, in memory, where they can be filtered, sorted and counted quickly. A list
 * is sorted once and its order of examples kept; a page looks up its rows. Typed conditions see these columns alone.
 */
export class RankedTable {
  private last: Promise<unknown> = Promise.resolve();
  private query: number | undefined;
  private hasTexts = false;
  private closed = false;
  private readonly orders = new Map<string, Order>();

  private constructor(
    private readonly database: Database,
    private readonly path: string,
    private readonly file: string,
    private readonly record: RunRecord,
    private readonly scalars: readonly TableColumn[],
  ) {}

  /** @param path of the Parquet file, @param file the same for messages */
  static async open(path: string, file: string, record: RunRecord): Promise<RankedTable> {
    const database = await Database.open({ files: [path], memoryLimit, errorsAsJson: true });
    try {
      const reader = await database.connection.runAndReadAll(
        `DESCRIBE SELECT * FROM read_parquet(${quote(path)})`,
      );
      const scalars = reader
        .getRowsJS()
        .map(([name, type]) => ({ name: String(name), type: String(type) }))
        .filter(({ name, type }) => /^[a-z_]+$/.test(name) && !type.endsWith("[]"))
        .map(
          ({ name, type }): TableColumn => ({ name, kind: type === "VARCHAR" ? "text" : "number" }),
        );
      return new RankedTable(database, path, file, record, scalars);
    } catch (error) {
      database.close();
      throw storeError(error, file);
    }
  }

  /** Columns that can be named in conditions and orders. */
  columns(query: number): readonly TableColumn[] {
    const score: TableColumn[] = hasQuery(this.record, query)
      ? [{ name: "score", kind: "number" }]
      : [];
    const shown = this.scalars.filter(({ name }) => !hidden.has(name));
    return [...score, ...shown, { name: "text", kind: "text" }];
  }

  /** What a typed filter is, and what is wrong with it. */
  check(query: number, text: string, texts: ReadTexts, signal?: AbortSignal): Promise<FilterCheck> {
    return this.take(signal, async () => {
      await this.load(query);
      const names = this.columns(query).map(({ name }) => name);
      if (text.trim() === "") {
        return { kind: "none" };
      }
      if (!isCondition(text, names)) {
        return { kind: "words" };
      }
      const problem = await this.problemOf(query, text, texts, signal);
      return problem === undefined ? { kind: "condition" } : { kind: "condition", problem };
    });
  }

  /** Rows [offset, offset + limit) of a list; equal values are in file order. Throws kind `store` for a wrong filter. */
  page(
    ranking: Ranking,
    offset: number,
    limit: number,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<RunPage> {
    return this.take(signal, async () => {
      await this.load(ranking.query);
      const { examples, scale } = await this.order(ranking, texts, signal);
      const wanted = examples.subarray(count(offset), count(offset) + count(limit));
      const found = new Map<number, RunPage["rows"][number]>();
      if (wanted.length > 0) {
        const rows = await this.rows(
          `SELECT ${rowColumns("score", "parts", (name, type) => this.optional(name, type))} FROM run WHERE example IN (${wanted.join(", ")})`,
        );
        for (const row of rows.map(toRow)) {
          found.set(row.index, row);
        }
      }
      return {
        total: examples.length,
        scale,
        rows: Array.from(wanted, (example) => found.get(example)).filter(
          (row) => row !== undefined,
        ),
      };
    });
  }

  /** How the numbers of a column are distributed in a list; its own range filters do not narrow it. */
  histogram(
    ranking: Ranking,
    column: string,
    bins: number,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<Histogram> {
    return this.take(signal, async () => {
      await this.load(ranking.query);
      const name = this.column(ranking.query, column, "number");
      const ranges = ranking.filter?.ranges?.filter((range) => range.column !== column);
      const filter: RowFilter = { ...ranking.filter, ...(ranges === undefined ? {} : { ranges }) };
      const { source, where } = await this.selection({ ...ranking, filter }, texts, signal);
      const [limits] = await this.rows(
        `SELECT min(${name})::DOUBLE, max(${name})::DOUBLE FROM ${source} WHERE ${where}`,
      );
      if (typeof limits?.[0] !== "number") {
        return { from: 0, to: 0, counts: [] };
      }
      const [from, to] = [number(limits[0]), number(limits[1])];
      const size = to > from ? Math.min(200, Math.max(1, count(bins))) : 1;
      const counts = new Array<number>(size).fill(0);
      const bin =
        size === 1
          ? "0"
          : `least(${size - 1}, floor((${name} - (${from})) / ${(to - from) / size}))`;
      const rows = await this.rows(
        `SELECT ${bin}::INTEGER AS bin, count(*)::INTEGER FROM ${source}
         WHERE ${where} AND ${name} IS NOT NULL GROUP BY bin`,
      );
      for (const [at, found] of rows) {
        counts[number(at)] = number(found);
      }
      return { from, to, counts };
    });
  }

  close(): void {
    this.closed = true;
    void this.last.then(() => this.database.close());
  }

  /** The examples of a list, sorted. */
  private async order(ranking: Ranking, texts: ReadTexts, signal?: AbortSignal): Promise<Order> {
    const key = JSON.stringify([
      ranking.view,
      ranking.view === "suspects" ? ranking.order : undefined,
      ranking.filter,
      ranking.sort,
    ]);
    const known = this.orders.get(key);
    if (known !== undefined) {
      this.orders.delete(key);
      this.orders.set(key, known);
      return known;
    }
    const { source, where } = await this.selection(ranking, texts, signal);
    const { value, descending } = viewOrder(ranking);
    const { sort } = ranking;
    const column = sort === undefined ? value : this.column(ranking.query, sort.column);
    const direction = (sort?.descending ?? descending) ? "DESC" : "ASC";
    // What has no value comes last, whichever way.
    const order =
      column === "example" ? `example ${direction}` : `${column} ${direction} NULLS LAST, example`;
    const shown =
      ranking.view === "suspects" ? value : this.hasScore(ranking) ? "score" : "self_influence";
    const made = await this.examples(
      `SELECT example, ${shown}::DOUBLE FROM ${source} WHERE ${where} ORDER BY ${order}`,
    );
    this.orders.set(key, made);
    for (const oldest of [...this.orders.keys()].slice(0, -mostOrders)) {
      this.orders.delete(oldest);
    }
    return made;
  }

  /** The table and the condition of a list. */
  private async selection(
    ranking: Ranking,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<{ source: string; where: string }> {
    const { query, filter } = ranking;
    const conditions = [viewOrder(ranking).where];
    if (ranking.view !== "suspects" && ranking.view !== "all" && !hasQuery(this.record, query)) {
      throw new TracInError("store", `The run has no query ${query}.`, { file: this.file });
    }
    for (const range of filter?.ranges ?? []) {
      const column = this.column(query, range.column, "number");
      conditions.push(rangeCondition({ ...range, column }));
    }
    let source = "run";
    const text = filter?.text?.trim() ?? "";
    const names = this.columns(query).map(({ name }) => name);
    if (text !== "" && isCondition(text, names)) {
      const problem = await this.problemOf(query, text, texts, signal);
      if (problem !== undefined) {
        throw new TracInError("store", problem.message, {}, "Correct the condition.");
      }
      source = this.source(/\btext\b/i.test(text));
      conditions.push(`(\n${text}\n)`);
    } else if (text !== "") {
      await this.loadTexts(texts, signal);
      source = this.source(true);
      conditions.push(wordsCondition(text) ?? "true");
    }
    return { source, where: conditions.join(" AND ") };
  }

  private async problemOf(
    query: number,
    text: string,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<FilterProblem | undefined> {
    const names = this.columns(query).map(({ name }) => name);
    const read = await readCondition(this.database, text, names);
    if (!("columns" in read)) {
      return read;
    }
    if (read.columns.has("text")) {
      await this.loadTexts(texts, signal);
    }
    return bindCondition(this.database, text, this.source(read.columns.has("text")));
  }

  private source(withTexts: boolean): string {
    return withTexts && this.hasTexts ? "(FROM run JOIN texts USING (example)) AS run" : "run";
  }

  private column(query: number, name: string, kind?: TableColumn["kind"]): string {
    const column = this.columns(query).find((known) => known.name === name);
    if (column === undefined || name === "text" || (kind !== undefined && column.kind !== kind)) {
      throw new TracInError("store", `The run has no column "${name}" to rank by.`, {
        file: this.file,
      });
    }
    return name;
  }

  private optional(name: string, type: string): string {
    return this.scalars.some((column) => column.name === name)
      ? `${name}::${type}`
      : `NULL::${type}`;
  }

  private hasScore({ query }: Ranking): boolean {
    return hasQuery(this.record, query);
  }

  /** Brings the rows into memory, with the scores of one query. */
  private async load(query: number): Promise<void> {
    const wanted = hasQuery(this.record, query) ? query : -1;
    if (this.query === wanted) {
      return;
    }
    this.orders.clear();
    this.query = undefined;
    const columns = this.scalars.map(({ name, kind }) =>
      kind === "number" && !integers.has(name)
        ? `CASE WHEN isnan(${name}) THEN NULL ELSE ${name} END AS ${name}`
        : name,
    );
    const score =
      wanted < 0
        ? "0::FLOAT AS score, self_parts AS parts"
        : `CASE WHEN isnan(score_${wanted}) THEN NULL ELSE score_${wanted} END AS score, parts_${wanted} AS parts`;
    const select = `SELECT ${[...columns, score].join(", ")} FROM read_parquet(${quote(this.path)})`;
    await this.run("DROP VIEW IF EXISTS run", true);
    await this.run("DROP TABLE IF EXISTS run", true);
    try {
      await this.run(`CREATE TABLE run AS ${select}`);
    } catch {
      // Too many rows for memory: slower, from the file.
      await this.run(`CREATE VIEW run AS ${select}`);
    }
    this.query = wanted;
  }

  /** Brings the texts of the examples into memory, so that words can be found in them. */
  private async loadTexts(read: ReadTexts, signal?: AbortSignal): Promise<void> {
    if (this.hasTexts) {
      return;
    }
    await this.run("CREATE OR REPLACE TABLE texts (example INTEGER, text VARCHAR, words VARCHAR)");
    const shown = new Map<number, string>();
    const { module, connection } = this.database;
    const appender = await connection.createAppender("texts");
    let size = 0;
    try {
      for (let start = 0; start < this.record.examples; start += textBlock) {
        throwIfAborted(signal);
        const end = Math.min(this.record.examples, start + textBlock);
        const texts = await read(start, end);
        shown.clear();
        for (const [example, words] of await this.rows(
          `SELECT example, concat_ws(chr(10), target, predicted, suggested, file, image)
           FROM run WHERE example >= ${start} AND example < ${end}`,
        )) {
          shown.set(number(example), String(words));
        }
        for (let from = 0; from < texts.length; from += 2048) {
          const block = texts.slice(from, from + 2048);
          size += block.reduce((sum, text) => sum + text.length, 0);
          if (size > mostText) {
            throw new TracInError(
              "store",
              "The training data holds too much text to search.",
              {},
              "Use a condition on other columns, such as target = 'spam'.",
            );
          }
          const chunk = module.DuckDBDataChunk.create(
            [module.INTEGER, module.VARCHAR, module.VARCHAR],
            block.length,
          );
          chunk.setColumns([
            block.map((_, row) => start + from + row),
            [...block],
            block.map((text, row) =>
              `${shown.get(start + from + row) ?? ""}\n${text}`.toLowerCase(),
            ),
          ]);
          appender.appendDataChunk(chunk);
        }
      }
    } finally {
      appender.closeSync();
    }
    this.hasTexts = true;
  }

  /** One statement after the other, so that an interruption ends the one that it is for. */
  private take<Result>(
    signal: AbortSignal | undefined,
    action: () => Promise<Result>,
  ): Promise<Result> {
    const result = this.last.then(async () => {
      throwIfAborted(signal);
      if (this.closed) {
        throw new TracInError(
          "store",
          "The run was closed.",
          { file: this.file },
          "Open it again.",
        );
      }
      let late = false;
      const interrupt = () => this.database.interrupt();
      const timer = setTimeout(() => {
        late = true;
        interrupt();
      }, longestStatement);
      signal?.addEventListener("abort", interrupt);
      try {
        return await action();
      } catch (error) {
        throwIfAborted(signal);
        if (late) {
          throw new TracInError(
            "store",
            "The filter takes too long.",
            {},
            "Use a simpler condition.",
          );
        }
        throw storeError(plainError(error), this.file);
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", interrupt);
      }
    });
    this.last = result.catch(() => undefined);
    return result;
  }

  private async run(sql: string, mayFail = false): Promise<void> {
    try {
      await this.database.connection.run(sql);
    } catch (error) {
      if (!mayFail) {
        throw error;
      }
    }
  }

  private async rows(sql: string): Promise<unknown[][]> {
    return (await this.database.connection.runAndReadAll(sql)).getRowsJS();
  }

  /** Examples in the order of a statement, and the largest absolute number beside them. */
  private async examples(sql: string): Promise<Order> {
    const result = await this.database.connection.run(sql);
    const examples = new Int32Array(this.record.examples);
    let filled = 0;
    let scale = 0;
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) {
        return { examples: examples.slice(0, filled), scale };
      }
      const [numbers, values] = [chunk.getColumnVector(0), chunk.getColumnVector(1)];
      for (let row = 0; row < chunk.rowCount; row++) {
        examples[filled + row] = number(numbers.getItem(row));
        scale = Math.max(scale, Math.abs(number(values.getItem(row))));
      }
      filled += chunk.rowCount;
    }
  }
}

/** Columns that mean nothing to a person. */
const hidden: ReadonlySet<string> = new Set(["content", "row_hash"]);
const integers: ReadonlySet<string> = new Set(["example", "line", "line_count", "row_hash"]);

/** How a list is narrowed and ranked when nobody says otherwise. */
function viewOrder({ view, order }: Ranking): {
  readonly value: string;
  readonly where: string;
  readonly descending: boolean;
} {
  switch (view) {
    case "suspects": {
      const value = suspectColumn(order);
      return { value, where: `${value} IS NOT NULL`, descending: true };
    }
    case "proponents":
      return { value: "score", where: "score > 0", descending: true };
    case "opponents":
      return { value: "score", where: "score < 0", descending: false };
    case "all":
      return { value: "example", where: "true", descending: false };
  }
}

/** The message in an error that DuckDB wrote as JSON. */
function plainError(error: unknown): unknown {
  if (error instanceof TracInError || !(error instanceof Error)) {
    return error;
  }
  const message = /"exception_message":"((?:[^"\\]|\\.)*)"/.exec(error.message)?.[1];
  return message === undefined
    ? error
    : new Error(message.replaceAll("\\n", " "), { cause: error });
}
