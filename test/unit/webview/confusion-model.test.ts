import { describe, expect, it } from "vitest";
import { confusionOf, moveInGrid } from "../../../webview/confusion-model.ts";
import { conditionOf, parseSlice, sliceKey, withRange } from "../../../webview/slice.ts";

const outcome = {
  kind: "labels",
  counted: 9,
  right: [6],
  labels: ["a", "b", "c"],
  cells: [
    [0, 0, 4],
    [1, 1, 2],
    [1, 0, 1],
    [2, 0, 2],
  ],
} as const;

describe("a confusion matrix", () => {
  it("has a row for each target, and shades hits and mistakes on scales of their own", () => {
    const { labels, counts, hidden, shade } = confusionOf(outcome, false);
    expect(labels).toEqual(["a", "b", "c"]);
    expect(counts).toEqual([
      [4, 0, 0],
      [1, 2, 0],
      [2, 0, 0],
    ]);
    expect(hidden).toBe(0);
    expect([shade(0, 0), shade(2, 0), shade(0, 1)]).toEqual([1, 1, 0]);
    expect(shade(1, 0)).toBeCloseTo(Math.SQRT1_2, 12);
    expect(shade(1, 1)).toBeCloseTo(Math.SQRT1_2, 12);
  });

  it("leaves the labels with the fewest mistakes out where there are many", () => {
    const labels = Array.from({ length: 50 }, (_, label) => `label ${label}`);
    const many = {
      ...outcome,
      labels,
      cells: [
        [49, 48, 3],
        [3, 49, 1],
        [7, 7, 9],
      ],
    } as const;
    const few = confusionOf(many, false);
    expect(few.labels).toHaveLength(12);
    expect(few.hidden).toBe(38);
    expect(few.labels.slice(-2)).toEqual(["label 48", "label 49"]);
    expect(few.labels).toContain("label 3");
    expect(few.counts[11]?.[10]).toBe(3);
    expect(confusionOf(many, true)).toMatchObject({ hidden: 0, labels });
  });
});

describe("keys in the matrix", () => {
  it.each([
    ["ArrowRight", { row: 0, column: 0 }, { row: 0, column: 1 }],
    ["ArrowRight", { row: 0, column: 2 }, { row: 0, column: 2 }],
    ["ArrowLeft", { row: 1, column: 0 }, { row: 1, column: -1 }],
    ["ArrowUp", { row: 0, column: 1 }, { row: -1, column: 1 }],
    // The corner is no place.
    ["ArrowLeft", { row: -1, column: 0 }, { row: -1, column: 0 }],
    ["ArrowUp", { row: 0, column: -1 }, { row: 0, column: -1 }],
    ["Home", { row: 2, column: 2 }, { row: 2, column: -1 }],
    ["Home", { row: -1, column: 2 }, { row: -1, column: 0 }],
    ["End", { row: 2, column: -1 }, { row: 2, column: 2 }],
    ["x", { row: 0, column: 0 }, undefined],
  ])("%s at %j", (key, from, to) => {
    expect(moveInGrid(key, from, 3)).toEqual(to);
  });
});

describe("the key of a slice", () => {
  it("is the same for the same examples alone", () => {
    expect(sliceKey({ kind: "labels", target: "a", predicted: undefined })).toBe(
      sliceKey({ kind: "labels", target: "a" }),
    );
    expect(sliceKey({ kind: "filter", text: " loss > 1 " })).toBe(
      sliceKey({ kind: "filter", text: "loss > 1", ranges: [] }),
    );
    const others = [
      sliceKey({ kind: "all" }),
      sliceKey({ kind: "errors" }),
      sliceKey({ kind: "labels", target: "a" }),
      sliceKey({ kind: "labels", predicted: "a" }),
      sliceKey({ kind: "label", label: "a", target: true }),
      sliceKey({ kind: "label", label: "a", target: false }),
    ];
    expect(new Set(others).size).toBe(others.length);
  });
});

describe("a slice within a range", () => {
  const range = { column: "loss", from: 1, to: 2 };

  it.each([
    [{ kind: "all" }, ""],
    [{ kind: "errors" }, "wrong = 1"],
    [{ kind: "labels", target: "it's", predicted: "b" }, "target = 'it''s' and predicted = 'b'"],
    [
      { kind: "label", label: "a|b", target: true, predicted: false },
      "contains(target_labels, '|a¦b|') and not contains(predicted_labels, '|a¦b|')",
    ],
    [{ kind: "filter", text: " loss > 1 ", ranges: [range] }, "loss > 1"],
  ] as const)("becomes a condition: %j", (slice, text) => {
    expect(conditionOf(slice)).toBe(text);
    const kept = text === "" ? {} : { text };
    expect(withRange(slice, range)).toEqual({ kind: "filter", ...kept, ranges: [range] });
    expect(withRange(slice, undefined)).toEqual(
      text === "" ? { kind: "all" } : { kind: "filter", text },
    );
  });
});

describe("a saved slice", () => {
  it("is read again, and nothing else is", () => {
    const slices = [
      { kind: "errors" },
      { kind: "labels", target: "a", predicted: "b" },
      { kind: "label", label: "a", target: true, predicted: false },
      { kind: "filter", text: "x", ranges: [{ column: "loss", from: 0, to: 1 }] },
    ];
    for (const slice of slices) {
      expect(parseSlice(JSON.parse(JSON.stringify(slice)))).toEqual(slice);
    }
    for (const wrong of [undefined, null, 1, {}, { kind: "other" }, { kind: "label" }]) {
      expect(parseSlice(wrong)).toBeUndefined();
    }
    expect(parseSlice({ kind: "labels", target: 1 })).toEqual({ kind: "labels" });
  });
});
