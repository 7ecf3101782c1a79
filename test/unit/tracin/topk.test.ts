import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TopK } from "../../../src/core/tracin/topk.ts";

function bySorting(values: readonly (readonly [number, number])[], k: number) {
  return values
    .map(([index, value]) => ({ index, value }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => b.value - a.value || a.index - b.index)
    .slice(0, k);
}

describe("TopK", () => {
  it("agrees with a full sort for any stream, capacity and order of arrival", () => {
    fc.assert(
      fc.property(
        // Few distinct values, so that ties are common.
        fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double()), { maxLength: 200 }),
        fc.integer({ min: 0, max: 50 }),
        fc.infiniteStream(fc.nat()),
        (values, k, random) => {
          const stream = values.map((value, index) => [index, value] as const);
          const shuffled = stream
            .map((entry) => ({ entry, key: random.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ entry }) => entry);
          const top = new TopK(k);
          for (const [index, value] of shuffled) {
            top.push(index, value);
          }
          expect(top.sorted()).toEqual(bySorting(stream, k));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("ranks equal values by the smaller index and drops NaN", () => {
    const top = new TopK(3);
    for (const [index, value] of [
      [9, 1],
      [4, Number.NaN],
      [3, 1],
      [7, 1],
      [1, 0.5],
      [2, 1],
    ] as const) {
      top.push(index, value);
    }
    expect(top.sorted().map(({ index }) => index)).toEqual([2, 3, 7]);
  });
});
