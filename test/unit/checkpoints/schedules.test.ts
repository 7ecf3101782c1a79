import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { evaluateSchedule } from "../../../src/core/checkpoints/keras/schedules.ts";
import type { JsonObject } from "../../../src/core/formats/json.ts";

const golden: readonly {
  readonly class_name: string;
  readonly config: JsonObject;
  /** The rate for updates 0, 1, 2, ... */
  readonly rates: readonly number[];
}[] = JSON.parse(readFileSync(join(import.meta.dirname, "../golden/keras/schedules.json"), "utf8"));

describe("learning-rate schedules of Keras", () => {
  it.each(golden)("$class_name $config gives Keras's rates", ({ class_name, config, rates }) => {
    for (const [step, rate] of rates.entries()) {
      // Keras computes in single precision.
      const error = Math.abs(evaluateSchedule(class_name, config, step) - rate);
      expect([step, error < 2e-6 * (rates[0] ?? 0)]).toEqual([step, true]);
    }
  });

  it("refuses a schedule that it does not know", () => {
    expect(() => evaluateSchedule("WarmUp", {}, 1)).toThrow("the schedule WarmUp is not known");
    expect(() => evaluateSchedule("ExponentialDecay", {}, 1)).toThrow("initial_learning_rate");
  });
});
