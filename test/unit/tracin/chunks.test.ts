import { expect, it } from "vitest";
import { chunksOf, chunksOfRows } from "../../../src/core/tracin/chunks.ts";

/** Sizes of all chunks of 100 examples, which must follow each other without a gap. */
function sizesOf(...options: [size: number, ends?: Parameters<typeof chunksOf>[2]]): number[] {
  const { next } = chunksOf({ start: 5, end: 105 }, ...options);
  const sizes: number[] = [];
  let start = 5;
  for (let chunk = next(); chunk !== undefined; chunk = next()) {
    expect(chunk.start).toBe(start);
    start = chunk.end;
    sizes.push(chunk.end - chunk.start);
  }
  expect(start).toBe(105);
  return sizes;
}

it.each([
  ["of one size", sizesOf(40), [40, 40, 20]],
  ["small ones first", sizesOf(40, { first: 8 }), [8, 16, 32, 40, 4]],
  [
    "small ones at both ends for two workers",
    sizesOf(24, { first: 8, workers: 2 }),
    [8, 16, 24, 16, 16, 8, 8, 4],
  ],
  ["no smaller than the first", sizesOf(40, { workers: 2 }), [40, 40, 20]],
])("chunks %s", (_, sizes, expected) => {
  expect(sizes).toEqual(expected);
});

it("chunks of chosen examples name them", () => {
  const { next } = chunksOfRows([9, 4, 7], 2);
  expect(next()).toEqual({ start: 0, end: 2, rows: [9, 4] });
  expect(next()).toEqual({ start: 2, end: 3, rows: [7] });
  expect(next()).toBeUndefined();
});
