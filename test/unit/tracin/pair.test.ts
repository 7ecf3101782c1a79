import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Project } from "../../../src/core/config/project.ts";
import { createEngine } from "../../../src/core/engines/choose.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { PairScorer } from "../../../src/core/tracin/pair.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { openSampleGolden, openSynthetic, readSafetensors } from "./golden.ts";

const golden = readSafetensors(join(import.meta.dirname, "../golden/places.safetensors"));
const engine = createEngine("onnxruntime");
const memoryLimit = 400 * 2 ** 20;

/** The scorer of all layers, and what splits its scores. */
async function open(project: Project) {
  const scorer = await Scorer.open(project, { engine, memoryLimit, layers: "all" });
  const pair = new PairScorer(project, engine, referenceEngine(), scorer.model);
  const close = async () => {
    await pair.dispose();
    await scorer.close();
  };
  return { scorer, pair, close };
}

/** What the golden's rows stand for, as the layer's places. */
const cases = [
  ["digits-cnn", "conv1.weight", { kind: "grid", height: 28, width: 28 }],
  ["digits-mlp", "fc1.weight", { kind: "elements", input: "image", shape: [1, 28, 28] }],
  ["iris", "layers.0.weight", { kind: "elements", input: "measurements", shape: [4] }],
  ["spam", "embedding.weight", { kind: "tokens", input: "input_ids" }],
] as const;

describe.each(cases)("%s", (name, parameter, places) => {
  it("splits the part of the first layer as PyTorch does, and the parts sum to the layer's score", async () => {
    const { project, selection, train } = await openSampleGolden(`sample-${name}`);
    const { scorer, pair, close } = await open(project);
    const layer = await Scorer.open(project, { engine, memoryLimit, layers: [parameter] });
    const expected = golden.get(`${name}/parts`);
    const factors = golden.get(`${name}/factors`);
    const width = expected.shape[2] ?? 0;
    for (const query of [0, 1]) {
      const asked = selection.slice(query, query + 1);
      const { feeds } = await scorer.resolve(asked);
      for (const row of [0, 1, 2]) {
        const index = train[row] ?? -1;
        const { first, last } = await pair.split(feeds, index);
        expect(first).toMatchObject({ parameter, places });
        const at = query * 3 + row;
        const parts = Array.from(expected.data.subarray(at * width, (at + 1) * width), Number);
        // Float32 against float64, relative to the largest part of the example.
        const largest = Math.max(...parts.map(Math.abs));
        const differences = parts.map((part, place) =>
          Math.abs(part - (first?.parts[place] ?? Number.NaN)),
        );
        expect(first?.parts).toHaveLength(width);
        expect(Math.max(...differences)).toBeLessThan(2e-5 * largest);
        const [error, input] = [factors.data[2 * at], factors.data[2 * at + 1]].map(Number);
        expect(last?.error).toBeCloseTo(error ?? 0, 5);
        expect((last?.input ?? 0) / (input ?? 1)).toBeCloseTo(1, 4);
        // The same number by another way: the score of this layer alone, in its own form.
        const chunks: ScoreChunk[] = [];
        await layer.score(
          asked,
          chunksOf({ start: index, end: index + 1 }, 1),
          (chunk) => void chunks.push(chunk),
        );
        const score = Array.from(chunks[0]?.scoreParts ?? [0]).reduce((sum, part) => sum + part, 0);
        const sum = first?.parts.reduce((total, part) => total + part, 0) ?? Number.NaN;
        const absolute = parts.reduce((total, part) => total + Math.abs(part), 0);
        expect(Math.abs(sum - score)).toBeLessThan(2e-5 * absolute);
      }
    }
    await close();
    await layer.close();
    await project.close();
  });
});

/** First layers of other kinds: positions of a layer's input, of a volume, and tokens of a table whose other use is pooled. */
const others = [
  ["transposed-first", "first.weight", { kind: "grid", height: 4, width: 5 }],
  ["model-conv3d", "conv.weight", { kind: "volume", depth: 4, height: 3, width: 5 }],
  ["tied-embedding", "embedding.weight", { kind: "tokens", input: "ids" }],
] as const;

