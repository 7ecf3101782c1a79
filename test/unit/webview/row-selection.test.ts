import { describe, expect, it } from "vitest";
import {
  mostSelected,
  noSelection,
  selectRange,
  toggleRow,
} from "../../../webview/row-selection.ts";

const sorted = (rows: ReadonlySet<number>) => [...rows].sort((a, b) => a - b);

describe("the selection of a list", () => {
  it("is a range from where it began, both ways", () => {
    const down = selectRange(noSelection, 5, 7);
    expect(sorted(down.rows)).toEqual([5, 6, 7]);
    const up = selectRange(down, 7, 3);
    expect(sorted(up.rows)).toEqual([3, 4, 5]);
  });

  it("takes rows in and out, the active one with the first", () => {
    const two = toggleRow(noSelection, 1, 9);
    expect(sorted(two.rows)).toEqual([1, 9]);
    expect(sorted(toggleRow(two, 9, 1).rows)).toEqual([9]);
    expect(sorted(selectRange(two, 9, 11).rows)).toEqual([9, 10, 11]);
  });

  it("has an end", () => {
    const range = selectRange(noSelection, 10, 1_000_000);
    expect(range.rows.size).toBe(mostSelected);
    expect(range.rows.has(10)).toBe(true);
    expect(toggleRow(range, 10, 5_000_000).rows.has(5_000_000)).toBe(false);
  });
});
