import { TracInError } from "../errors.ts";
import { bindCondition, type FilterProblem, readCondition } from "./condition.ts";
import { Database, storeError } from "./duckdb.ts";
import { isCondition, type TableColumn, wordsCondition } from "./filter.ts";
import { type ListShape, listShape } from "./list-shape.ts";
import { type Histogram, histogramOf, sortedPositions } from "./numbers.ts";
import type { Ranking, RunPage } from "./reader.ts";
import { Recent } from "./recent.ts";
import { count, hasQuery, type TableSize } from "./rows.ts";
import { RunRows } from "./run-rows.ts";
import { type ReadTexts, RunTexts } from "./run-texts.ts";
import { Statements } from "./statements.ts";

/** Lists, sorted columns, columns and filters that are kept: those that a panel shows, and the ones before. */
const kept = { lists: 8, orders: 6, columns: 12, filters: 8 };
const threads = 2;
const mostBins = 200;

/** What a table may take. */
export interface TableLimits {
  /** Bytes of DuckDB; rows that do not fit are read from the file again and again. */
  readonly memory: number;
  /** Characters of the texts of all examples together. */
  readonly text: number;
  /** Milliseconds of one request. */
  readonly time: number;
}

const limits: TableLimits = { memory: 1 << 30, text: 256 << 20, time: 20_000 };

/** What a filter finds, or what is wrong with it. */
export type FilterCheck =
  | { readonly kind: "none" | "words" | "condition"; readonly problem?: undefined }
  | { readonly kind: "condition"; readonly problem: FilterProblem };

/** The examples of a list, in its order, and the largest absolute number by which it is shown. */
interface List {
  readonly examples: Int32Array;
  readonly scale: number;
}

/**
 * The lists of a run, filtered, sorted and counted: DuckDB says which examples meet a condition, everything else is
 * arithmetic on columns of numbers in memory. A list is made once and kept as example numbers; a page looks up its rows.
 */
export class RankedTable {
  private readonly lists = new Recent<List>(kept.lists);
  private readonly orders = new Recent<Int32Array>(kept.orders);
  private readonly values = new Recent<Float64Array>(kept.columns);
  private readonly matches = new Recent<Uint8Array>(kept.filters);

  private constructor(
    private readonly database: Database,
    private readonly file: string,
    private readonly size: TableSize,
    private readonly rows: RunRows,
    private readonly texts: RunTexts,
    private readonly statements: Statements,
  ) {}

  /** @param path of the Parquet file, @param file the same for messages */
  static async open(
    path: string,
    file: string,
    size: TableSize,
    { memory, text, time }: TableLimits = limits,
  ): Promise<RankedTable> {
    const database = await Database.open({
      files: [path],
      memoryLimit: memory,
      threads,
      errorsAsJson: true,
    });
    try {
      const rows = await RunRows.open(database, path, size);
      const texts = new RunTexts(database, rows, size.examples, text);
      const statements = new Statements(database, file, time);
      return new RankedTable(database, file, size, rows, texts, statements);
    } catch (error) {
      database.close();
      throw storeError(error, file);
    }
  }

  /** Columns that can be named in conditions and orders. */
  columns(query: number): readonly TableColumn[] {
    return this.rows.columns(query);
  }

  /** Begins to read the texts, so that the first words that are looked for wait less. */
  readAhead(texts: ReadTexts): void {
    // What fails is told when words are looked for.
    this.texts.load(texts).catch(() => undefined);
  }

