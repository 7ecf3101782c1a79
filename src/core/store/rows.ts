/** One training example of a run. */
export interface RunRow {
  readonly index: number;
  readonly file: string;
  /** First line, counted from 0. */
  readonly line: number;
  readonly lineCount: number;
  readonly image: string | undefined;
  /** Hash of everything but the target. */
  readonly content: string | undefined;
  /** Hash of the row's text when it was scored; undefined for examples on no line. */
  readonly rowHash: number | undefined;
  readonly target: string;
  readonly predicted: string;
  readonly predictedProbability: number | undefined;
  readonly suggested: { readonly label: string; readonly value: number } | undefined;
  /** Score on the query; 0 in a run without query. */
  readonly score: number;
  /** Part of each checkpoint in the score; without query, in self-influence. */
  readonly parts: readonly number[];
  readonly selfInfluence: number;
  readonly loss: number;
  /** Mean margin of the label, and the mean of its places by loss and margin; undefined where it has none. */
  readonly margin: number | undefined;
  readonly combined: number | undefined;
}

/** Rows of a table, and the queries that it has scores on. */
export interface TableSize {
  readonly examples: number;
  readonly queries: number;
  /** Whether labels have margins. */
  readonly margins?: boolean | undefined;
}

/** Whether a table has scores on a query of this number. */
export function hasQuery({ queries }: TableSize, query: number): boolean {
  return Number.isSafeInteger(query) && query >= 0 && query < queries;
}

/** The columns that {@link toRow} reads, in its order, with the expressions of score and parts. */
export function rowColumns(
  score: string,
  parts: string,
  /** A column that not every table has, or NULL. */
  optional: (name: string, type: string) => string,
): string {
  return `example, file, line, line_count, image, target, predicted, predicted_probability::DOUBLE, suggested,
      suggested_probability::DOUBLE, loss::DOUBLE, ${optional("self_influence", "DOUBLE")}, ${score}::DOUBLE, ${parts}::DOUBLE[],
      ${optional("content", "VARCHAR")}, ${optional("row_hash", "DOUBLE")},
      ${optional("margin", "DOUBLE")}, ${optional("combined", "DOUBLE")}`;
}

/** A row of the columns of {@link rowColumns}. */
export function toRow(row: readonly unknown[]): RunRow {
  const suggested = optionalText(row[8]);
  const parts = row[13];
  return {
    index: number(row[0]),
    file: text(row[1]),
    line: number(row[2]) - 1,
    lineCount: number(row[3]),
    image: optionalText(row[4]),
    content: optionalText(row[14]),
    rowHash: typeof row[15] === "number" ? row[15] : undefined,
    target: text(row[5]),
    predicted: text(row[6]),
    predictedProbability: typeof row[7] === "number" ? row[7] : undefined,
    suggested: suggested === undefined ? undefined : { label: suggested, value: number(row[9]) },
    loss: number(row[10]),
    selfInfluence: number(row[11]),
    score: number(row[12]),
    margin: typeof row[16] === "number" ? row[16] : undefined,
    combined: typeof row[17] === "number" ? row[17] : undefined,
    parts: Array.isArray(parts) ? parts.map(number) : [],
  };
}

export function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function optionalText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A page position that is safe to write into a statement. */
export function count(value: number): number {
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}
