import { describe, expect, it } from "vitest";
import { layoutOf, rowRange } from "../../../webview/list-model.ts";
import { rowAfterKey } from "../../../webview/navigation.ts";

describe("rowAfterKey", () => {
  it.each([
    ["ArrowDown", 5, 6],
    ["ArrowUp", 5, 4],
    ["ArrowUp", 0, 0],
    ["ArrowDown", 99, 99],
    ["Home", 50, 0],
    ["End", 50, 99],
    ["PageDown", 5, 14],
    ["PageDown", 95, 99],
    ["PageUp", 5, 0],
    ["a", 5, undefined],
  ])("%s from %d goes to %s of 100, 10 in view", (key, active, target) => {
    expect(rowAfterKey(key, active, 100, 10)).toBe(target);
  });

  it("moves nowhere in an empty list, and always moves on a page without height", () => {
    expect(rowAfterKey("End", 0, 0, 10)).toBeUndefined();
    expect(rowAfterKey("PageDown", 0, 10, 0)).toBe(1);
  });
});

describe("rowRange", () => {
  const range = { startIndex: 50, endIndex: 52, overscan: 1, count: 100 };
  it("is the rows in view and a few around them", () => {
    expect(rowRange(range, 51)).toEqual([49, 50, 51, 52, 53]);
  });
  it("keeps the active row in the page, in order", () => {
    expect(rowRange(range, 3)).toEqual([3, 49, 50, 51, 52, 53]);
    expect(rowRange(range, 99)).toEqual([49, 50, 51, 52, 53, 99]);
  });
  it("stays within the list", () => {
    expect(rowRange({ startIndex: 0, endIndex: 1, overscan: 5, count: 2 }, 7)).toEqual([0, 1]);
  });
});

describe("layoutOf", () => {
  it.each([
    [200, "compact"],
    [419, "compact"],
    [420, "medium"],
    [640, "wide"],
  ])("%d pixels are %s", (width, layout) => {
    expect(layoutOf(width)).toBe(layout);
  });
});
