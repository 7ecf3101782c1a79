import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBDataChunk, DuckDBType } from "@duckdb/node-api";
import { counted } from "../counted.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import type { ScoreChunk } from "../tracin/scores.ts";
import { type ChunkRange, ChunkRanges } from "./chunk-ranges.ts";
import { Database, quote, storeError } from "./duckdb.ts";
import { notWritable, publishRunFolder, startRunFolder } from "./folder.ts";
import type { PredictionForm } from "./readings.ts";
import type { RunRecord } from "./record.ts";
import { exportQuery, placesQuery, stagingColumns, type TableShape } from "./table.ts";
import { columnsOf, type ExampleInfo } from "./table-columns.ts";

/** Name of the table of a run in its folder. */
export const tableFile = "scores.parquet";
/** Name of the settings of a run in its folder. */
export const recordFile = "run.json";

export interface RunWriterOptions {
  readonly root: string;
  readonly id: string;
  readonly shape: TableShape;
  /** Number of training examples. */
  readonly examples: number;
  readonly prediction: PredictionForm;
  /** Training examples [start, end). */
  describe(start: number, end: number): Promise<readonly ExampleInfo[]>;
  /** Bytes for the table before it spills to disk. */
  readonly memoryLimit?: number;
  /** Aborting ends what is being written; what still waits is not written any more. */
  readonly signal?: AbortSignal;
}

/** Rows per data chunk of DuckDB. */
const block = 2048;
/** Values of a part; a part is in memory as a whole. */
const partValues = 4 << 20;
/** Rows of a part at most, and of a row group of the file. */
const partRows = 60 * block;

/**
 * Takes the chunks of a computation in any order and writes the folder of a run: the table first, `run.json` last,
 * then the folder gets its name. Until then nothing of the run is visible.
 *
 * The table is written in parts of neighbouring examples, which are joined in the end: memory does not grow with the
 * number of examples. (All rows in one table of DuckDB, sorted at last: a million rows with 10 queries and 6
 * checkpoints failed for want of memory after a minute of spilling, with pauses of 12 s.)
 */
export class RunWriter {
  private written = 0;
  private readonly seen: Uint8Array;
  /** One append at a time: chunks of several processes arrive interleaved. */
  private queue: Promise<void> = Promise.resolve();
  private readonly ranges: ChunkRanges;
  private readonly parts: { readonly start: number; readonly path: string }[] = [];
  private readonly partRows: number;

  private constructor(
    private readonly options: RunWriterOptions,
    /** Where the files are until the run has its name. */
    readonly folder: string,
    private readonly database: Database,
    private readonly types: readonly DuckDBType[],
  ) {
    this.seen = new Uint8Array(options.examples);
    options.signal?.addEventListener("abort", this.interrupt);
    this.partRows = Math.min(partRows, block * Math.ceil(partValues / types.length / block));
    this.ranges = new ChunkRanges(this.partRows);
  }

  /** Throws kind `store` when the workspace cannot be written. */
  static async create(options: RunWriterOptions): Promise<RunWriter> {
    let folder: string;
    try {
      folder = await startRunFolder(options.root, options.id);
    } catch (error) {
      throw notWritable(error);
    }
    try {
      const database = await Database.open({
        folder,
        temporary: join(folder, "spill"),
        ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
      });
      const { INTEGER, DOUBLE, VARCHAR, FLOAT } = database.module;
      const types = stagingColumns(options.shape).map(
        ({ type }) => ({ INTEGER, DOUBLE, VARCHAR, FLOAT })[type],
      );
      return new RunWriter(options, folder, database, types);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw storeError(error);
    }
  }

