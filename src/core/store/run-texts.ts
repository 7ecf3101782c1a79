import type { DuckDBConnection } from "@duckdb/node-api";
import { TracInError } from "../errors.ts";
import { type Database, storeError } from "./duckdb.ts";
import type { RunRows } from "./run-rows.ts";

/** Examples whose texts are read at a time. */
const textBlock = 16_384;
/** Rows of a chunk of DuckDB. */
const chunkRows = 2048;

/** Reads the texts of the training examples [start, end). */
export type ReadTexts = (start: number, end: number) => Promise<readonly string[]>;

/** The texts of the examples in memory: `texts` as they are, and `words`, these and the columns with texts, in small letters. */
export class RunTexts {
  private loading: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly database: Database,
    private readonly rows: RunRows,
    private readonly examples: number,
    /** Characters of all texts together. */
    private readonly most: number,
  ) {}

  /**
   * Reads the texts when this is first asked for, on a connection of its own. Whoever stops waiting does not stop it: the
   * next letter that is typed needs them as well.
   * @throws kind `store` when there is too much text
   */
  async load(read: ReadTexts): Promise<void> {
    this.loading ??= this.copy(read);
    try {
      await this.loading;
    } catch (error) {
      this.loading = undefined;
      throw storeError(error);
    }
  }

  /** Rows with their texts, as the source of a statement, named `run`. */
  get source(): string {
    const { rows } = this;
    // Both tables are in file order.
    return rows.areInMemory
      ? "(SELECT loaded.*, text FROM loaded POSITIONAL JOIN texts) AS run"
      : `(SELECT run.*, text FROM ${rows.source} JOIN texts USING (example)) AS run`;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.loading?.catch(() => undefined);
  }

  private async copy(read: ReadTexts): Promise<void> {
    const connection = await this.database.connect();
    try {
      await connection.run("CREATE OR REPLACE TABLE texts (example INTEGER, text VARCHAR)");
      await this.append(connection, read);
      await connection.run(
        `CREATE OR REPLACE TABLE words AS
         SELECT example, lower(concat_ws(chr(10), target, predicted, suggested, file, image, text)) AS words
         FROM texts JOIN ${this.rows.file} USING (example)`,
      );
    } finally {
      connection.closeSync();
    }
  }

  private async append(connection: DuckDBConnection, read: ReadTexts): Promise<void> {
    const { DuckDBDataChunk, INTEGER, VARCHAR } = this.database.module;
    const appender = await connection.createAppender("texts");
    let size = 0;
    try {
      for (let start = 0; start < this.examples && !this.isClosed; start += textBlock) {
        const texts = await read(start, Math.min(this.examples, start + textBlock));
        size += texts.reduce((sum, text) => sum + text.length, 0);
        if (size > this.most) {
          throw new TracInError(
            "store",
            "The training data holds too much text to search.",
            {},
            "Use a condition on other columns, such as target = 'spam'.",
          );
        }
        for (let from = 0; from < texts.length; from += chunkRows) {
          const block = texts.slice(from, from + chunkRows);
          const chunk = DuckDBDataChunk.create([INTEGER, VARCHAR], block.length);
          chunk.setColumns([block.map((_, row) => start + from + row), block]);
          appender.appendDataChunk(chunk);
        }
      }
    } finally {
      appender.closeSync();
    }
  }
}
