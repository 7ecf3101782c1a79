import { TracInError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";

/** An error about one example: file, line and column of the place, with what to do. */
export function exampleError(
  dataset: Dataset,
  index: number,
  column: string | undefined,
  message: string,
  remedy?: string,
): TracInError {
  const locator = dataset.locator(index);
  const place = {
    file: locator.file,
    ...(dataset.kind === "arrays" || locator.lineCount === 0 ? {} : { line: locator.line + 1 }),
    row: index,
    ...(column === undefined ? {} : { column }),
  };
  return new TracInError("data", message, place, remedy);
}

/** A list of names for a message: the first `limit`, then how many more there are. */
export function listNames(names: readonly string[], limit = 20): string {
  const shown = names.slice(0, limit).map((name) => JSON.stringify(name));
  const more = names.length - shown.length;
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
