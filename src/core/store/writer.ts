import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBAppender, DuckDBDataChunk, DuckDBType, DuckDBValue } from "@duckdb/node-api";
import type { LossName } from "../config/config.ts";
import type { Locator } from "../datasets/dataset.ts";
import { TracInError } from "../errors.ts";
import type { ScoreChunk } from "../tracin/scores.ts";
import { Database, quote, storeError } from "./duckdb.ts";
import { publishRunFolder, startRunFolder } from "./folder.ts";
import { readOutputs } from "./labels.ts";
import type { RunRecord } from "./record.ts";
import { exportQuery, stagingColumns, type TableShape, textColumns } from "./table.ts";

/** Name of the table of a run in its folder. */
export const tableFile = "scores.parquet";
/** Name of the settings of a run in its folder. */
export const recordFile = "run.json";

/** A training example as the table shows it. */
export interface ExampleInfo {
  readonly locator: Locator;
  readonly target: string;
}

export interface RunWriterOptions {
  readonly root: string;
  readonly id: string;
  readonly shape: TableShape;
  /** Number of training examples. */
  readonly examples: number;
  readonly loss: LossName;
  readonly labels: readonly string[] | undefined;
  /** Training examples [start, end). */
  describe(start: number, end: number): Promise<readonly ExampleInfo[]>;
  /** Bytes for the table before it spills to disk. */
  readonly memoryLimit?: number;
}

/** Rows per data chunk of DuckDB. */
const block = 2048;

/**
 * Takes the chunks of a computation in any order and writes the folder of a run: the table first, `run.json` last,
 * then the folder gets its name. Until then nothing of the run is visible.
 */
