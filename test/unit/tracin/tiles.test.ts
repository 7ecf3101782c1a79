import { describe, expect, test } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { openSynthetic } from "./golden.ts";

/** Scores of a golden model, and what is computed once for all checkpoints. */
async function scored(name: string, memoryLimit: number) {
  const golden = await openSynthetic(name);
  const engine = onnxruntimeEngine();
  const scorer = await Scorer.open(golden.project, {
    engine,
    memoryLimit,
    layers: "all",
    batch: 4,
  });
  const plan = await scorer.plan(golden.selection.length);
  const chunks: ScoreChunk[] = [];
  const range = { start: 0, end: golden.train.length };
  await scorer.score(golden.selection, chunksOf(range, 4096), (chunk) => void chunks.push(chunk));
  await scorer.close();
  const [chunk] = chunks;
  const ops = (plan.split?.rest ?? plan.graph).nodes.map(({ op }) => op);
  return { chunk: chunk as ScoreChunk, kept: plan.split?.once.outputs.length ?? 0, ops };
}

describe("a first convolution before a pool", () => {
  // The scores of both ways are compared with PyTorch's by the goldens (scores.test.ts has the large limit).
  test.each([
    ["pooled-convolutions", 1],
    ["two-pooled-inputs", 2],
  ])("%s: its patches are kept, its gradient is not put together", async (name, places) => {
    const large = await scored(name, 2 ** 30);
    const small = await scored(name, 2 ** 20);
    expect(large.kept).toBeGreaterThan(small.kept);
    const count = (ops: readonly string[], op: string) => ops.filter((each) => each === op).length;
    expect(count(large.ops, "Col2Im")).toBe(count(small.ops, "Col2Im") - places);
    for (const part of ["scoreParts", "selfParts"] as const) {
      const scale = large.chunk[part].reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      // float32 sums in another order.
      const worst = large.chunk[part].reduce(
        (most, each, i) => Math.max(most, Math.abs(each - (small.chunk[part][i] as number))),
        0,
      );
      expect(worst / scale).toBeLessThan(1e-5);
    }
  });
});
