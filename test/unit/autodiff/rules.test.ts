import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rules } from "../../../src/core/autodiff/rules/rules.ts";
import { cases } from "./cases.ts";
import { largestError } from "./harness.ts";

/** Rounding of central differences in double precision is about 1e-10; a wrong rule is wrong by far more than this. */
const tolerance = 1e-7;

describe("gradient rules against finite differences", () => {
  test("every rule has a generator of cases", () => {
    expect([...rules.keys()].toSorted()).toEqual(Object.keys(cases).toSorted());
  });

  test.each(Object.entries(cases))("%s", async (op, generate) => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        expect(await largestError(op, generate(draw))).toBeLessThan(tolerance);
      }),
      { seed: 1, numRuns: 40 },
    );
  });
});
