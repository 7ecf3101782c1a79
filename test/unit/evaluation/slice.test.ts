import { describe, expect, it } from "vitest";
import type { TestOutcome } from "../../../src/core/evaluation/outcome.ts";
import { sliceFilter, sliceTitle, type TestSlice } from "../../../src/core/evaluation/slice.ts";

const labels: TestOutcome = {
  kind: "labels",
  counted: 1,
  right: [1],
  labels: ["ham", "sp'am"],
  cells: [],
};
const several: TestOutcome = {
  kind: "multiLabel",
  counted: 1,
  right: [1],
  labels: ["a|b", "c"].map((label) => ({
    label,
    truePositives: 0,
    falsePositives: 0,
    falseNegatives: 0,
    trueNegatives: 0,
  })),
};
const positions: TestOutcome = {
  kind: "positions",
  counted: 9,
  right: [5],
  confusions: [{ target: "I'd", predicted: "O|O", count: 4 }],
};
const values: TestOutcome = { kind: "values", outputs: [] };

describe("a slice", () => {
  it.each<[string, TestSlice, TestOutcome, object]>([
    ["all examples", { kind: "all" }, values, {}],
    ["errors", { kind: "errors" }, labels, { text: "wrong = 1" }],
    ["target ham", { kind: "labels", target: "ham" }, labels, { text: "target = 'ham'" }],
    [
      "ham taken for sp'am",
      { kind: "labels", target: "ham", predicted: "sp'am" },
      labels,
      { text: "target = 'ham' AND predicted = 'sp''am'" },
    ],
    [
      "a|b in the target, not predicted",
      { kind: "label", label: "a|b", target: true, predicted: false },
      several,
      {
        text: "contains(target_labels, '|a¦b|') = true AND contains(predicted_labels, '|a¦b|') = false",
      },
    ],
    [
      "I'd taken for O|O somewhere",
      { kind: "confusion", target: "I'd", predicted: "O|O" },
      positions,
      { text: "contains(confusions, '|I''d→O¦O|')" },
    ],
    [
      "loss > 1, loss 0.5 to 2.25",
      { kind: "filter", text: "loss > 1", ranges: [{ column: "loss", from: 0.5, to: 2.25 }] },
      values,
      { text: "loss > 1", ranges: [{ column: "loss", from: 0.5, to: 2.25 }] },
    ],
  ])("%s", (title, slice, outcome, filter) => {
    expect(sliceTitle(slice)).toBe(title);
    expect(sliceFilter(slice, outcome)).toEqual(filter);
  });

  it.each<[TestSlice, TestOutcome, RegExp]>([
    [{ kind: "errors" }, values, /are numbers: none is simply right or wrong/],
    [{ kind: "errors" }, { kind: "loss" }, /Only the loss/],
    [{ kind: "labels", target: "egg" }, labels, /no label "egg"/],
    [{ kind: "labels", target: "a|b" }, several, /do not have one label each/],
    [{ kind: "confusion", target: "O", predicted: "I'd" }, positions, /O→I'd is no confusion/],
    [{ kind: "label", label: "ham" }, values, /no label "ham"/],
  ])("that makes no sense is refused: %j", (slice, outcome, message) => {
    expect(() => sliceFilter(slice, outcome)).toThrow(message);
  });
});
