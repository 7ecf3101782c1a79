import { describe, expect, it } from "vitest";
import {
  complete,
  completionsAt,
  isEmpty,
  nextSort,
  parseFilter,
  parseSort,
  rangeOfBins,
  withRange,
} from "../../../webview/filter-model.ts";

const columns = [
  { name: "score", kind: "number" },
  { name: "self_influence", kind: "number" },
  { name: "target", kind: "text" },
] as const;

describe("completionsAt", () => {
  it.each([
    ["s", 1, ["score", "self_influence"]],
    ["target = 'x' and SE", 19, ["self_influence"]],
    ["score", 5, []],
    ["target = 's", 11, []],
    ["", 0, []],
    ["s x", 3, []],
  ])("of %j at %d", (text, caret, names) => {
    expect(completionsAt(text, caret, columns).names).toEqual(names);
  });

  it("are put in at the caret", () => {
    const found = completionsAt("loss > 1 and ta < 3", 15, columns);
    expect(complete("loss > 1 and ta < 3", found, "target")).toEqual({
      text: "loss > 1 and target < 3",
      caret: 20,
    });
    expect(complete("ta", completionsAt("ta", 2, columns), "target")).toEqual({
      text: "target ",
      caret: 7,
    });
  });
});

describe("ranges", () => {
  it("span the bins that were dragged over, either way", () => {
    const histogram = { from: -1, to: 1, counts: [1, 2, 3, 4] };
    expect(rangeOfBins("score", histogram, 2, 1)).toEqual({ column: "score", from: -0.5, to: 0.5 });
    expect(rangeOfBins("score", histogram, 3, 3)).toEqual({ column: "score", from: 0.5, to: 1 });
  });

  it("replace the one of their column", () => {
    const range = (column: string, to: number) => ({ column, from: 0, to });
    const filter = { text: "a", ranges: [range("score", 1), range("loss", 1)] };
    expect(withRange(filter, "score", range("score", 2)).ranges).toEqual([
      range("loss", 1),
      range("score", 2),
    ]);
    expect(withRange(filter, "loss").ranges).toEqual([range("score", 1)]);
    expect(isEmpty({ text: " ", ranges: [] })).toBe(true);
    expect(isEmpty(withRange({}, "score", range("score", 2)))).toBe(false);
  });
});

describe("nextSort", () => {
  it("goes through both ways and back to the list's own order", () => {
    const first = nextSort(undefined, "score", "number");
    expect(first).toEqual({ column: "score", descending: true });
    const second = nextSort(first, "score", "number");
    expect(second).toEqual({ column: "score", descending: false });
    expect(nextSort(second, "score", "number")).toBeUndefined();
    expect(nextSort(first, "target", "text")).toEqual({ column: "target", descending: false });
    expect(nextSort(undefined, "example", "number")?.descending).toBe(false);
  });
});

describe("saved filters and orders", () => {
  it("are read, without what is malformed", () => {
    const good = { column: "a", from: 0, to: 1 };
    expect(
      parseFilter({ text: 3, ranges: [good, { column: "a", from: "0", to: 1 }, null] }),
    ).toEqual({
      ranges: [good],
    });
    expect(parseFilter(null)).toEqual({});
    expect(parseSort({ column: "a", descending: true })).toEqual({ column: "a", descending: true });
    expect(parseSort({ column: 3 })).toBeUndefined();
  });
});
