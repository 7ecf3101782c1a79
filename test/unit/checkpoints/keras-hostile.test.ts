import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { matchCheckpoint } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { importModel } from "../../../src/core/models/open.ts";
import { refusal } from "./scratch.ts";

const golden = join(import.meta.dirname, "../golden");
const model = await importModel(join(golden, "keras/adam.keras"), "adam.keras");

/** Opens a file, matches it with the model, and reads every weight. */
async function use(name: string): Promise<{ checkpoint: Checkpoint; surplus: readonly string[] }> {
  const file = `${name}.weights.h5`;
  const checkpoint = await openCheckpoint(join(golden, "keras-hostile", file), file);
  try {
    const { names, surplus } = matchCheckpoint(model, checkpoint);
    for (const tensor of names.values()) {
      await checkpoint.read(tensor);
    }
    return { checkpoint, surplus };
  } finally {
    await checkpoint.close();
  }
}

describe("files of Keras weights that lie", () => {
  it.each<[string, RegExp]>([
    ["missing", /has no tensor of that name .*"out\/bias"/],
    ["shape", /\[3, 4\].*\[4, 3\]|\[4, 3\].*\[3, 4\]/],
    ["text", /has no tensor of that name .*"hidden\/kernel"/],
    ["huge", /"layers\/dense\/vars\/0" claims the shape \[1048576, 1048576\]/],
    ["cycle", /linked from several places/],
    ["soft-link", /"layers\/dense\/vars\/0" is a link to "\/layers\/dense_1\/vars\/0"/],
    ["external-link", /"layers\/dense\/vars\/0" is a link to the file "\/etc\/hostname"/],
    ["external-storage", /layers\/dense\/vars\/0|external/],
    ["virtual", /"layers\/dense\/vars\/0" is made of parts of other files/],
  ])("%s is refused, with the file and the place", async (name, message) => {
    const memory = process.memoryUsage().rss;
    const error: unknown = await use(name).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TracInError);
    const { place } = error as TracInError;
    expect(place.file).toMatch(new RegExp(`^${name}\\.weights\\.h5$`));
    expect((error as TracInError).describe()).toMatch(message);
    expect(process.memoryUsage().rss - memory).toBeLessThan(200 * 2 ** 20);
  });

  it("surplus variables are listed", async () => {
    expect((await use("surplus")).surplus).toEqual(["layers/dense_7/vars/0"]);
  });

  it("a counter and a rate that cannot be are not taken", async () => {
    const { checkpoint } = await use("counters");
    expect(checkpoint.learningRates).toEqual([]);
    expect(checkpoint.step).toBeUndefined();
  });

  it("slots that belong to no parameter make no optimizer state", async () => {
    const { checkpoint } = await use("slots");
    expect(checkpoint.optimizer?.parameters.some(({ secondMoment }) => secondMoment)).not.toBe(
      true,
    );
  });

  it("a file that ends anywhere is an error with its name, or reads as it did", async () => {
    const whole = new Uint8Array(readFileSync(join(golden, "keras/adam.weights.h5")));
    const steps = 60;
    let refused = 0;
    for (let step = 0; step < steps; step++) {
      const length = Math.floor((step * whole.length) / steps);
      // `refusal` throws for anything but an error of ours that names the file.
      refused += (await refusal("cut.weights.h5", whole.subarray(0, length))) ? 1 : 0;
    }
    expect(refused).toBe(steps);
  });
});
