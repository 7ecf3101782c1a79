import { describe, expect, test } from "vitest";
import { kernels, referenceEngine } from "../../../../src/core/engines/reference/engine.ts";
import { cases, farthest, restore, runCase } from "../onnx-backend.ts";

/**
 * The ONNX project's expectations are mostly float32, so they are off by its rounding; each case brings the tolerance
 * that the project itself uses (0.001 relative and 1e-7 absolute unless stated).
 */
describe("the ONNX project's backend node tests", () => {
  test("cover every operator of the engine", () => {
    const covered = new Set(cases.flatMap(({ nodes }) => nodes.map(({ op }) => op)));
    expect([...kernels.keys()].filter((op) => !covered.has(op))).toEqual([]);
  });

  test.each(cases.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    const results = await runCase(referenceEngine(), each);
    for (const [name, stored] of Object.entries(each.outputs)) {
      const wanted = restore(stored);
      const found = results.get(name);
      expect(found?.shape).toEqual(wanted.shape);
      expect(found?.dtype).toBe(wanted.dtype === "float32" ? "float64" : wanted.dtype);
      expect(farthest(found, wanted, each)).toBeLessThanOrEqual(1);
    }
  });
});
