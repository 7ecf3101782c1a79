import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { resolveLearningRates } from "../../../src/core/checkpoints/rates.ts";
import { proposeVisits } from "../../../src/core/checkpoints/visits.ts";

function series(steps: readonly (number | undefined)[], epochs: readonly number[] = []) {
  return steps.map(
    (step, index): Checkpoint => ({
      file: `${index}.pt`,
      format: "pytorch",
      tensors: new Map(),
      learningRates: [{ value: 0.1, source: "lr" }],
      ...(step === undefined ? {} : { step }),
      ...(epochs[index] === undefined ? {} : { epoch: epochs[index] }),
      read: () => Promise.reject(new Error("not read here")),
      close: async () => {},
    }),
  );
}

describe("visits between checkpoints", () => {
  it.each([
    ["equal intervals", [100, 200, 300], [], undefined],
    ["all but equal ones", [100, 199, 300], [], undefined],
    ["a longer one", [100, 200, 500], [], [1, 1, 3]],
    ["a shorter start", [100, 400, 700], [], [1, 3, 3]],
    ["earlier ones missing", [800, 900, 1100], [], [1, 1, 2]],
    ["epochs, counted from 0 or 1", [undefined, undefined, undefined], [0, 1, 5], [1, 1, 4]],
    ["steps before epochs", [100, 200, 500], [0, 1, 2], [1, 1, 3]],
    ["out of order", [300, 200, 500], [], undefined],
    ["the same step twice", [100, 100, 200], [], undefined],
    ["nothing known", [undefined, 100, 300], [], undefined],
    ["one checkpoint", [100], [], undefined],
    ["none", [], [], undefined],
  ])("%s", (_, steps, epochs, visits) => {
    expect(proposeVisits(series(steps, epochs))).toEqual(visits);
  });

  it("are proposed in a warning until they are set", () => {
    const uneven = series([100, 200, 500]);
    const warnings = (visits?: number[]) =>
      resolveLearningRates({ files: "*.pt", ...(visits ? { visits } : {}) }, uneven).map(
        (rate) => rate.warnings,
      );
    expect(warnings()).toEqual([
      [expect.stringMatching(/"checkpoints\.visits".*\[1,1,3\]/)],
      [],
      [],
    ]);
    expect(warnings([1, 1, 3])).toEqual([[], [], []]);
  });
});
