import { describe, expect, it } from "vitest";
import { confusionOf, moveInGrid, sliceKey } from "../../../webview/confusion-model.ts";

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
