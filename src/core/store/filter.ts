import { quote } from "./duckdb.ts";

/** What narrows a list: typed text, and ranges of numbers that were picked in a histogram. */
export interface RowFilter {
  /** Plain words, or an SQL condition. */
  readonly text?: string;
  /** More of the kind of `text`: all of them narrow the list. */
  readonly more?: readonly string[];
  readonly ranges?: readonly NumberRange[];
}

/** Values from `from` up to and including `to`. */
export interface NumberRange {
  readonly column: string;
  readonly from: number;
  readonly to: number;
}

export interface RowSort {
  readonly column: string;
  readonly descending: boolean;
}

/** A column by which rows can be filtered and sorted. */
export interface TableColumn {
  readonly name: string;
  readonly kind: "number" | "text";
}

/**
 * Whether a typed text is a condition: it compares something, or a column stands before an operator that is a word.
 * Anything else is words to look for.
 */
export function isCondition(text: string, columns: readonly string[]): boolean {
  if (/[=<>]/.test(text)) {
    return true;
  }
  const names = columns.join("|");
  return new RegExp(
    `(^|[\\s(])(${names})\\)?\\s+(not\\s+)?(is|in|like|ilike|between)\\b`,
    "i",
  ).test(text);
}

/** Condition that a row holds every word somewhere in what is shown of it, whatever its case. */
export function wordsCondition(text: string): string | undefined {
  const words = text.match(/"[^"]+"|\S+/g) ?? [];
  const conditions = words.map(
    (word) => `contains(words, lower(${quote(/^".+"$/.test(word) ? word.slice(1, -1) : word)}))`,
  );
  return conditions.length === 0 ? undefined : conditions.join(" AND ");
}
