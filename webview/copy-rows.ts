import type { RankedRow, RankedView } from "../src/protocol/lists.ts";
import { placeText } from "./place.ts";

/** Rows as a table for spreadsheets: a line with the names of the columns, then a line a row, values separated by tabs. */
export function tableText(rows: readonly RankedRow[], view: RankedView): string {
  const columns = columnsOf(rows, view === "suspects");
  const lines = [
    columns.map(([name]) => name),
    ...rows.map((row) => columns.map(([, value]) => field(value(row)))),
  ];
  return lines.map((line) => `${line.join("\t")}\n`).join("");
}

type Column = readonly [name: string, value: (row: RankedRow) => string | number | undefined];

function columnsOf(rows: readonly RankedRow[], suspects: boolean): readonly Column[] {
  const hasMargins = rows.some(({ margin }) => margin !== undefined);
  const hasSuggestions = rows.some(({ suggested }) => suggested !== undefined);
  const margins: readonly Column[] = [
    ["margin", ({ margin }) => margin],
    ["combined", ({ combined }) => combined],
  ];
  const suggestions: readonly Column[] = [
    ["suggested", ({ suggested }) => suggested?.label],
    ["suggested_probability", ({ suggested }) => suggested?.value],
  ];
  const numbers: readonly Column[] = suspects
    ? [
        ...(hasMargins ? margins : []),
        ["loss", ({ loss }) => loss],
        ["self_influence", ({ selfInfluence }) => selfInfluence],
      ]
    : [["score", ({ score }) => score]];
  return [
    ["rank", ({ rank }) => rank],
    ["example", ({ index }) => index],
    ["target", ({ target }) => target],
    ["predicted", ({ predicted }) => predicted],
    ...(hasSuggestions ? suggestions : []),
    ...numbers,
    ["place", ({ place }) => placeText(place)],
    ["image", ({ place }) => place.image],
    ["text", textOf],
  ];
}

function textOf({ preview }: RankedRow): string {
  switch (preview.kind) {
    case "image":
      return "";
    case "text":
      return preview.text;
    case "fields":
      return preview.entries.map(([name, value]) => `${name} ${value}`).join(" · ");
  }
}

/** A value in one line of a table; what would end it stands in quotes, as spreadsheets read it. */
function field(value: string | number | undefined): string {
  const text = value === undefined ? "" : String(value);
  return /[\t\r\n"]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
