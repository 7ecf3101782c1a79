import { join } from "node:path";
import { expect, it } from "vitest";
import type { LossSpec } from "../../../src/core/config/project.ts";
import type { EncodedBatch, Encoder } from "../../../src/core/datasets/encoder.ts";
import { createEngine } from "../../../src/core/engines/choose.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { QuerySelection, ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { openSynthetic, readSafetensors } from "./golden.ts";

const golden = readSafetensors(join(import.meta.dirname, "../golden/outputs.safetensors"));
const engine = createEngine("onnxruntime");

/** Scores [C, N, M] of all training examples, and the queries' losses [M, C]. */
async function scored(
  loss: Partial<Pick<LossSpec, "type" | "reduction">>,
  explain: QuerySelection["explain"],
  isMissing: (row: number, output: number) => boolean = () => false,
  isAsked: (query: number) => boolean = () => true,
): Promise<{ scores: Float32Array; losses: readonly Float32Array[]; labels: unknown[] }> {
  const { project, selection, train } = await openSynthetic("loss-smooth-l1");
  const { type = project.loss.type, reduction = project.loss.reduction } = loss;
  const encoder = withMissing(project.encoder, isMissing);
  const other = { ...project, encoder, loss: { ...project.loss, type, reduction } };
  const scorer = await Scorer.open(other, { engine, memoryLimit: 2 ** 28, layers: "all" });
  try {
    const chunks: ScoreChunk[] = [];
    const asked = selection.map((query, at) => ({
      ...query,
      explain: isAsked(at) ? explain : ("target" as const),
    }));
    const all = chunksOf({ start: 0, end: train.length }, 100);
    await scorer.score(asked, all, (chunk) => void chunks.push(chunk));
    const results = await scorer.queries(asked);
    return {
      scores: chunks[0]?.scoreParts ?? new Float32Array(),
      losses: results.map(({ losses }) => losses),
      labels: results.map(({ label }) => label),
    };
  } finally {
    await scorer.close();
  }
}

/** An encoder of the same examples, some of whose targets are missing. */
function withMissing(
  encoder: Encoder,
  isMissing: (row: number, output: number) => boolean,
): Encoder {
  const masked = (batch: EncodedBatch, rows: readonly number[]): EncodedBatch => {
    const [, width = 1] = batch.targets.shape;
    const mask = Array.from({ length: batch.targets.data.length }, (_, at) =>
      Number(!isMissing(rows[Math.floor(at / width)] ?? 0, at % width)),
    );
    return { ...batch, mask: float32(batch.targets.shape, mask) };
  };
  return {
    ...encoder,
    encode: async (dataset, start, end) =>
      masked(
        await encoder.encode(dataset, start, end),
        Array.from({ length: end - start }, (_, row) => start + row),
      ),
    encodeAt: async (dataset, indices) => masked(await encoder.encodeAt(dataset, indices), indices),
  };
}

it("an output explained alone keeps the mean's divisor where targets are missing, as PyTorch does", async () => {
  const isMissing = (row: number, output: number) => row % 2 === 1 && output === (row % 4) - 1;
  const loss = { type: "mse", reduction: "mean" } as const;
  const { shape, data } = golden.get("mse-mean-missing");
  const [, checkpoints = 0, examples = 0, queries = 0] = shape;
  const whole = await scored(loss, "target", isMissing);
  const sums = new Float64Array(whole.scores.length);
  for (const output of [0, 1, 2]) {
    const without = Array.from({ length: queries }, (_, query) => query).filter((query) =>
      isMissing(query, output),
    );
    if (without.length > 0) {
      await expect(scored(loss, output, isMissing)).rejects.toThrow("has no target for output");
    }
    // Every query that has a target for the output; the others keep their own.
    const { scores } = await scored(loss, output, isMissing, (query) => !without.includes(query));
    const size = checkpoints * examples * queries;
    const expected = Array.from(data.subarray(output * size, (output + 1) * size), Number);
    const largest = Math.max(...expected.map(Math.abs));
    expected.forEach((value, at) => {
      if (!without.includes(at % queries)) {
        expect(Math.abs(value - (scores[at] ?? Number.NaN))).toBeLessThan(2e-5 * largest);
        sums[at] = (sums[at] ?? 0) + (scores[at] ?? 0);
      }
    });
  }
  const largest = Math.max(...whole.scores.map(Math.abs));
  const apart = Array.from(sums, (sum, at) => Math.abs(sum - (whole.scores[at] ?? Number.NaN)));
  expect(Math.max(...apart)).toBeLessThan(2e-5 * largest);
});

it.each([
  ["smooth-l1-sum", {}],
  ["mse-mean", { type: "mse", reduction: "mean" }],
  ["mae-sum", { type: "mae" }],
] as const)("an output of a regression is explained as PyTorch does: %s", async (name, loss) => {
  const { shape, data } = golden.get(name);
  const size = data.length / (shape[0] ?? 1);
  const whole = await scored(loss, "target");
  const sums = new Float64Array(size);
  const lossSums = new Map<string, number>();
  for (const output of [0, 1, 2]) {
    const { scores, losses, labels } = await scored(loss, output);
    const expected = Array.from(data.subarray(output * size, (output + 1) * size), Number);
    // float32 against float64, relative to the largest score.
    const largest = Math.max(...expected.map(Math.abs));
    const differences = expected.map((value, at) => Math.abs(value - (scores[at] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(2e-5 * largest);
    expect(new Set(labels)).toEqual(new Set([output]));
    scores.forEach((score, at) => {
      sums[at] = (sums[at] ?? 0) + score;
    });
    for (const [query, each] of losses.entries()) {
      for (const [at, value] of each.entries()) {
        lossSums.set(`${query} ${at}`, (lossSums.get(`${query} ${at}`) ?? 0) + value);
      }
    }
  }
  // The parts of the outputs add up to the whole.
  const largest = Math.max(...whole.scores.map(Math.abs));
  const apart = Array.from(sums, (sum, at) => Math.abs(sum - (whole.scores[at] ?? Number.NaN)));
  expect(Math.max(...apart)).toBeLessThan(2e-5 * largest);
  for (const [query, each] of whole.losses.entries()) {
    for (const [at, value] of each.entries()) {
      expect(lossSums.get(`${query} ${at}`)).toBeCloseTo(value, 5);
    }
  }
});

it("says which outputs there are, and that a prediction has no loss", async () => {
  await expect(scored({}, 3)).rejects.toThrow("The model has no output 3");
  await expect(scored({}, "prediction")).rejects.toThrow("one of its outputs can be explained");
});
