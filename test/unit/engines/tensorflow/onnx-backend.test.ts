import { describe, expect, test } from "vitest";
import { tensorflowEngine } from "../../../../src/core/engines/tensorflow/engine.ts";
import { kernels } from "../../../../src/core/engines/tensorflow/kernels.ts";
import { testTensorFlow } from "../../support/tensorflow.ts";
import { cases, farthest, restore, runCase, type StoredCase } from "../onnx-backend.ts";

const tf = testTensorFlow();

/** Each case brings the tolerance that the project itself uses (0.001 relative and 1e-7 absolute unless stated). */
async function compare(each: StoredCase, few?: number): Promise<void> {
  const before = tf.memory().numTensors;
  const results = await runCase(tensorflowEngine(tf, few), each);
  for (const [name, stored] of Object.entries(each.outputs)) {
    const wanted = restore(stored);
    const found = results.get(name);
    expect(found?.shape).toEqual(wanted.shape);
    expect(found?.dtype).toBe(wanted.dtype);
    expect(farthest(found, wanted, each)).toBeLessThanOrEqual(1);
  }
  expect(tf.memory().numTensors).toBe(before);
}

describe("the ONNX project's backend node tests", () => {
  test("cover every operator of the engine", () => {
    const covered = new Set(cases.flatMap(({ nodes }) => nodes.map(({ op }) => op)));
    expect([...kernels.keys()].filter((op) => !covered.has(op))).toEqual([]);
  });

  test.each(cases.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    await compare(each);
  });
});

describe("with integers on the device wherever they are safe there", () => {
  const types = ({ inputs, outputs }: StoredCase) =>
    [...Object.values(inputs), ...Object.values(outputs)].map(({ dtype }) => dtype);
  const integral = cases.filter(
    (each) => types(each).some((dtype) => dtype !== "float32") && !types(each).includes("float64"),
  );

  test.each(integral.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    await compare(each, -1);
  });
});
