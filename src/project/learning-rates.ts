import type { JSONPath } from "jsonc-parser";

/** What `checkpoints.learningRate` of `tracin.json` can hold for one checkpoint. */
export type RateSetting = number | "from-file";

/** Which checkpoints a rate is set for: the one with this number (counted from 0), it and all after it, or all. */
export type RateScope =
  | { readonly kind: "one" | "from"; readonly index: number }
  | { readonly kind: "all" };

type Change = readonly [path: JSONPath, value: unknown];

/**
 * The changes of `tracin.json` that set the learning rate of some checkpoints. What the others have now stays: a list
 * is changed in place, so that comments in it stay; a single number, or none, becomes a list.
 *
 * @param current the parsed value of `checkpoints.learningRate`; undefined where there is none
 * @param count number of checkpoints
 */
export function rateChanges(
  current: unknown,
  count: number,
  scope: RateScope,
  value: RateSetting,
): readonly Change[] {
  const path = ["checkpoints", "learningRate"];
  if (scope.kind === "all" || count === 1) {
    return [[path, value]];
  }
  const last = scope.kind === "one" ? scope.index : count - 1;
  const indices = Array.from({ length: last - scope.index + 1 }, (_, at) => scope.index + at);
  if (Array.isArray(current) && current.length === count) {
    return indices.map((index): Change => [[...path, index], value]);
  }
  const list = Array<unknown>(count).fill(typeof current === "number" ? current : "from-file");
  for (const index of indices) {
    list[index] = value;
  }
  return [[path, list]];
}

/** The rate that a person has typed; undefined when it is none. A rate for all checkpoints must be above 0. */
export function parseRate(text: string, isForAll: boolean): RateSetting | undefined {
  const trimmed = text.trim().replace(",", ".");
  if (trimmed === "from-file") {
    return "from-file";
  }
  const value = Number(trimmed);
  return trimmed !== "" && Number.isFinite(value) && (isForAll ? value > 0 : value >= 0)
    ? value
    : undefined;
}
