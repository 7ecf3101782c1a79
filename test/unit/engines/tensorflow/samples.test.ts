import { describe, expect, test } from "vitest";
import type { Engine } from "../../../../src/core/engines/engine.ts";
import { referenceEngine } from "../../../../src/core/engines/reference/engine.ts";
import { tensorflowEngine } from "../../../../src/core/engines/tensorflow/engine.ts";
import { chunksOf } from "../../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../../src/core/tracin/scores.ts";
import { testTensorFlow } from "../../support/tensorflow.ts";
import { type Golden, openSampleGolden, sampleNames } from "../../tracin/golden.ts";

const tf = testTensorFlow();
/** Both run in plain JavaScript, so that only a few examples can be asked. */
const examples = 6;

/** float32 against doubles, relative to the largest number of its kind. */
const tolerance = 2e-5;

async function firstChunk({ project, selection }: Golden, engine: Engine): Promise<ScoreChunk> {
  const scorer = await Scorer.open(project, { engine, memoryLimit: 2 ** 30, layers: "all" });
  const chunks: ScoreChunk[] = [];
  const source = chunksOf({ start: 0, end: examples }, examples);
  await scorer.score(selection.slice(0, 2), source, (chunk) => void chunks.push(chunk));
  await scorer.close();
  return chunks[0] as ScoreChunk;
}

function difference(found: Float32Array, expected: Float32Array): number {
  const largest = expected.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  expect(found.length).toBe(expected.length);
  expect(largest).toBeGreaterThan(0);
  return found.reduce(
    (most, each, index) => Math.max(most, Math.abs(each - (expected[index] as number)) / largest),
    0,
  );
}

describe("the samples score as on the reference engine", () => {
  test.each(sampleNames)("%s", { timeout: 120_000 }, async (name) => {
    const golden = await openSampleGolden(name);
    const before = tf.memory().numTensors;
    const found = await firstChunk(golden, tensorflowEngine(tf));
    expect(tf.memory().numTensors).toBe(before);
    const expected = await firstChunk(golden, referenceEngine());
    for (const key of ["scoreParts", "selfParts", "losses", "predictions"] as const) {
      expect(difference(found[key], expected[key]), key).toBeLessThan(tolerance);
    }
    await golden.project.close();
  });
});
