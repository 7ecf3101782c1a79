import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Tensor } from "../../../src/core/graph/tensor.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { sliceRows } from "../../../src/core/tracin/rows.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { readSafetensors, tensorProject } from "../tracin/golden.ts";

/** Keras' own outputs and gradients in float64 (test/golden/keras_recurrent.py). */
const folder = join(import.meta.dirname, "../golden/keras/recurrent");
const cases = JSON.parse(
  gunzipSync(readFileSync(join(folder, "cases.json.gz"))).toString(),
) as Record<
  string,
  { version: number; config: unknown; weights: string[]; inputs: string[]; parameters: number }
>;
const weights = readSafetensors(join(folder, "weights.safetensors"));
const expected = readSafetensors(join(folder, "expected.safetensors"));

async function score(name: string) {
  const {
    version,
    config,
    weights: paths,
    inputs,
    parameters,
  } = cases[name] as (typeof cases)[string];
  const model = importKeras({ model: config, version: `${version}.0` }, `${name}.json`);
  const byPath = new Map(
    model.weights.map((weight) => [
      weight.name,
      paths.find((path) => path === weight.name || weight.aliases?.includes(path)),
    ]),
  );
  expect(new Set(byPath.values())).toEqual(new Set(paths));
  expect(model.weights.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(
    parameters,
  );
  const rows = (tensor: Tensor, start: number, end: number) => sliceRows(tensor, start, end);
  const examples = (start: number, end: number) => ({
    size: end - start,
    inputs: new Map(
      inputs.map((input, index) => {
        const given = rows(expected.get(`${name}/inputs/${input}`), start, end);
        const declared =
          model.graph.inputs.find((info) => info.name === input) ?? model.graph.inputs[index];
        return [
          input,
          given.dtype === declared?.dtype ? given : converted(given, declared?.dtype),
        ] as const;
      }),
    ),
    targets: rows(expected.get(`${name}/targets`), start, end),
  });
  const trained = model.weights.filter(({ role }) => role === "parameter").map((w) => w.name);
  const buffers = model.weights.filter(({ role }) => role === "buffer").map((w) => w.name);
  const train = expected.get(`${name}/self`).shape[0] as number;
  const all = expected.get(`${name}/targets`).shape[0] as number;
  const project = tensorProject({
    root: folder,
    model,
    checkpoints: ["weights"],
    learningRates: [1],
    loss: { type: "softmax-cross-entropy", reduction: "sum" },
    parameters: trained,
    buffers,
    train: examples(0, train),
    query: examples(train, all),
    readWeights: async () =>
      new Map(
        model.weights.map((weight) => [
          weight.name,
          weights.get(`${name}/${byPath.get(weight.name)}`),
        ]),
      ),
  });
  const scorer = await Scorer.open(project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 28,
    layers: "all",
  });
  const chunks: ScoreChunk[] = [];
  const selection = Array.from({ length: all - train }, (_, index) => ({
    dataset: "query",
    index,
    explain: "target" as const,
  }));
  await scorer.score(
    selection,
    chunksOf({ start: 0, end: train }, 100),
    (chunk) => void chunks.push(chunk),
  );
  await scorer.close();
  return { chunk: chunks[0] as ScoreChunk, train, queries: all - train };
}

function converted(tensor: Tensor, dtype: string | undefined): Tensor {
  if (dtype === "int32") {
    return {
      dtype: "int32",
      shape: tensor.shape,
      data: Int32Array.from(tensor.data as BigInt64Array, Number),
    };
  }
  throw new Error(`${tensor.dtype} for ${dtype}`);
}

function softmax(logits: Float64Array, width: number): number[] {
  return Array.from({ length: logits.length }, (_, index) => {
    const row = logits.subarray(index - (index % width), index - (index % width) + width);
    const sum = row.reduce((total, value) => total + Math.exp(value), 0);
    return Math.exp(logits[index] as number) / sum;
  });
}

describe("recurrent, attention and embedding layers agree with Keras", () => {
  const layersOfCases =
    /^(bidirectional|cells|gru|lstm|lstm_initial_state|lstm_options|mask_anywhere|mask_left|simple_rnn|simple_rnn_backwards|time_distributed_model)_k[23]$/;
  test.each(Object.keys(cases).filter((name) => layersOfCases.test(name)))("%s", async (name) => {
    const { chunk, train, queries } = await score(name);
    const numbers = (key: string) => expected.get(`${name}/${key}`).data as Float64Array;
    const classes = expected.get(`${name}/outputs`).shape[1] as number;
    const probabilities = softmax(numbers("outputs"), classes);
    chunk.predictions.forEach((value, index) => {
      expect(Math.abs(value - (probabilities[index] as number))).toBeLessThan(1e-5);
    });
    chunk.losses.forEach((value, index) => {
      expect(Math.abs(value - (numbers("losses")[index] as number))).toBeLessThan(1e-5);
    });
    const compare = (actual: Float32Array, key: string, width: number) => {
      let worst = 0;
      const reference = numbers(key);
      for (let column = 0; column < width; column++) {
        const at = (row: number) => row * width + column;
        const rows = Array.from({ length: train }, (_, row) => row);
        const scale = Math.max(...rows.map((row) => Math.abs(reference[at(row)] as number)));
        for (const row of rows) {
          worst = Math.max(
            worst,
            Math.abs((actual[at(row)] as number) - (reference[at(row)] as number)) / scale,
          );
        }
      }
      return worst;
    };
    expect(compare(chunk.scoreParts, "scores", queries)).toBeLessThan(2e-5);
    expect(compare(chunk.selfParts, "self", 1)).toBeLessThan(2e-5);
  });
});
