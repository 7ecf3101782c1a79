import { scaleSqrt } from "d3-scale";
import type { TestOutcome } from "../src/protocol/test-set.ts";

type LabelOutcome = Extract<TestOutcome, { kind: "labels" }>;

/** Up to this many labels all are shown; of more, those with the most mistakes. */
const mostShown = 20;
const fewShown = 12;
/** Up to this many labels can be shown on request. */
export const mostOnRequest = 60;

/** A confusion matrix as it is shown. */
export interface Confusion {
  readonly labels: readonly string[];
  /** [target][predicted] */
  readonly counts: readonly (readonly number[])[];
  /** Labels that are left out. */
  readonly hidden: number;
  /** How strongly a count is coloured, 0 to 1; mistakes and hits each on their own scale. */
  shade(target: number, predicted: number): number;
}

/** @param all shows every label, where they are not too many */
export function confusionOf({ labels, cells }: LabelOutcome, all: boolean): Confusion {
  const mistakes = new Map<number, number>();
  for (const [target, predicted, count] of cells) {
    if (target !== predicted) {
      mistakes.set(target, (mistakes.get(target) ?? 0) + count);
      mistakes.set(predicted, (mistakes.get(predicted) ?? 0) + count);
    }
  }
  const places = [...labels.keys()];
  const isWhole = labels.length <= mostShown || (all && labels.length <= mostOnRequest);
  const shown = isWhole
    ? places
    : places
        .sort((a, b) => (mistakes.get(b) ?? 0) - (mistakes.get(a) ?? 0) || a - b)
        .slice(0, fewShown)
        .sort((a, b) => a - b);
  const positions = new Map(shown.map((place, position) => [place, position]));
  const counts = shown.map(() => shown.map(() => 0));
  for (const [target, predicted, count] of cells) {
    const row = counts[positions.get(target) ?? -1];
    const column = positions.get(predicted);
    if (row !== undefined && column !== undefined) {
      row[column] = count;
    }
  }
  const largest = (isHit: boolean) =>
    Math.max(
      1,
      ...counts.flatMap((row, target) =>
        row.filter((_, predicted) => (target === predicted) === isHit),
      ),
    );
  const scales = {
    hits: scaleSqrt([0, largest(true)], [0, 1]),
    mistakes: scaleSqrt([0, largest(false)], [0, 1]),
  };
  return {
    labels: shown.map((place) => labels[place] ?? ""),
    counts,
    hidden: labels.length - shown.length,
    shade: (target, predicted) => {
      const count = counts[target]?.[predicted] ?? 0;
      return target === predicted ? scales.hits(count) : scales.mistakes(count);
    },
  };
}

/** Where a key leads from a place in a grid whose headers are row -1 and column -1; undefined for other keys. */
export function moveInGrid(
  key: string,
  { row, column }: GridPlace,
  size: number,
): GridPlace | undefined {
  const within = (value: number, other: number) =>
    Math.min(size - 1, Math.max(other < 0 ? 0 : -1, value));
  switch (key) {
    case "ArrowLeft":
      return { row, column: within(column - 1, row) };
    case "ArrowRight":
      return { row, column: within(column + 1, row) };
    case "ArrowUp":
      return { row: within(row - 1, column), column };
    case "ArrowDown":
      return { row: within(row + 1, column), column };
    case "Home":
      return { row, column: row < 0 ? 0 : -1 };
    case "End":
      return { row, column: size - 1 };
    default:
      return undefined;
  }
}

/** A cell; row -1 has the predicted labels, column -1 the targets. */
export interface GridPlace {
  readonly row: number;
  readonly column: number;
}
