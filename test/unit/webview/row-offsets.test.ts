import { describe, expect, it } from "vitest";
import { RowOffsets } from "../../../webview/row-offsets.ts";

describe("RowOffsets", () => {
  const rows = new RowOffsets(10);
  rows.set(5, 100);
  rows.set(2, 30);

  it.each([
    [0, 0],
    [2, 20],
    [3, 50],
    [5, 70],
    [6, 170],
    [1_000_000, 10_000_000 + 20 + 90],
  ])("row %d stands at %d", (index, top) => {
    expect(rows.topOf(index)).toBe(top);
  });

  it.each([
    [-5, 0],
    [9, 0],
    [20, 2],
    [49, 2],
    [50, 3],
    [70, 5],
    [169, 5],
    [170, 6],
    [10_000_110, 1_000_000],
  ])("at %d is row %d", (offset, index) => {
    expect(rows.at(offset)).toBe(index);
  });

  it("tells what is news", () => {
    const own = new RowOffsets(10);
    expect([own.set(3, 20), own.set(3, 20), own.set(3, undefined), own.set(3, undefined)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(own.heightOf(3)).toBe(10);
  });
});