  /** What a typed filter is, and what is wrong with it. */
  async check(
    query: number,
    text: string,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<FilterCheck> {
    if (text.trim() === "") {
      return { kind: "none" };
    }
    if (!this.isCondition(query, text)) {
      return { kind: "words" };
    }
    await this.prepare([text], query, texts);
    return this.statements.take(signal, async () => {
      await this.rows.choose(query);
      const problem = await this.problemOf(query, text);
      return problem === undefined ? { kind: "condition" } : { kind: "condition", problem };
    });
  }

  /** Rows [offset, offset + limit) of a list; equal values are in file order. Throws kind `store` for a wrong filter. */
  async page(
    ranking: Ranking,
    offset: number,
    limit: number,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<RunPage> {
    await this.prepare(typed(ranking), ranking.query, texts);
    const page = await this.statements.take(signal, async () => {
      await this.rows.choose(ranking.query);
      const { examples, scale } = await this.list(ranking);
      const wanted = examples.subarray(count(offset), count(offset) + count(limit));
      return { total: examples.length, scale, rows: await this.rows.read(wanted) };
    });
    // The first page comes from the file; while it is looked at, the others become faster.
    void this.rows.load();
    return page;
  }

  /** Numbers of all examples of a list, in its order. */
  async members(ranking: Ranking, texts: ReadTexts, signal?: AbortSignal): Promise<Int32Array> {
    await this.prepare(typed(ranking), ranking.query, texts);
    return this.statements.take(signal, async () => {
      await this.rows.choose(ranking.query);
      return (await this.list(ranking)).examples;
    });
  }

  /** How the numbers of a column are distributed in a list; its own range filters do not narrow it. */
  async histogram(
    ranking: Ranking,
    column: string,
    bins: number,
    texts: ReadTexts,
    signal?: AbortSignal,
  ): Promise<Histogram> {
    await this.prepare(typed(ranking), ranking.query, texts);
    return this.statements.take(signal, async () => {
      await this.rows.choose(ranking.query);
      const { query, view, order, filter = {} } = ranking;
      const values = await this.numbers(query, this.column(query, column, "number"));
      const ranges = (filter.ranges ?? []).filter((range) => range.column !== column);
      const { examples } = await this.list({
        view,
        query,
        ...(order === undefined ? {} : { order }),
        filter: { ...filter, ranges },
      });
      return histogramOf(values, examples, Math.min(mostBins, Math.max(1, count(bins))));
    });
  }

  /** Resolves when the rows are in memory (true), or stay in the file. */
  async settle(): Promise<boolean> {
    await this.rows.load();
    return this.rows.areInMemory;
  }

  close(): void {
    void this.statements
      .close()
      .then(() => Promise.all([this.rows.close(), this.texts.close()]))
      .then(() => this.database.close());
  }

  /** Brings the texts into memory where a filter needs them, before it takes its turn: pages go on meanwhile. */
  private async prepare(
    filters: readonly string[],
    query: number,
    texts: ReadTexts,
  ): Promise<void> {
    if (filters.some((filter) => !this.isCondition(query, filter) || namesText(filter))) {
      await this.texts.load(texts);
    }
  }

  private list(ranking: Ranking): Promise<List> {
    const { view, query, order, filter = {}, sort } = ranking;
    const shape = listShape(ranking, this.size, this.file);
    const key = JSON.stringify([this.scoresOf(query), view, order, filter, sort]);
    return this.lists.get(key, async () => {
      const column = sort === undefined ? shape.value : this.column(query, sort.column);
      const within =
        sort === undefined && shape.thenByLoss ? await this.sorted(query, "loss", true) : undefined;
      const descending = sort?.descending ?? shape.descending;
      const sorted = await this.sorted(query, column, descending, within);
      const passes = await this.passing(ranking, shape);
      const shown = await this.numbers(query, this.shownIn(ranking, shape));
      const examples = new Int32Array(sorted.length);
      let [length, scale] = [0, 0];
      for (const example of sorted) {
        if (passes[example] === 1) {
          examples[length++] = example;
          const size = Math.abs(shown[example] ?? 0);
          scale = size > scale ? size : scale;
        }
      }
      return { examples: examples.slice(0, length), scale };
    });
  }

  /** For each example, 1 where it is in a list. */
  private async passing(ranking: Ranking, { value, keep }: ListShape): Promise<Uint8Array> {
    const { query, filter } = ranking;
    const passes = new Uint8Array(this.size.examples).fill(1);
    for (const text of typed(ranking)) {
      const matches = await this.matching(query, text);
      for (let example = 0; example < passes.length; example++) {
        passes[example] = matches[example] === 1 ? (passes[example] ?? 0) : 0;
      }
    }
    const values = await this.numbers(query, value);
    for (let example = 0; keep !== "all" && example < passes.length; example++) {
      const number = values[example] ?? Number.NaN;
      const isKept =
        keep === "positive" ? number > 0 : keep === "negative" ? number < 0 : !Number.isNaN(number);
      passes[example] = isKept ? (passes[example] ?? 0) : 0;
    }
    for (const { column, from, to } of filter?.ranges ?? []) {
      const numbers = await this.numbers(query, this.column(query, column, "number"));
      for (let example = 0; example < passes.length; example++) {
        const number = numbers[example] ?? Number.NaN;
        passes[example] = number >= from && number <= to ? (passes[example] ?? 0) : 0;
      }
    }
    return passes;
  }

  /** For each example, 1 where a typed filter lets it through. */
  private matching(query: number, text: string): Promise<Uint8Array> {
    if (!this.isCondition(query, text)) {
      return this.matches.get(`words ${text}`, () =>
        this.rows.matching(wordsCondition(text) ?? "true", "words"),
      );
    }
    return this.matches.get(`condition ${this.scoresOf(query)} ${text}`, async () => {
      const problem = await this.problemOf(query, text);
      if (problem !== undefined) {
        throw new TracInError("store", problem.message, {}, "Correct the condition.");
      }
      return this.rows.matching(`(\n${text}\n)`, this.source(text));
    });
  }

  private async problemOf(query: number, text: string): Promise<FilterProblem | undefined> {
    const read = await readCondition(this.database, text, this.names(query));
    return "columns" in read ? bindCondition(this.database, text, this.source(text)) : read;
  }

  /** All examples in the order of a column, without any value last. */
  private sorted(
    query: number,
    column: string,
    descending: boolean,
    within?: Int32Array,
  ): Promise<Int32Array> {
    const key = `${this.scoresOf(query, column)} ${column} ${descending} ${within !== undefined}`;
    return this.orders.get(key, async () =>
      sortedPositions(await this.numbers(query, column), descending, within),
    );
  }

  /** A column's numbers, or the places that its texts have when sorted, by example. */
  private numbers(query: number, column: string): Promise<Float64Array> {
    return this.values.get(`${this.scoresOf(query, column)} ${column}`, () => {
      const kind = this.columns(query).find(({ name }) => name === column)?.kind;
      return kind === "text" ? this.rows.ranks(column) : this.rows.numbers(column);
    });
  }

  private shownIn({ view, query }: Ranking, { value }: ListShape): string {
    return view === "suspects" ? value : hasQuery(this.size, query) ? "score" : this.rows.shown;
  }

  /** The query by whose scores something differs; nothing for columns that all queries share. */
  private scoresOf(query: number, column = "score"): number {
    return column === "score" && hasQuery(this.size, query) ? query : -1;
  }

  private source(condition: string): string {
    return namesText(condition) ? this.texts.source : this.rows.source;
  }

  private isCondition(query: number, text: string): boolean {
    return isCondition(text, this.names(query));
  }

  private names(query: number): readonly string[] {
    return this.columns(query).map(({ name }) => name);
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
}

/** The typed filters of a list. */
function typed({ filter = {} }: Ranking): readonly string[] {
  return [filter.text ?? "", ...(filter.more ?? [])]
    .map((text) => text.trim())
    .filter((text) => text !== "");
}

/** Whether a condition may name the texts of the examples. */
function namesText(condition: string): boolean {
  return /\btext\b/i.test(condition);
}
