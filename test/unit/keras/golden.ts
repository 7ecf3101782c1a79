import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Json } from "../../../src/core/formats/json.ts";
import type { Tensor } from "../../../src/core/graph/tensor.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { sliceRows } from "../../../src/core/tracin/rows.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { readSafetensors, tensorProject } from "../tracin/golden.ts";

interface Case {
  /** Of Keras: `3.15.1`, or 2 or 3. */
  readonly version: number | string;
  readonly config: Json;
  /** Names that `.weights.h5` gives the weights. */
  readonly weights: readonly string[];
  readonly inputs: readonly string[];
  /** Number of trained numbers. */
  readonly parameters: number;
}

/** Largest errors of a model's numbers. */
export interface Errors {
  /** Of probabilities and losses, relative to the largest logit or 1. */
  readonly outputs: number;
  readonly losses: number;
  /** Relative to the largest score of each query. */
  readonly scores: number;
  /** Relative to the largest self-influence. */
  readonly self: number;
}

/** The goldens in a folder: what Keras itself computed in float64 (test/golden/keras_goldens.py). */
export function kerasGoldens(folder: string) {
  const at = join(import.meta.dirname, "../golden/keras", folder);
  const text = gunzipSync(readFileSync(join(at, "cases.json.gz"))).toString();
  const cases = JSON.parse(text) as Record<string, Case>;
  const weights = readSafetensors(join(at, "weights.safetensors"));
  const expected = readSafetensors(join(at, "expected.safetensors"));
  const imported = (name: string) => {
    const { config, version } = cases[name] as Case;
    return importKeras({ model: config, version: String(version) }, `${name}.json`);
  };
  return {
    names: Object.keys(cases),
    model: imported,
    /** Imports the model, finds its weights under the names of the file, and scores its examples. */
    async errors(name: string): Promise<Errors> {
      const golden = cases[name] as Case;
      const model = imported(name);
      const paths = new Map(
        model.weights.map(({ name: own, aliases }) => [
          own,
          golden.weights.find((path) => path === own || aliases?.includes(path)),
        ]),
      );
      expect(new Set(paths.values())).toEqual(new Set(golden.weights));
      const trained = model.weights.filter(({ role }) => role === "parameter");
      const sizes = trained.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
      expect(sizes.reduce((a, b) => a + b, 0)).toBe(golden.parameters);
      const count = expected.get(`${name}/self`).shape[0] as number;
      const all = expected.get(`${name}/targets`).shape[0] as number;
      const examples = (start: number, end: number) => ({
        size: end - start,
        inputs: new Map(
          golden.inputs.map((input) => {
            const given = sliceRows(expected.get(`${name}/inputs/${input}`), start, end);
            const declared = model.graph.inputs.find((info) => info.name === input)?.dtype;
            return [input, converted(given, declared)] as const;
          }),
        ),
        targets: sliceRows(expected.get(`${name}/targets`), start, end),
      });
      const project = tensorProject({
        root: at,
        model,
        checkpoints: ["weights"],
        learningRates: [1],
        loss: { type: "softmax-cross-entropy", reduction: "sum" },
        parameters: trained.map((weight) => weight.name),
        buffers: model.weights
          .filter(({ role }) => role !== "parameter")
          .map((weight) => weight.name),
        train: examples(0, count),
        query: examples(count, all),
        readWeights: async () =>
          new Map([...paths].map(([own, path]) => [own, weights.get(`${name}/${path}`)])),
      });
      const chunk = await scoreAll(project, count, all - count);
      const numbers = (key: string) => expected.get(`${name}/${key}`).data as Float64Array;
      const classes = expected.get(`${name}/outputs`).shape[1] as number;
      const size = Math.max(1, ...numbers("outputs").map(Math.abs));
      const probabilities = softmax(numbers("outputs"), classes);
      return {
        outputs: largest(chunk.predictions, probabilities) / size,
        losses: largest(chunk.losses, numbers("losses")) / size,
        scores: relative(chunk.scoreParts, numbers("scores"), all - count),
        self: relative(chunk.selfParts, numbers("self"), 1),
      };
    },
  };
}

async function scoreAll(
  project: ReturnType<typeof tensorProject>,
  count: number,
  queries: number,
): Promise<ScoreChunk> {
  const options = { engine: onnxruntimeEngine(), memoryLimit: 2 ** 28, layers: "all" } as const;
  const scorer = await Scorer.open(project, options);
  const chunks: ScoreChunk[] = [];
  const selection = Array.from({ length: queries }, (_, index) => ({
    dataset: "query",
    index,
    explain: "target" as const,
  }));
  const source = chunksOf({ start: 0, end: count }, 100);
  await scorer.score(selection, source, (chunk) => void chunks.push(chunk));
  await scorer.close();
  return chunks[0] as ScoreChunk;
}

function converted(tensor: Tensor, dtype: string | undefined): Tensor {
  if (tensor.dtype === "int64" && dtype === "int32") {
    const data = Int32Array.from(tensor.data as BigInt64Array, Number);
    return { dtype, shape: tensor.shape, data };
  }
  expect(tensor.dtype).toBe(dtype);
  return tensor;
}

function softmax(logits: Float64Array, width: number): number[] {
  return Array.from(logits, (logit, index) => {
    const start = index - (index % width);
    const row = logits.subarray(start, start + width);
    return Math.exp(logit) / row.reduce((total, value) => total + Math.exp(value), 0);
  });
}

/** Largest difference over the first of `expected`, as many as there are of `actual`. */
function largest(actual: Float32Array, expected: ArrayLike<number>): number {
  return Math.max(...Array.from(actual, (value, at) => Math.abs(value - Number(expected[at]))));
}

/** Largest difference, each column relative to its largest number. */
export function relative(actual: Float32Array, expected: Float64Array, width: number): number {
  const scales = Array.from({ length: width }, (_, column) =>
    Math.max(...expected.filter((__, at) => at % width === column).map(Math.abs)),
  );
  expect(actual.length).toBe(expected.length);
  return Math.max(
    ...Array.from(
      actual,
      (value, at) => Math.abs(value - (expected[at] ?? 0)) / (scales[at % width] ?? 0),
    ),
  );
}
