/** Generated test sets for the harness. */
import type { Histogram } from "../../src/protocol/lists.ts";
import type {
  TestOutcome,
  TestRowsReply,
  TestRowsRequest,
  TestSetSummary,
  TestSlice,
} from "../../src/protocol/test-set.ts";
import { place, preview, random, type Sample } from "./data.ts";

export type TestKind = "labels" | "many" | "multiLabel" | "values" | "positions" | "loss" | "none";

const digits = Array.from({ length: 10 }, (_, digit) => String(digit));

/** A matrix with most examples on its diagonal. */
function matrix(labels: readonly string[]): TestOutcome {
  const cells: [number, number, number][] = [];
  for (const target of labels.keys()) {
    cells.push([target, target, 12 + Math.round(20 * random(target, 1))]);
    for (const predicted of labels.keys()) {
      const count = Math.max(0, Math.round(12 * random(target, predicted, 2)) - 9);
      if (target !== predicted && count > 0) {
        cells.push([target, predicted, count]);
      }
    }
  }
  const sum = (some: typeof cells) => some.reduce((total, [, , count]) => total + count, 0);
  const right = sum(cells.filter(([target, predicted]) => target === predicted));
  const counted = sum(cells);
  return {
    kind: "labels",
    counted,
    right: [0.6, 0.75, 0.8, 0.78, 1].map((share) => Math.round(right * share)),
    labels,
    cells,
  };
}

const outcomes: Readonly<Record<TestKind, TestOutcome>> = {
  labels: matrix(digits),
  many: matrix(Array.from({ length: 48 }, (_, label) => `class with a long name ${label}`)),
  none: { kind: "labels", counted: 0, right: [0, 0, 0, 0, 0], labels: digits, cells: [] },
  multiLabel: {
    kind: "multiLabel",
    counted: 200,
    right: [60, 80, 100, 120, 130],
    labels: ["urgent", "billing", "a very long label that does not fit", "other"].map(
      (label, index) => ({
        label,
        truePositives: 40 - index,
        falsePositives: 3 * index,
        falseNegatives: 5 - index,
        trueNegatives: 150,
      }),
    ),
  },
  values: {
    kind: "values",
    outputs: [
      {
        name: "price",
        count: 200,
        meanError: -3.21,
        meanAbsoluteError: 12.4,
        rootMeanSquare: 18.1,
        explained: 0.871,
      },
      {
        name: "days on the market",
        count: 200,
        meanError: 0.4,
        meanAbsoluteError: 4.2,
        rootMeanSquare: 6.6,
        explained: null,
      },
    ],
  },
  positions: {
    kind: "positions",
    counted: 2400,
    right: [1800, 2000, 2100, 2200, 2230],
    confusions: [
      { target: "B-LOC", predicted: "B-ORG", count: 31 },
      { target: "I-PER", predicted: "O", count: 12 },
    ],
  },
  loss: { kind: "loss" },
};

/** Examples of a slice, in this made-up test set. */
function countOf(slice: TestSlice, outcome: TestOutcome): number {
  switch (slice.kind) {
    case "all":
      return 200;
    case "confusion":
      return 9;
    case "errors":
      return outcome.kind === "labels" ? outcome.counted - (outcome.right.at(-1) ?? 0) : 15;
    case "labels": {
      const { cells, labels } =
        outcome.kind === "labels" ? outcome : { cells: [], labels: [] as string[] };
      return cells
        .filter(
          ([target, predicted]) =>
            (slice.target === undefined || labels[target] === slice.target) &&
            (slice.predicted === undefined || labels[predicted] === slice.predicted),
        )
        .reduce((sum, [, , count]) => sum + count, 0);
    }
    case "label":
      return 7;
    case "filter":
      return slice.text === "loss > 9" ? 0 : 11;
  }
}

export function makeTestSet(kind: TestKind, slice: TestSlice = { kind: "all" }): TestSetSummary {
  const outcome = outcomes[kind];
  return {
    dataset: "test",
    file: kind === "values" ? "test/prices.csv" : "test/labels.csv",
    examples: 200,
    slice,
    sliceTitle: slice.kind === "all" ? "all examples" : slice.kind,
    chosen: countOf(slice, outcome),
    losses: [2.31, 1.42, 1.05, 0.97, 0.91],
    chosenLosses: [2.5, 2.1, 2.2, 2.4, 2.3],
    outcome,
  };
}

/** A page of test examples; a condition that names `label` is wrong. */
export function makeTestRows({
  runId,
  slice,
  offset,
  limit,
}: Omit<TestRowsRequest, "root">): TestRowsReply {
  const [name = "", , kind = ""] = runId.split("/");
  const sample = name as Sample;
  const outcome = outcomes[kind as TestKind];
  const total = countOf(slice, outcome);
  const { target, predicted } =
    slice.kind === "labels" ? slice : { target: undefined, predicted: undefined };
  return {
    total,
    scale: 4.49,
    rows: Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, at) => {
      const rank = offset + at + 1;
      const index = (rank * 37) % 200;
      const isLabels = outcome.kind === "labels";
      const own = isLabels
        ? (target ?? digits[index % 10] ?? "")
        : sample === "house"
          ? "250"
          : "B-PER O O";
      const other = isLabels
        ? (predicted ?? digits[(index + 3) % 10] ?? "")
        : sample === "house"
          ? "231.4"
          : "3 of 12 wrong, mean loss 0.81";
      const isWrong = isLabels && own !== other;
      return {
        rank,
        index,
        place: place(sample, "test", index),
        preview: preview(sample, index),
        target: own,
        predicted: other,
        probability: isLabels ? 0.5 + random(index, 3) / 2 : undefined,
        wrong: isWrong ? { label: other, value: 0.9 } : undefined,
        loss: 4.49 / (1 + 0.1 * rank),
        losses: [2, 3, 4, 4.2, 4.49 / (1 + 0.1 * rank)],
      };
    }),
  };
}

/** Losses from 0 to 6, most of them small. */
export function makeTestHistogram({ bins }: { readonly bins: number }): Histogram {
  return {
    from: 0,
    to: 6,
    counts: Array.from({ length: bins }, (_, bin) => Math.round(120 * Math.exp(-bin / 3))),
  };
}
