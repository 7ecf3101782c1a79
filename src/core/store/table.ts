/** Numbers of checkpoints and queries in a run's table. */
export interface TableShape {
  readonly checkpoints: number;
  readonly queries: number;
  /** Whether labels have margins. */
  readonly margins: boolean;
}

/**
 * Columns of `scores.parquet`, one row per training example in file order. `line` counts from 1, as editors show it.
 * `score_m` is the score on query m and `parts_m` its part of each checkpoint; likewise `self_influence` and `self_parts`. `content` is the hash
 * of everything but the target, by which an example is found again after rows moved; `row_hash` is that of the row's text, by which a
 * row that changed is told (none for examples that stand on no line). `loss` and `margin` are means over the checkpoints; `combined` is the mean
 * of an example's places, from 1, by largest loss and by smallest margin.
 */
export const textColumns = [
  "file",
  "image",
  "content",
  "target",
  "predicted",
  "suggested",
] as const;

/** The flat table that chunks are appended to: one FLOAT column per checkpoint and query. */
export function stagingColumns(
  shape: TableShape,
): { name: string; type: "INTEGER" | "DOUBLE" | "VARCHAR" | "FLOAT" }[] {
  return [
    { name: "example", type: "INTEGER" },
    { name: "line", type: "INTEGER" },
    { name: "line_count", type: "INTEGER" },
    { name: "row_hash", type: "DOUBLE" },
    ...textColumns.map((name) => ({ name, type: "VARCHAR" as const })),
    { name: "predicted_probability", type: "FLOAT" },
    { name: "loss", type: "FLOAT" },
    ...(shape.margins ? [{ name: "margin", type: "FLOAT" as const }] : []),
    ...selfColumns(shape).map((name) => ({ name, type: "FLOAT" as const })),
    ...range(shape.queries).flatMap((query) =>
      partColumns(shape, query).map((name) => ({ name, type: "FLOAT" as const })),
    ),
  ];
}

/** The query that turns the flat table into the table of the Parquet file. */
export function exportQuery(shape: TableShape): string {
  const columns = [
    "example",
    "file",
    "line",
    "line_count",
    "CAST(row_hash AS BIGINT) AS row_hash",
    "image",
    "content",
    "target",
    "predicted",
    "predicted_probability",
    "suggested",
    "CASE WHEN suggested IS NULL THEN NULL ELSE predicted_probability END AS suggested_probability",
    "loss",
    ...(shape.margins ? ["margin"] : []),
    `${sum(selfColumns(shape))} AS self_influence`,
    `${list(selfColumns(shape))} AS self_parts`,
    ...range(shape.queries).flatMap((query) => [
      `${sum(partColumns(shape, query))} AS score_${query}`,
      `${list(partColumns(shape, query))} AS parts_${query}`,
    ]),
  ];
  return `SELECT ${columns.join(", ")} FROM staging`;
}

/** The query that gives the places of all examples, one row each in file order, over the parts of the table. */
export function placesQuery(parts: string): string {
  return `SELECT CASE WHEN margin IS NULL THEN NULL ELSE CAST((rank() OVER (ORDER BY loss DESC)
    + rank() OVER (ORDER BY margin NULLS LAST, loss DESC)) / 2 AS FLOAT) END AS combined
    FROM (SELECT example, loss, margin FROM ${parts}) ORDER BY example`;
}

/** Sums in double precision, checkpoint after checkpoint, as every other place does. */
function sum(columns: readonly string[]): string {
  return `CAST(${columns.map((name) => `CAST(${name} AS DOUBLE)`).join(" + ")} AS FLOAT)`;
}

function list(columns: readonly string[]): string {
  return `[${columns.join(", ")}]`;
}

function selfColumns(shape: TableShape): string[] {
  return range(shape.checkpoints).map((checkpoint) => `self_${checkpoint}`);
}

function partColumns(shape: TableShape, query: number): string[] {
  return range(shape.checkpoints).map((checkpoint) => `part_${query}_${checkpoint}`);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
