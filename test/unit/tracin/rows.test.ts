import { expect, test } from "vitest";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { TensorRows } from "../../../src/core/tracin/tensor-rows.ts";

test("rows that come in blocks are one tensor in the end, and none may be missing", () => {
  const rows = new TensorRows(3);
  rows.add(float32([2, 2], [1, 2, 3, 4]));
  expect(() => rows.result).toThrow(/missing/);
  rows.add(float32([1, 2], [5, 6]));
  expect(rows.result).toEqual(float32([3, 2], [1, 2, 3, 4, 5, 6]));
});

test("a block that is all is taken as it is", () => {
  const block = float32([2, 1], [1, 2]);
  const rows = new TensorRows(2);
  rows.add(block);
  expect(rows.result).toBe(block);
});