it.each(others)("%s: each part is PyTorch's", async (name, parameter, places) => {
  const { project, selection, train } = await openSynthetic(name);
  const { scorer, pair, close } = await open(project);
  const { shape, data } = golden.get(`${name}/parts`);
  const [queries = 0, rows = 0, width = 0] = shape;
  for (let query = 0; query < queries; query++) {
    const { feeds } = await scorer.resolve(selection.slice(query, query + 1));
    for (let row = 0; row < rows; row++) {
      const { first } = await pair.split(feeds, train[row] ?? -1);
      expect(first).toMatchObject({ parameter, places });
      const at = (query * rows + row) * width;
      const parts = Array.from(data.subarray(at, at + width), Number);
      // Float32 against float64, relative to the largest part of the example.
      const largest = Math.max(...parts.map(Math.abs));
      expect(first?.parts).toHaveLength(width);
      for (const [place, part] of parts.entries()) {
        expect(Math.abs(part - (first?.parts[place] ?? Number.NaN))).toBeLessThan(2e-5 * largest);
      }
    }
  }
  await close();
});

/** Error times input is a fact of the last layer: told where that is dense with one position, and of no other layer. */
it.each([
  ["grouped-first", "out.weight"],
  ["loss-pixels", undefined],
  ["loss-tokens", undefined],
  ["tied-embedding", undefined],
])("%s: the product of error and input at the last layer is of %s", async (name, parameter) => {
  const { project, selection, train } = await openSynthetic(name);
  const { scorer, pair, close } = await open(project);
  const { feeds } = await scorer.resolve(selection.slice(0, 1));
  const { last } = await pair.split(feeds, train[0] ?? -1);
  expect(last?.parameter.split(", ")[0]).toBe(parameter);
  await close();
});

/** First layers with positions in one dimension, in groups, and whose table is the output layer too. */
const positioned = [
  ["conv1d", "strided.weight", { kind: "series", length: 8 }],
  ["grouped-first", "first.weight", { kind: "grid", height: 4, width: 4 }],
  ["loss-next-token", "embedding.weight", { kind: "tokens", input: "input_ids" }],
  ["tied-embedding", "embedding.weight", { kind: "tokens", input: "ids" }],
] as const;

it.each(positioned)(
  "%s: the parts sum to what PyTorch says of the layer",
  async (name, parameter, places) => {
    const { project, selection, train, expected } = await openSynthetic(name);
    const { scorer, pair, close } = await open(project);
    const { shape, data } = expected(`scores/${parameter}`);
    const [checkpoints = 0, rows = 0, queries = 0] = shape;
    const all = Array.from({ length: rows }, (_, row) =>
      Array.from({ length: queries }, (_, query) =>
        Array.from(
          { length: checkpoints },
          (_, at) => data[(at * rows + row) * queries + query] ?? 0,
        ).reduce((sum, part) => sum + part, 0),
      ),
    );
    // Float32 against float64, relative to the largest score of the layer.
    const largest = Math.max(...all.flat().map(Math.abs));
    for (const [query, asked] of selection.entries()) {
      const { feeds } = await scorer.resolve([asked]);
      for (const [row, index] of train.entries()) {
        const { first } = await pair.split(feeds, index);
        expect(first).toMatchObject({ parameter, places });
        const sum = first?.parts.reduce((total, part) => total + part, first.rest) ?? Number.NaN;
        expect(Math.abs(sum - (all[row]?.[query] ?? Number.NaN))).toBeLessThan(2e-5 * largest);
      }
    }
    await close();
  },
);

it("says why there is no split where no layer reads the input directly", async () => {
  const { project, selection } = await openSynthetic("weight-norm");
  const { scorer, pair, close } = await open(project);
  const { feeds } = await scorer.resolve(selection.slice(0, 1));
  const { first, reason } = await pair.split(feeds, 0);
  expect(first).toBeUndefined();
  expect(reason).toMatch(/No layer reads an image, a text or the columns of a row directly/);
  await close();
});
