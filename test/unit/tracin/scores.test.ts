import { describe, expect, test } from "vitest";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine, onnxruntimeWebEngine } from "../../../src/core/engines/onnxruntime.ts";
import { tensorflowEngine } from "../../../src/core/engines/tensorflow/engine.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { testTensorFlow } from "../support/tensorflow.ts";
import {
  type Golden,
  openSampleGolden,
  openSynthetic,
  sampleNames,
  syntheticNames,
} from "./golden.ts";

/**
 * Largest difference from float64 PyTorch autograd, relative to each query's largest score: float32 arithmetic
 * over sums of a few thousand products.
 */
const tolerance = 2e-5;

interface Result {
  /** [C, N, M] */
  scores: Float32Array;
  /** [C, N] */
  self: Float32Array;
  losses: Float32Array;
  /** [N, O] */
  predictions: Float32Array;
}

async function scoreAll(golden: Golden, engine: Engine, aggregate = false): Promise<Result> {
  const { project, selection, train } = golden;
  const scorer = await Scorer.open(project, {
    engine,
    memoryLimit: 2 ** 30,
    layers: "all",
  });
  const chunks: ScoreChunk[] = [];
  const last = Math.max(...train);
  await scorer.score(
    selection,
    chunksOf({ start: 0, end: last + 1 }, 5000),
    (chunk) => void chunks.push(chunk),
    {
      aggregate,
    },
  );
  await scorer.close();
  const chunk = chunks[0] as ScoreChunk;
  const C = project.checkpoints.length;
  const M = aggregate ? 1 : selection.length;
  const pick = (all: Float32Array, groups: number, width: number) =>
    Float32Array.from({ length: groups * train.length * width }, (_, index) => {
      const group = Math.floor(index / (train.length * width));
      const row = Math.floor(index / width) % train.length;
      const column = index % width;
      return all[(group * chunk.size + (train[row] as number)) * width + column] as number;
    });
  return {
    scores: pick(chunk.scoreParts, C, M),
    self: pick(chunk.selfParts, C, 1),
    losses: pick(chunk.losses, C, 1),
    predictions: pick(chunk.predictions, 1, chunk.predictions.length / chunk.size),
  };
}

/** Largest |actual - expected| over all rows, each column relative to its largest |sum over checkpoints| (or `floor`). */
function worst(
  actual: Float32Array,
  expected: Float64Array,
  checkpoints: number,
  width: number,
  floor = 0,
): number {
  const rows = expected.length / checkpoints / width;
  let result = 0;
  for (let column = 0; column < width; column++) {
    let scale = floor;
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let c = 0; c < checkpoints; c++) {
        sum += expected[(c * rows + row) * width + column] as number;
      }
      scale = Math.max(scale, Math.abs(sum));
    }
    for (let row = 0; row < rows * checkpoints; row++) {
      const at = row * width + column;
      const difference = Math.abs((actual[at] as number) - (expected[at] as number));
      result = Math.max(result, difference / scale);
    }
  }
  return result;
}

/** Sums over checkpoints: [N * M]. */
function totals(parts: ArrayLike<number>, checkpoints: number): number[] {
  const size = parts.length / checkpoints;
  return Array.from({ length: size }, (_, index) => {
    let sum = 0;
    for (let c = 0; c < checkpoints; c++) {
      sum += parts[c * size + index] as number;
    }
    return sum;
  });
}

/** The first 20 of each query in our order are the first 20 of the reference, up to ties within the tolerance. */
function expectSameTop(actual: Float32Array, expected: Float64Array, C: number, M: number): void {
  const ours = totals(actual, C);
  const theirs = totals(expected, C);
  for (let query = 0; query < M; query++) {
    const column = (all: readonly number[]) => all.filter((_, index) => index % M === query);
    const reference = column(theirs);
    const own = column(ours);
    const scale = Math.max(...reference.map(Math.abs));
    const order = own.map((_, row) => row).sort((a, b) => (own[b] as number) - (own[a] as number));
    const sorted = [...reference].sort((a, b) => b - a);
    order.slice(0, 20).forEach((row, rank) => {
      const offset = Math.abs((reference[row] as number) - (sorted[rank] as number));
      expect(offset / scale, `rank ${rank + 1} of query ${query}`).toBeLessThan(2 * tolerance);
    });
  }
}

async function compare(golden: Golden, engine: Engine): Promise<void> {
  const C = golden.project.checkpoints.length;
  const M = golden.selection.length;
  const result = await scoreAll(golden, engine);
  expect(result.scores.length).toBe(golden.expected("scores").data.length);
  expect(worst(result.self, golden.expected("self").data, C, 1)).toBeLessThan(tolerance);
  expect(worst(result.scores, golden.expected("scores").data, C, M)).toBeLessThan(tolerance);
  expectSameTop(result.scores, golden.expected("scores").data, C, M);
  // Losses are differences of logits of size 1 to 10, so their error is absolute, however small they are.
  expect(worst(result.losses, golden.expected("losses").data, C, 1, 1)).toBeLessThan(tolerance);
  expect(worst(result.predictions, golden.expected("predictions").data, 1, 1)).toBeLessThan(
    tolerance,
  );
  const aggregated = await scoreAll(golden, engine, true);
  expect(worst(aggregated.scores, golden.expected("aggregate").data, C, 1)).toBeLessThan(tolerance);
}

describe("scores agree with PyTorch autograd", () => {
  test.each(syntheticNames)("%s", async (name) => {
    await compare(await openSynthetic(name), onnxruntimeEngine());
  });
  test.each(sampleNames)("%s", async (name) => {
    const golden = await openSampleGolden(name);
    await compare(golden, onnxruntimeEngine());
    await golden.project.close();
  });
  test.each(["attention", "batch-norm", "conv2d", "embedding", "pools", "mse-mean"])(
    "%s, by onnxruntime-web",
    async (name) => {
      await compare(await openSynthetic(name), onnxruntimeWebEngine());
    },
  );
  // The samples are too large for TensorFlow.js in plain JavaScript: the parity suite runs them on the native library.
  test.each(syntheticNames)("%s, by TensorFlow.js", async (name) => {
    await compare(await openSynthetic(name), tensorflowEngine(testTensorFlow()));
  });
});
