import { describe, expect, test } from "vitest";
import type { Dataset } from "../../../src/core/datasets/dataset.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { type FormChoice, possibleForms } from "../../../src/core/tracin/cost.ts";
import { Scorer, type ScorerOptions } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { type Golden, openSynthetic } from "./golden.ts";

/** float32 sums in another order, relative to the largest number. */
const tolerance = 1e-5;

async function run(golden: Golden, options: Partial<ScorerOptions>): Promise<ScoreChunk> {
  const scorer = await Scorer.open(golden.project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 30,
    layers: "all",
    ...options,
  });
  const chunks: ScoreChunk[] = [];
  const range = { start: 0, end: golden.train.length };
  await scorer.score(golden.selection, chunksOf(range, 4096), (chunk) => void chunks.push(chunk));
  await scorer.close();
  return chunks[0] as ScoreChunk;
}

function difference(a: Float32Array, b: Float32Array): number {
  const scale = a.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return a.reduce(
    (largest, value, i) => Math.max(largest, Math.abs(value - (b[i] as number)) / scale),
    0,
  );
}

const positional = [
  "conv1d",
  "conv2d",
  "positions",
  "attention",
  "embedding",
  "padding-row",
  "padding-row-twice",
  "tied-embedding",
  "tied-linear",
  "pools",
  "pooled-convolutions",
];

describe("all forms give the same numbers", () => {
  test.each(positional)("%s", async (name) => {
    const golden = await openSynthetic(name);
    const base = await run(golden, {});
    const used = new Set<string>();
    for (const score of ["gram", "tangent", "explicit"] as const) {
      for (const self of ["gram", "explicit"] as const) {
        const chosen = await run(golden, {
          chooseForms: (factors, question) => {
            const forms = possibleForms(factors, question);
            const wanted = (form: FormChoice) => form.score === score && form.self === self;
            const form =
              forms.find(wanted) ?? forms.find((other) => other.score === score) ?? forms[0];
            if (factors.kind !== "vector") {
              used.add(form.score);
            }
            return form;
          },
        });
        expect(difference(base.scoreParts, chosen.scoreParts)).toBeLessThan(tolerance);
        expect(difference(base.selfParts, chosen.selfParts)).toBeLessThan(tolerance);
      }
    }
    expect(used.size).toBeGreaterThan(1);
  });

  test.each(["conv2d", "batch-norm", "merged", "pooled-convolutions"])(
    "constant weights and inputs, batches of 3: %s",
    async (name) => {
      const golden = await openSynthetic(name);
      const base = await run(golden, { weightsAsInputs: true });
      const constants = await run(golden, { weightsAsInputs: false, batch: 3 });
      expect(difference(base.scoreParts, constants.scoreParts)).toBeLessThan(tolerance);
      expect(difference(base.selfParts, constants.selfParts)).toBeLessThan(tolerance);
    },
  );
});

describe("every parameter counts", () => {
  test.each(["batch-norm", "conv2d", "embedding", "attention", "tied-embedding", "broadcast"])(
    "%s: leaving one out changes self-influence by just its part",
    async (name) => {
      const golden = await openSynthetic(name);
      const { parameters, checkpoints } = golden.project;
      const base = await run(golden, {});
      for (const left of parameters) {
        const counted = parameters.filter((other) => other !== left);
        const without = await run(golden, { layers: counted });
        const part = golden.expected(`self/${left}`).data;
        const scale = Math.max(...base.selfParts);
        expect(part.length).toBe(checkpoints.length * golden.train.length);
        base.selfParts.forEach((value, index) => {
          const expected = part[index] as number;
          const lost = value - (without.selfParts[index] as number);
          expect(Math.abs(lost - expected) / scale, `${left} of example ${index}`).toBeLessThan(
            2e-5,
          );
        });
      }
    },
  );
});

describe("chunks", () => {
  test("are small where all checkpoints fit into memory, and as large as memory allows where they do not", async () => {
    const { project, selection } = await openSynthetic("conv2d");
    const sizes = [];
    for (const memoryLimit of [2 ** 28, 2 ** 13]) {
      const scorer = await Scorer.open(project, {
        engine: onnxruntimeEngine(),
        memoryLimit,
        layers: "all",
        batch: 1,
      });
      sizes.push(scorer.sizes(await scorer.plan(selection.length), selection.length).chunk);
      await scorer.close();
    }
    const [roomy, tight] = sizes as [number, number];
    expect(roomy).toBe(256);
    const { shape } = (
      await project.encoder.encode(project.datasets.get("train") as Dataset, 0, 1)
    ).inputs
      .values()
      .next().value as Tensor;
    const perExample = 4 * (sizeOf(shape) + project.checkpoints.length * (selection.length + 2));
    expect(tight).toBe(Math.max(1, Math.floor(2 ** 13 / 4 / perExample)));
  });
});

test.each([2 ** 16, 2 ** 28])(
  "queries run together take no more memory than a batch or a small part of %i bytes",
  async (memoryLimit) => {
    const { project } = await openSynthetic("conv2d");
    const options = { engine: onnxruntimeEngine(), memoryLimit, layers: "all", batch: 64 } as const;
    const scorer = await Scorer.open(project, options);
    const plan = await scorer.plan(10);
    const { batch, queryBlock } = scorer.sizes(plan, 10);
    await scorer.close();
    const each = 4 * (plan.heldFloats + plan.queryFloats / 10);
    const most = Math.max(4 * plan.heldFloats * batch, memoryLimit / 16);
    expect(queryBlock).toBeGreaterThanOrEqual(1);
    expect(queryBlock * each).toBeLessThanOrEqual(most);
    expect(queryBlock === batch || (queryBlock + 1) * each > most).toBe(true);
  },
);
