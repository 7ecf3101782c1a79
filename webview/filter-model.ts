import type { NumberRange, RowFilter, RowSort, TableColumn } from "../src/protocol/lists.ts";

/** Columns that fit the word at the caret, and the characters [from, to) that one of them would replace. */
export interface Completions {
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
}

/** Whether a filter lets everything through. */
export function isEmpty(filter: RowFilter): boolean {
  return (filter.text ?? "").trim() === "" && (filter.ranges ?? []).length === 0;
}

/** The columns that start with the word in front of the caret; none inside a text in quotes. */
export function completionsAt(
  text: string,
  caret: number,
  columns: readonly TableColumn[],
): Completions {
  const before = text.slice(0, caret);
  const word = /[a-z_]*$/i.exec(before)?.[0] ?? "";
  const quoted = (before.match(/'/g) ?? []).length % 2 === 1;
  const names =
    word === "" || quoted
      ? []
      : columns
          .map(({ name }) => name)
          .filter((name) => name.startsWith(word.toLowerCase()) && name !== word.toLowerCase());
  return { from: caret - word.length, to: caret, names };
}

/** The text with a column put in, and where the caret stands then. */
export function complete(
  text: string,
  { from, to }: Completions,
  name: string,
): { readonly text: string; readonly caret: number } {
  const after = text.slice(to);
  const space = after.startsWith(" ") ? "" : " ";
  return { text: `${text.slice(0, from)}${name}${space}${after}`, caret: from + name.length + 1 };
}

/** The filter with another range for its column, or without one. */
export function withRange(filter: RowFilter, column: string, range?: NumberRange): RowFilter {
  const others = (filter.ranges ?? []).filter((other) => other.column !== column);
  return { ...filter, ranges: range === undefined ? others : [...others, range] };
}

/** The values of the bins from `first` to `last`, in whichever order they were picked. */
export function rangeOfBins(
  column: string,
  { from, to, counts }: { from: number; to: number; counts: readonly number[] },
  first: number,
  last: number,
): NumberRange {
  const width = (to - from) / Math.max(1, counts.length);
  const [low, high] = first < last ? [first, last] : [last, first];
  return {
    column,
    from: from + low * width,
    to: high === counts.length - 1 ? to : from + (high + 1) * width,
  };
}

/** The order after a click on a column: downwards for numbers, then the other way, then the list's own again. */
export function nextSort(
  sort: RowSort | undefined,
  column: string,
  kind: TableColumn["kind"],
): RowSort | undefined {
  const first = kind === "number" && column !== "example";
  if (sort?.column !== column) {
    return { column, descending: first };
  }
  return sort.descending === first ? { column, descending: !first } : undefined;
}

/** Reads a saved filter; what is malformed is left out. */
export function parseFilter(value: unknown): RowFilter {
  if (typeof value !== "object" || value === null) {
    return {};
  }
  const text = "text" in value && typeof value.text === "string" ? value.text : undefined;
  const ranges =
    "ranges" in value && Array.isArray(value.ranges) ? value.ranges.filter(isRange) : undefined;
  return {
    ...(text === undefined ? {} : { text }),
    ...(ranges === undefined ? {} : { ranges }),
  };
}

/** Reads a saved order. */
export function parseSort(value: unknown): RowSort | undefined {
  return typeof value === "object" &&
    value !== null &&
    "column" in value &&
    typeof value.column === "string" &&
    "descending" in value &&
    typeof value.descending === "boolean"
    ? { column: value.column, descending: value.descending }
    : undefined;
}

function isRange(value: unknown): value is NumberRange {
  return (
    typeof value === "object" &&
    value !== null &&
    "column" in value &&
    typeof value.column === "string" &&
    "from" in value &&
    Number.isFinite(value.from) &&
    "to" in value &&
    Number.isFinite(value.to)
  );
}