export class RunWriter {
  private written = 0;
  private readonly seen: Uint8Array;
  /** One append at a time: chunks of several processes arrive interleaved. */
  private queue: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: RunWriterOptions,
    private readonly folder: string,
    private readonly database: Database,
    private readonly appender: DuckDBAppender,
    private readonly types: readonly DuckDBType[],
  ) {
    this.seen = new Uint8Array(options.examples);
  }

  /** Throws kind `store` when the workspace cannot be written. */
  static async create(options: RunWriterOptions): Promise<RunWriter> {
    let folder: string;
    try {
      folder = await startRunFolder(options.root, options.id);
    } catch (error) {
      throw new TracInError(
        "store",
        `The folder .tracin cannot be written: ${error instanceof Error ? error.message : error}`,
        {},
        "Check that the workspace is writable and the disk is not full.",
        { cause: error },
      );
    }
    try {
      const database = await Database.open({
        files: [join(folder, tableFile)],
        temporary: join(folder, "spill"),
        ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
      });
      const columns = stagingColumns(options.shape);
      await database.run(
        `CREATE TABLE staging (${columns.map(({ name, type }) => `${name} ${type}`).join(", ")})`,
      );
      const { INTEGER, VARCHAR, FLOAT } = database.module;
      const types = columns.map(({ type }) => ({ INTEGER, VARCHAR, FLOAT })[type]);
      const appender = await database.connection.createAppender("staging");
      return new RunWriter(options, folder, database, appender, types);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw storeError(error);
    }
  }

  /** Adds finished examples. Throws kind `internal` when an example comes twice or is out of range. */
  add(chunk: ScoreChunk): Promise<void> {
    this.queue = this.queue.then(() => this.append(chunk));
    return this.queue;
  }

  /**
   * Writes the table and then the record, and gives the folder its name.
   * @param describeRun called when the table is written, so that the record can say how long all of it took
   */
  async finish(describeRun: () => RunRecord): Promise<RunRecord> {
    await this.queue;
    const { examples, root, id, shape } = this.options;
    if (this.written !== examples) {
      throw new TracInError(
        "internal",
        `Only ${this.written} of ${examples} examples were scored.`,
      );
    }
    try {
      this.appender.closeSync();
      await this.database.run(
        `COPY (${exportQuery(shape)}) TO ${quote(join(this.folder, tableFile))} (FORMAT parquet, COMPRESSION zstd)`,
      );
      this.database.close();
      await rm(join(this.folder, "spill"), { recursive: true, force: true });
      const record = describeRun();
      await writeFile(join(this.folder, recordFile), `${JSON.stringify(record, null, 2)}\n`);
      await publishRunFolder(root, id, this.folder);
      return record;
    } catch (error) {
      throw storeError(error, this.folder);
    }
  }

  /** Removes everything that was written; harmless after `finish`. */
  async discard(): Promise<void> {
    await this.queue.catch(() => undefined);
    this.database.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async append(chunk: ScoreChunk): Promise<void> {
    const { start, size } = chunk;
    if (start < 0 || start + size > this.options.examples) {
      throw new TracInError(
        "internal",
        `Scores of examples ${start} to ${start + size - 1} are out of range.`,
      );
    }
    const info = await this.options.describe(start, start + size);
    for (let from = 0; from < size; from += block) {
      const data = this.fill(chunk, info, from, Math.min(block, size - from));
      this.appender.appendDataChunk(data);
    }
    this.appender.flushSync();
    this.written += size;
  }

  /** A data chunk of the examples [from, from + rows) of a score chunk. */
  private fill(
    chunk: ScoreChunk,
    info: readonly ExampleInfo[],
    from: number,
    rows: number,
  ): DuckDBDataChunk {
    const { shape, loss, labels } = this.options;
    const { start, size } = chunk;
    const outputs = chunk.predictions.length / Math.max(1, size);
    const numbers = { example: [] as number[], line: [] as number[], line_count: [] as number[] };
    const texts = Object.fromEntries(
      textColumns.map((name) => [name, [] as (string | null)[]]),
    ) as Record<(typeof textColumns)[number], (string | null)[]>;
    const probability: (number | null)[] = [];
    const losses: number[] = [];
    for (let row = from; row < from + rows; row++) {
      const example = info[row];
      if (example === undefined || this.seen[start + row] !== 0) {
        throw new TracInError(
          "internal",
          `Example ${start + row} was scored twice or is not known.`,
        );
      }
      this.seen[start + row] = 1;
      const { locator, target } = example;
      const reading = readOutputs(
        loss,
        chunk.predictions.subarray(row * outputs, (row + 1) * outputs),
        labels,
        target,
      );
      numbers.example.push(start + row);
      numbers.line.push(locator.line + 1);
      numbers.line_count.push(locator.lineCount);
      texts.file.push(locator.file);
      texts.image.push(locator.image ?? null);
      texts.target.push(target);
      texts.predicted.push(reading.predicted);
      texts.suggested.push(reading.suggested ?? null);
      probability.push(reading.probability ?? null);
      let total = 0;
      for (let checkpoint = 0; checkpoint < shape.checkpoints; checkpoint++) {
        total += chunk.losses[checkpoint * size + row] ?? Number.NaN;
      }
      losses.push(total / Math.max(1, shape.checkpoints));
    }
    const columns: DuckDBValue[][] = [
      numbers.example,
      numbers.line,
      numbers.line_count,
      ...textColumns.map((name) => texts[name]),
      probability,
      losses,
    ];
    for (let checkpoint = 0; checkpoint < shape.checkpoints; checkpoint++) {
      const offset = checkpoint * size + from;
      columns.push([...chunk.selfParts.subarray(offset, offset + rows)]);
    }
    for (let query = 0; query < shape.queries; query++) {
      for (let checkpoint = 0; checkpoint < shape.checkpoints; checkpoint++) {
        columns.push(
          Array.from({ length: rows }, (_, row) => {
            const place = (checkpoint * size + from + row) * shape.queries + query;
            return chunk.scoreParts[place] ?? Number.NaN;
          }),
        );
      }
    }
    const data = this.database.module.DuckDBDataChunk.create(this.types, rows);
    data.setColumns(columns);
    return data;
  }
}
