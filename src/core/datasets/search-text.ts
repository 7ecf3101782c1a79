import type { Dataset } from "./dataset.ts";
import { fieldOf, fieldText } from "./field.ts";

/** Characters of one field that can be found. */
const longestField = 20_000;

/** Texts of the examples [start, end) in which words are looked for: all fields of a row; nothing for images and arrays. */
export async function searchTexts(
  dataset: Dataset,
  start: number,
  end: number,
): Promise<readonly string[]> {
  if (dataset.kind !== "table") {
    return Array.from({ length: end - start }, () => "");
  }
  if (dataset.cells) {
    const rows = await dataset.cells(start, end);
    return rows.map((cells) => cells.map((cell) => cell.slice(0, longestField)).join("\n"));
  }
  const examples = await dataset.read(start, end);
  return examples.map((example) =>
    dataset.columns.map((name) => fieldText(fieldOf(example, name), longestField)).join("\n"),
  );
}
