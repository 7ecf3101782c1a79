import { TracInError } from "../errors.ts";
import { listNames } from "./data-error.ts";
import type { Dataset, Example, FieldValue } from "./dataset.ts";

/** A field of an example, or undefined; names such as `constructor` never reach a prototype. */
export function fieldOf(example: Example, name: string): FieldValue | undefined {
  return Object.hasOwn(example.fields, name) ? example.fields[name] : undefined;
}

/** Throws kind `data` when a dataset has no column of this name. */
export function requireColumn(dataset: Dataset, name: string): void {
  if (dataset.columns.includes(name)) {
    return;
  }
  const single = dataset.columns.length === 1 ? dataset.columns[0] : undefined;
  throw new TracInError(
    "data",
    `The dataset "${dataset.name}" has no column "${name}"; it has ${listNames(dataset.columns)}.`,
    { file: dataset.file, column: name },
    single !== undefined && /[;\t|]/.test(single)
      ? 'The file seems to use another delimiter: set "delimiter" beside "csv" in tracin.json, or save it with commas.'
      : "Correct the column name in tracin.json.",
  );
}

/**
 * A value as a finite number, or undefined. Text may have white space around it; `true` and `false` of
 * JSON are 1 and 0; hexadecimal, empty text, NaN and infinities are no numbers.
 */
export function toNumber(value: FieldValue | undefined): number | undefined {
  if (typeof value === "string") {
    const number = Number(value);
    const decimal = value.trim() !== "" && !/[xob]/i.test(value);
    return decimal && Number.isFinite(number) ? number : undefined;
  }
  if (typeof value === "number") {
    return Number.isFinite(value) ? value : undefined;
  }
  return typeof value === "boolean" ? Number(value) : undefined;
}

/** A value as the name of a category or label, or undefined when it is missing or no scalar. */
export function toName(value: FieldValue | undefined): string | undefined {
  if (typeof value === "string") {
    return value === "" ? undefined : value;
  }
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

/** A list: an array of JSONL, or its JSON text in a cell of a CSV file; undefined when it is neither. */
export function toList(value: FieldValue | undefined): readonly FieldValue[] | undefined {
  if (typeof value === "string" && value.trimStart().startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(value);
      return Array.isArray(parsed) ? parsed : undefined;
    } catch {
      return undefined;
    }
  }
  return isList(value) ? value : undefined;
}

function isList(value: FieldValue | undefined): value is readonly FieldValue[] {
  return Array.isArray(value);
}

/** A value as short text for messages and panels, cut to `limit` characters. */
export function fieldText(value: FieldValue | undefined, limit = 300): string {
  const text = typeof value === "string" ? value : jsonText(value);
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

function jsonText(value: FieldValue | undefined): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "(nested too deeply to show)";
  }
}
