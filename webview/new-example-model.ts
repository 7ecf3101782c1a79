import type { ExampleForm } from "../src/protocol/examples.ts";
import type { QueryCard } from "../src/protocol/runs.ts";

/** How a person gives an example: as a text, as the fields of a row, or as an image alone. */
export type NewExampleKind = "text" | "row" | "image";

/** How the examples of a project are given. */
export function kindOf(form: ExampleForm): NewExampleKind {
  const isText = form.texts.length === 1 && form.columns.length === 1 && !form.image;
  return form.columns.length === 0 ? "image" : isText ? "text" : "row";
}

/** Longer texts and fields are shown cut, so they cannot be edited further. */
const wholeText = 4000;

/** The query as a person would give it, to be changed: its text, or its row without the target where that is free. */
export function draftOf(query: QueryCard, form: ExampleForm): string {
  const { preview } = query;
  if (preview.kind === "text") {
    const isWhole = preview.text.length <= wholeText;
    return !isWhole ? "" : kindOf(form) === "text" ? preview.text : rowOf([["text", preview.text]]);
  }
  if (preview.kind === "image") {
    return "";
  }
  const names =
    query.reading === "probabilities" ? form.columns : [...form.columns, ...form.target];
  return rowOf(preview.entries.filter(([name, value]) => names.includes(name) && !isCut(value)));
}

function rowOf(entries: readonly (readonly [name: string, value: string])[]): string {
  const lines = entries.map(([name, value]) => `  ${JSON.stringify(name)}: ${literal(value)}`);
  return lines.length === 0 ? "" : `{\n${lines.join(",\n")}\n}`;
}

/** A shown value as JSON: numbers and lists stay what they are, all else is text. */
function literal(value: string): string {
  if (/^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|null)$/.test(value) || /^[[{]/.test(value)) {
    try {
      JSON.parse(value);
      return value;
    } catch {
      // text that only looks like JSON, such as 007
    }
  }
  return JSON.stringify(value);
}

function isCut(value: string): boolean {
  return value.endsWith("…");
}
