import { describe, expect, test } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { type Golden, openOptimizerGolden, optimizerNames } from "./golden.ts";

/** Largest difference from float64 PyTorch autograd, relative to each query's largest score. */
const tolerance = 2e-5;

async function run({ project, selection, train }: Golden, aggregate = false): Promise<ScoreChunk> {
  const scorer = await Scorer.open(project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 30,
    layers: "all",
  });
  const chunks: ScoreChunk[] = [];
  const source = chunksOf({ start: 0, end: train.length }, 4096);
  await scorer.score(selection, source, (chunk) => void chunks.push(chunk), { aggregate });
  await scorer.close();
  return chunks[0] as ScoreChunk;
}

/** Largest difference of a column (query) relative to its largest sum over the checkpoints. */
function worst(actual: Float32Array, expected: Float64Array, width: number): number {
  const half = expected.length / 2;
  expect(actual.length).toBe(expected.length);
  const scales = Array.from({ length: width }, (_, column) =>
    Math.max(
      ...Array.from(expected.subarray(0, half), (first, at) =>
        at % width === column ? Math.abs(first + (expected[half + at] as number)) : 0,
      ),
    ),
  );
  return Math.max(
    ...Array.from(
      expected,
      (value, at) => Math.abs(value - (actual[at] as number)) / (scales[at % width] as number),
    ),
  );
}

async function compare(golden: Golden, prefix: string): Promise<void> {
  const queries = golden.selection.length;
  const single = await run(golden);
  expect(worst(single.scoreParts, golden.expected(`${prefix}scores`).data, queries)).toBeLessThan(
    tolerance,
  );
  expect(worst(single.selfParts, golden.expected(`${prefix}self`).data, 1)).toBeLessThan(tolerance);
  const joined = await run(golden, true);
  expect(worst(joined.scoreParts, golden.expected(`${prefix}aggregate`).data, 1)).toBeLessThan(
    tolerance,
  );
}

describe("checkpoints with their optimizer agree with PyTorch autograd", () => {
  test.each(optimizerNames)("%s: preconditioned by its step sizes", async (name) => {
    await compare(await openOptimizerGolden(name, { preconditioner: "from-file" }), "");
  });

  test.each(optimizerNames)("%s: plain, with the rates of its groups", async (name) => {
    const golden = await openOptimizerGolden(name, {});
    golden.project.checkpoints.forEach(({ learningRate, parameterRates, warnings }, index) => {
      expect(warnings).toEqual([]);
      for (const parameter of golden.project.parameters) {
        const rate = parameterRates?.get(parameter) ?? learningRate;
        expect([parameter, rate]).toEqual([parameter, golden.rates[index]?.[parameter]]);
      }
    });
    await compare(golden, "plain/");
  });
});

describe("a configured rate", () => {
  test("serves all parameters, whatever the groups", async () => {
    const { project } = await openOptimizerGolden("conv-groups-adamw", { learningRate: 0.1 });
    expect(project.checkpoints.map(({ parameterRates }) => parameterRates)).toEqual([
      undefined,
      undefined,
    ]);
  });
});
