import { expect, it } from "vitest";
import { Superseding } from "../../../src/project/superseding.ts";

it("another wish in a place aborts the one before, and nothing else", () => {
  const superseding = new Superseding();
  const first = superseding.signal("suspects", "all");
  const nextPage = superseding.signal("suspects", "all");
  const beside = superseding.signal("opponents", "all");
  expect(nextPage).toBe(first);
  const filtered = superseding.signal("suspects", "loss > 1");
  expect([first.aborted, beside.aborted, filtered.aborted]).toEqual([true, false, false]);
  const again = superseding.signal("suspects", "all");
  expect([filtered.aborted, again.aborted]).toEqual([true, false]);
});
