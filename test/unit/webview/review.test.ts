import { describe, expect, it } from "vitest";
import { actionOfKey, ReviewIndex } from "../../../webview/review.ts";

const labels = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

it.each([
  ["k", { kind: "keep" }],
  ["X", { kind: "exclude" }],
  ["1", { kind: "label", label: "a" }],
  ["9", { kind: "label", label: "i" }],
  ["0", { kind: "label", label: "j" }],
  ["Enter", undefined],
  ["q", undefined],
])("the key %s", (key, action) => {
  expect(actionOfKey(key, labels)).toEqual(action);
});

it("a number beyond the labels, or without labels, does nothing", () => {
  expect(actionOfKey("4", ["a", "b"])).toBeUndefined();
  expect(actionOfKey("1", undefined)).toBeUndefined();
});

describe("decisions by row", () => {
  const review = (index: number, content: string) =>
    ({ index, content, decision: { kind: "keep" }, state: "done" }) as const;
  const reviews = new ReviewIndex({ list: [review(4, "four"), review(7, "seven")], undoable: 1 });

  it("are found by content, where rows have moved", () => {
    expect(reviews.of({ index: 4, content: "four" })?.content).toBe("four");
    expect(reviews.of({ index: 9, content: "seven" })?.content).toBe("seven");
    expect(reviews.of({ index: 4, content: "other" })).toBeUndefined();
    expect(reviews.of({ index: 7 })?.content).toBe("seven");
  });

  it("about rows that are gone are no other row's, and count as applied", () => {
    const gone = { ...review(4, "four"), decision: { kind: "exclude" } } as const;
    const index = new ReviewIndex({
      list: [gone, { ...review(5, "five"), state: "open" }],
      undoable: 1,
    });
    expect(index.of({ index: 4 })).toBeUndefined();
    expect(index.of({ index: 9, content: "four" })?.decision.kind).toBe("exclude");
    expect(index.open).toBe(1);
  });

  it("leave the next undecided row, going round", () => {
    const rows = [4, 7, 1, 2].map((index) => ({ index }));
    const next = (active: number) => reviews.nextUndecided(active, 4, (at) => rows[at]);
    expect([next(0), next(2), next(3)]).toEqual([2, 3, 2]);
    expect(reviews.nextUndecided(0, 2, (at) => rows[at])).toBeUndefined();
  });
});