  /** Of the run. */
  get id(): string {
    return this.options.id;
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
    const { examples, root, id, signal } = this.options;
    if (this.written !== examples) {
      throw new TracInError(
        "internal",
        `Only ${this.written} of ${counted(examples, "example")} were scored.`,
      );
    }
    try {
      for (const range of this.ranges.rest) {
        await this.writePart(range);
      }
      throwIfAborted(signal);
      await this.joinParts();
      throwIfAborted(signal);
      this.close();
      await rm(join(this.folder, "spill"), { recursive: true, force: true });
      const record = describeRun();
      await writeFile(join(this.folder, recordFile), `${JSON.stringify(record, null, 2)}\n`);
      await publishRunFolder(root, id, this.folder);
      return record;
    } catch (error) {
      throwIfAborted(signal);
      throw storeError(error, this.folder);
    }
  }

  /** Puts a file beside the table: its name appears with the run. */
  async attach(name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.folder, name), bytes);
  }

  /** Removes everything that was written; harmless after `finish`. */
  async discard(): Promise<void> {
    await this.queue.catch(() => undefined);
    this.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private readonly interrupt = () => this.database.interrupt();

  private close(): void {
    this.options.signal?.removeEventListener("abort", this.interrupt);
    this.database.close();
  }

  private async append(chunk: ScoreChunk): Promise<void> {
    const { start, size } = chunk;
    const { examples } = this.options;
    throwIfAborted(this.options.signal);
    if (start < 0 || start + size > examples) {
      throw new TracInError(
        "internal",
        `Scores of examples ${start} to ${start + size - 1} are out of range.`,
      );
    }
    const place = this.seen.subarray(start, start + size);
    if (place.includes(1)) {
      throw new TracInError("internal", `Example ${start + place.indexOf(1)} was scored twice.`);
    }
    place.fill(1);
    this.written += size;
    const full = this.ranges.add(chunk);
    if (full !== undefined) {
      await this.writePart(full);
    }
  }

  private async writePart({ start, chunks }: ChunkRange): Promise<void> {
    const { shape, describe, signal } = this.options;
    const { database } = this;
    const columns = stagingColumns(shape).map(({ name, type }) => `${name} ${type}`);
    await database.run(`CREATE OR REPLACE TABLE staging (${columns.join(", ")})`);
    const appender = await database.connection.createAppender("staging");
    try {
      for (const chunk of chunks) {
        throwIfAborted(signal);
        const info = await describe(chunk.start, chunk.start + chunk.size);
        for (let from = 0; from < chunk.size; from += block) {
          appender.appendDataChunk(
            this.fill(chunk, info, from, Math.min(block, chunk.size - from)),
          );
        }
      }
    } finally {
      appender.closeSync();
    }
    const path = join(this.folder, `part-${start}.parquet`);
    await this.copy(exportQuery(shape), path);
    this.parts.push({ start, path });
    await database.run("DROP TABLE staging");
  }

  /** Makes the table of all parts, in the order of the examples. */
  private async joinParts(): Promise<void> {
    const table = join(this.folder, tableFile);
    const paths = this.parts.sort((a, b) => a.start - b.start).map(({ path }) => path);
    const [only, ...others] = paths;
    const { margins } = this.options.shape;
    if (only !== undefined && others.length === 0 && !margins) {
      await rename(only, table);
      return;
    }
    const parts = `read_parquet([${paths.map(quote).join(", ")}])`;
    if (margins && only !== undefined) {
      await this.database.run(`CREATE TABLE places AS ${placesQuery(parts)}`);
      await this.copy(`SELECT * FROM ${parts} POSITIONAL JOIN places`, table);
    } else {
      await this.copy(`SELECT * FROM ${parts}`, table);
    }
    await Promise.all(paths.map((path) => rm(path)));
  }

  private copy(query: string, path: string): Promise<void> {
    return this.database.run(
      `COPY (${query}) TO ${quote(path)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${this.partRows})`,
    );
  }

  /** A data chunk of the examples [from, from + rows) of a score chunk. */
  private fill(
    chunk: ScoreChunk,
    info: readonly ExampleInfo[],
    from: number,
    rows: number,
  ): DuckDBDataChunk {
    const data = this.database.module.DuckDBDataChunk.create(this.types, rows);
    data.setColumns(columnsOf(chunk, info, { from, rows }, this.options));
    return data;
  }
}
