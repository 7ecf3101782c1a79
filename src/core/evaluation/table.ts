import { join } from "node:path";
import type { DuckDBType, DuckDBValue } from "@duckdb/node-api";
import { throwIfAborted } from "../errors.ts";
import { Database, quote } from "../store/duckdb.ts";
import type { ExampleInfo } from "../store/table-columns.ts";
import type { Evaluated, TestedExample } from "./evaluate.ts";

/** Name of the table of a run's test set in its folder. */
export const testFile = "test.parquet";

/** Rows per data chunk of DuckDB. */
const block = 2048;

type ColumnType = "INTEGER" | "DOUBLE" | "VARCHAR" | "FLOAT";

/** A column of the table and its value for an example; null where it has none. */
interface Column {
  readonly name: string;
  readonly type: ColumnType;
  value(example: TestedExample, index: number, info: ExampleInfo): string | number | null;
}

/**
 * Columns of `test.parquet`, one row per test example in file order; `line` counts from 1. `loss` is that of the last checkpoint,
 * `losses` of each (a list). `wrong` is 1 or 0, `error` prediction minus target of a regression.
 */
function columnsOf({ losses, checkpoints, outcome }: Evaluated): readonly Column[] {
  const text = (name: string, value: Column["value"]): Column => ({ name, type: "VARCHAR", value });
  const lossAt = (index: number, checkpoint: number) => losses[index * checkpoints + checkpoint];
  return [
    { name: "example", type: "INTEGER", value: (_, index) => index },
    { name: "line", type: "INTEGER", value: (_, __, { locator }) => locator.line + 1 },
    { name: "line_count", type: "INTEGER", value: (_, __, { locator }) => locator.lineCount },
    { name: "row_hash", type: "DOUBLE", value: (_, __, { rowHash }) => rowHash ?? null },
    text("file", (_, __, { locator }) => locator.file),
    text("image", (_, __, { locator }) => locator.image ?? null),
    text("content", (_, __, { content }) => content),
    text("target", (_, __, { target }) => target),
    text("predicted", ({ predicted }) => predicted),
    {
      name: "predicted_probability",
      type: "FLOAT",
      value: ({ probability }) => probability ?? null,
    },
    text("suggested", ({ wrong, predicted, probability }) =>
      wrong === true && probability !== undefined ? predicted : null,
    ),
    {
      name: "loss",
      type: "FLOAT",
      value: (_, index) => lossAt(index, checkpoints - 1) ?? Number.NaN,
    },
    ...(outcome.kind === "values" || outcome.kind === "loss"
      ? []
      : [
          {
            name: "wrong",
            type: "INTEGER" as const,
            value: ({ wrong }: TestedExample) => (wrong === undefined ? null : Number(wrong)),
          },
        ]),
    ...(outcome.kind === "values"
      ? [
          {
            name: "error",
            type: "DOUBLE" as const,
            value: ({ error }: TestedExample) => error ?? null,
          },
          {
            name: "absolute_error",
            type: "DOUBLE" as const,
            value: ({ absoluteError }: TestedExample) => absoluteError ?? null,
          },
        ]
      : []),
    ...(outcome.kind === "multiLabel"
      ? [
          text("target_labels", ({ targetLabels }) => targetLabels ?? null),
          text("predicted_labels", ({ predictedLabels }) => predictedLabels ?? null),
        ]
      : []),
    ...(outcome.kind === "positions"
      ? [text("confusions", ({ confusions }) => confusions ?? null)]
      : []),
    ...Array.from(
      { length: checkpoints },
      (_, checkpoint): Column => ({
        name: lossColumn(checkpoint),
        type: "FLOAT",
        value: (__, index) => lossAt(index, checkpoint) ?? Number.NaN,
      }),
    ),
  ];
}

/**
 * Writes the table of a test set into a folder.
 * @param describe places and targets of the examples [start, end)
 */
export async function writeTestTable(
  folder: string,
  evaluated: Evaluated,
  describe: (start: number, end: number) => Promise<readonly ExampleInfo[]>,
  signal?: AbortSignal,
): Promise<string> {
  const path = join(folder, testFile);
  const database = await Database.open({ folder, temporary: join(folder, "spill") });
  try {
    const columns = columnsOf(evaluated);
    await database.run(
      `CREATE TABLE staging (${columns.map(({ name, type }) => `${name} ${type}`).join(", ")})`,
    );
    const { module, connection } = database;
    const types = columns.map(({ type }): DuckDBType => module[type]);
    const appender = await connection.createAppender("staging");
    try {
      for (let start = 0; start < evaluated.examples.length; start += block) {
        throwIfAborted(signal);
        const rows = evaluated.examples.slice(start, start + block);
        const infos = await describe(start, start + rows.length);
        const chunk = module.DuckDBDataChunk.create(types, rows.length);
        chunk.setColumns(
          columns.map(({ value }) =>
            rows.map((row, place): DuckDBValue => {
              const info = infos[place];
              return info === undefined ? null : value(row, start + place, info);
            }),
          ),
        );
        appender.appendDataChunk(chunk);
      }
    } finally {
      appender.closeSync();
    }
    await database.run(`COPY (${exportQuery(columns, evaluated.checkpoints)}) TO ${quote(path)}
      (FORMAT parquet, COMPRESSION zstd)`);
    return path;
  } finally {
    database.close();
  }
}

function exportQuery(columns: readonly Column[], checkpoints: number): string {
  const losses = Array.from({ length: checkpoints }, (_, index) => lossColumn(index));
  const plain = columns
    .map(({ name }) => name)
    .filter((name) => !losses.includes(name))
    .map((name) => (name === "row_hash" ? "CAST(row_hash AS BIGINT) AS row_hash" : name));
  const suggested =
    "CASE WHEN suggested IS NULL THEN NULL ELSE predicted_probability END AS suggested_probability";
  return `SELECT ${plain.join(", ")}, ${suggested}, [${losses.join(", ")}] AS losses FROM staging ORDER BY example`;
}

function lossColumn(checkpoint: number): string {
  return `loss_${checkpoint}`;
}
