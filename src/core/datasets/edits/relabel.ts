import { csvFields, csvText, csvValue, type Replacement } from "./csv.ts";
import { jsonValue } from "./json.ts";

/** How the records of a file are written. */
export type RecordFormat =
  | { readonly kind: "csv"; readonly delimiter: string; readonly column: number }
  | { readonly kind: "jsonl"; readonly key: string };

/** A new label for a record. */
export interface Relabel {
  readonly from: string;
  readonly to: string;
  /** Names by class index, for files that hold indices. */
  readonly labels: readonly string[] | undefined;
}

/**
 * What to replace in the text of a record, so that it has another label; everything else stays as it is. Undefined where the
 * record does not hold the old label, as its name or as its index.
 */
export function relabelRecord(
  record: string,
  format: RecordFormat,
  relabel: Relabel,
): Replacement | undefined {
  if (format.kind === "csv") {
    const span = csvFields(record, format.delimiter)[format.column];
    const before = span && record.slice(span.start, span.end);
    const value = before === undefined ? undefined : newValue(csvValue(before), relabel);
    return span === undefined || before === undefined || value === undefined
      ? undefined
      : { ...span, text: csvText(value, before, format.delimiter) };
  }
  const span = jsonValue(record, format.key);
  if (span === undefined) {
    return undefined;
  }
  const before: unknown = JSON.parse(record.slice(span.start, span.end));
  if (typeof before === "string") {
    const value = newValue(before, relabel);
    return value === undefined ? undefined : { ...span, text: JSON.stringify(value) };
  }
  const isPlain = typeof before === "number" || typeof before === "boolean";
  const value = isPlain ? newValue(String(before), relabel) : undefined;
  // A number or a boolean stays one where the new label can be written as one.
  const bare = value !== undefined && /^(true|false|-?(0|[1-9]\d*)(\.\d+)?)$/.test(value);
  return value === undefined ? undefined : { ...span, text: bare ? value : JSON.stringify(value) };
}

/** The text of a record with its replacement. */
export function replaced(record: string, { start, end, text }: Replacement): string {
  return record.slice(0, start) + text + record.slice(end);
}

/** The new label in the way in which the old one is written: as a name or as an index; undefined where it is neither. */
export function newValue(written: string, { from, to, labels }: Relabel): string | undefined {
  if (written === from || written.trim() === from) {
    return to;
  }
  const index = labels?.indexOf(to) ?? -1;
  const isIndex = /^\d+$/.test(written) && labels?.[Number(written)] === from && index !== -1;
  return isIndex ? String(index) : undefined;
}
