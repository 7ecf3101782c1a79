import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { histogramOf, sortedPositions } from "../../../src/core/store/numbers.ts";

/** Numbers of every kind, many of them equal. */
const values = fc.array(
  fc.oneof(
    fc.double(),
    fc.float().map(Math.fround),
    fc.integer({ min: -3, max: 3 }),
    fc.constantFrom(
      0,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      Number.MIN_VALUE,
      -Number.MIN_VALUE,
      2 ** 53,
      -(2 ** 31),
    ),
  ),
  { maxLength: 300 },
);

/** The order that a comparison gives: stable, and what is no number last. */
function expected(numbers: readonly number[], descending: boolean): number[] {
  const way = descending ? -1 : 1;
  return [...numbers.keys()].sort((a, b) => {
    const [x = 0, y = 0] = [numbers[a], numbers[b]];
    const missing = Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return missing || (x < y ? -way : x > y ? way : a - b);
  });
}

describe("sorted positions", () => {
  it("are those of a stable sort by comparison, both ways", () => {
    fc.assert(
      fc.property(values, fc.boolean(), (numbers, descending) => {
        const sorted = sortedPositions(Float64Array.from(numbers), descending);
        expect([...sorted]).toEqual(expected(numbers, descending));
      }),
      { numRuns: 500 },
    );
  });

  it("are right for columns that lie inside a larger buffer", () => {
    const values = new Float64Array([9, 3, -1, 2, 9]).subarray(1, 4);
    expect([...sortedPositions(values, false)]).toEqual([1, 2, 0]);
  });
});

describe("histogram of values", () => {
  const column = Float64Array.from([0, 1, 2, 3, 4, Number.NaN, Number.POSITIVE_INFINITY, 10]);

  it.each([
    { positions: [0, 1, 2, 3, 4, 5, 6], bins: 2, histogram: { from: 0, to: 4, counts: [2, 3] } },
    { positions: [0, 7], bins: 5, histogram: { from: 0, to: 10, counts: [1, 0, 0, 0, 1] } },
    { positions: [2, 2], bins: 5, histogram: { from: 2, to: 2, counts: [2] } },
    { positions: [5, 6], bins: 5, histogram: { from: 0, to: 0, counts: [] } },
    { positions: [], bins: 5, histogram: { from: 0, to: 0, counts: [] } },
  ])("counts $positions in $bins bins", ({ positions, bins, histogram }) => {
    expect(histogramOf(column, Int32Array.from(positions), bins)).toEqual(histogram);
  });
});
