import { describe, expect, test } from "vitest";
import { kerasGoldens } from "./golden.ts";

const goldens = kerasGoldens("recurrent");

/** float32 arithmetic against Keras' float64. */
describe("recurrent, attention and embedding layers agree with Keras", () => {
  test.each(goldens.names)("%s", async (name) => {
    const { outputs, losses, scores, self } = await goldens.errors(name);
    expect(outputs).toBeLessThan(1e-5);
    expect(losses).toBeLessThan(1e-5);
    expect(scores).toBeLessThan(2e-5);
    expect(self).toBeLessThan(2e-5);
  });
});
