import { describe, expect, it } from "vitest";
import { barOf, sparklineOf } from "../../../webview/geometry.ts";

describe("barOf", () => {
  it.each([
    ["the largest score fills the right half", 0.2, 0.2, true, { start: 0.5, length: 0.5 }],
    ["a negative score grows to the left", -0.1, 0.2, true, { start: 0.25, length: 0.25 }],
    ["beyond the scale it stays in its track", -9, 0.2, true, { start: 0, length: 0.5 }],
    ["unsigned bars begin at the start", 5, 20, false, { start: 0, length: 0.25 }],
    ["a list of zeros has no bars", 0, 0, true, { start: 0.5, length: 0 }],
    ["a score that is no number has no bar", Number.NaN, 1, false, { start: 0, length: 0 }],
  ])("%s", (_, value, scale, signed, expected) => {
    expect(barOf(value, scale, signed)).toEqual(expected);
  });
});

describe("sparklineOf", () => {
  it("runs from left to right with zero in its range", () => {
    const { points, zero } = sparklineOf([1, -1, 0], 20, 10, 0);
    expect(points).toEqual([
      { x: 0, y: 0 },
      { x: 10, y: 10 },
      { x: 20, y: 5 },
    ]);
    expect(zero).toBe(5);
  });

  it("puts the zero line at the bottom when all parts are positive", () => {
    expect(sparklineOf([1, 2], 20, 10, 1).zero).toBe(9);
  });

  it("shows one checkpoint as a point in the middle", () => {
    expect(sparklineOf([3], 20, 10, 0).points).toEqual([{ x: 10, y: 0 }]);
  });

  it("leaves a gap at a value that is not finite", () => {
    const { path, points } = sparklineOf([1, Number.NaN, 1], 20, 10, 0);
    expect(points).toHaveLength(2);
    expect(path.match(/M/g)).toHaveLength(2);
    expect(path).not.toMatch(/NaN/);
  });

  it("draws nothing for no values", () => {
    expect(sparklineOf([], 20, 10).path).toBe("");
  });
});
