import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/core/config/config.ts";
import { resolveLoss } from "../../../src/core/config/loss.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Json, JsonObject } from "../../../src/core/formats/json.ts";
import { float32, int64, type Tensor } from "../../../src/core/graph/tensor.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { tensorProject } from "../tracin/golden.ts";
import { relative } from "./golden.ts";

interface Case {
  readonly version: number;
  readonly config: Json;
  readonly compiled: JsonObject;
  /** In the order of the model. */
  readonly weights: readonly Nested[];
  readonly x: Nested;
  readonly y: Nested;
  readonly losses: readonly number[];
  /** [train][queries] */
  readonly scores: readonly (readonly number[])[];
  readonly self: readonly number[];
}
type Nested = number | readonly Nested[];

const path = join(import.meta.dirname, "../golden/keras/losses.json");
const cases = JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, Case>>;
const tolerance = 2e-5;

function tensor(value: Nested): Tensor {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    shape.push(inner.length);
  }
  return float32(shape, [value].flat(8) as number[]);
}

async function score(golden: Case): Promise<{ chunk: ScoreChunk; train: number }> {
  const { config, compiled, version } = golden;
  const model = importKeras({ model: config, compiled, version: `${version}.0` }, "model.keras");
  const isCategories = model.loss?.type === "softmax-cross-entropy";
  const train = golden.scores.length;
  const isPositions = isCategories && tensor(golden.y).shape[1] === 4;
  const examples = (start: number, end: number) => {
    const part = (value: Nested) => (value as readonly Nested[]).slice(start, end);
    const targets = tensor(part(golden.y));
    return {
      size: end - start,
      inputs: new Map([["x", tensor(part(golden.x))]]),
      targets: isPositions
        ? asPositions(targets, model.loss?.ignoreIndex)
        : isCategories
          ? asClasses(targets)
          : targets,
    };
  };
  const project = tensorProject({
    root: "",
    model,
    checkpoints: ["weights"],
    learningRates: [1],
    loss: {},
    ...(isPositions ? { reading: "positions" as const } : {}),
    parameters: model.weights.map(({ name }) => name),
    buffers: [],
    train: examples(0, train),
    query: examples(train, golden.losses.length),
    readWeights: async () =>
      new Map(model.weights.map(({ name }, at) => [name, tensor(golden.weights[at] ?? [])])),
  });
  const scorer = await Scorer.open(project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 28,
    layers: "all",
  });
  const chunks: ScoreChunk[] = [];
  const selection = golden.scores[0]?.map((_, index) => ({
    dataset: "query",
    index,
    explain: "target" as const,
  }));
  const source = chunksOf({ start: 0, end: train }, 100);
  await scorer.score(selection ?? [], source, (chunk) => void chunks.push(chunk));
  await scorer.close();
  return { chunk: chunks[0] as ScoreChunk, train };
}

/** Class numbers, from class numbers or one-hot rows. */
function asClasses({ shape, data }: Tensor): Tensor {
  const [rows = 0, width = 0] = shape;
  const numbers = Array.from(data as Float32Array);
  return width === 0
    ? int64([rows], numbers)
    : int64(
        [rows],
        Array.from({ length: rows }, (_, row) =>
          numbers.slice(row * width, (row + 1) * width).indexOf(1),
        ),
      );
}

/** Class numbers of positions, -1 where one does not count. */
function asPositions({ shape, data }: Tensor, ignored: number | undefined): Tensor {
  const classes = Int32Array.from(data as Float32Array, (label) =>
    label === ignored ? -1 : label,
  );
  return { dtype: "int32", shape, data: classes };
}

describe("compiled losses are those of Keras", () => {
  test.each(Object.keys(cases))("%s", async (name) => {
    const golden = cases[name] as Case;
    const { chunk, train } = await score(golden);
    const losses = golden.losses.slice(0, train);
    expect(chunk.losses.length).toBe(train);
    for (const [at, loss] of losses.entries()) {
      expect(Math.abs((chunk.losses[at] ?? 0) - loss)).toBeLessThan(1e-5);
    }
    const width = golden.scores[0]?.length ?? 0;
    const scores = Float64Array.from(golden.scores.flat());
    expect(relative(chunk.scoreParts, scores, width)).toBeLessThan(tolerance);
    expect(relative(chunk.selfParts, Float64Array.from(golden.self), 1)).toBeLessThan(tolerance);
  });
});

describe("the mask of an output", () => {
  const { config, compiled } = cases["masked_squared_k3"] as Case;
  const model = importKeras({ model: config, compiled, version: "3.0" }, "model.keras");

  test("holds for whatever loss tracin.json names, but not for a loss that the model computes", () => {
    expect(resolveLoss({ data: {} }, model)).toMatchObject({ type: "mse", mask: "y/mask" });
    const named = resolveLoss({ loss: { type: "mae", reduction: "sum" }, data: {} }, model);
    expect(named).toMatchObject({ type: "mae", output: "y", mask: "y/mask" });
    const own = resolveLoss({ loss: { type: "output", output: "y" }, data: {} }, model);
    expect(own.mask).toBeUndefined();
  });

  test("is not among the outputs to choose from", () => {
    const wrong = () => resolveLoss({ loss: { type: "mse", output: "z" }, data: {} }, model);
    expect(wrong).toThrow(expect.objectContaining({ remedy: "Its outputs are: y." }));
  });

  test("knows a compiled sum of means, which another reduction replaces", () => {
    const summed = {
      loss: { class_name: "MeanSquaredError", config: { name: "mse", reduction: "sum" } },
    };
    const model = importKeras({ model: config, compiled: summed, version: "3.0" }, "model.keras");
    const resolved = (loss?: Config["loss"]) => resolveLoss({ data: {}, loss }, model);
    expect(resolved()).toMatchObject({ type: "mse", reduction: "sum", meanOfLast: true });
    expect(resolved({ reduction: "sum" })).not.toHaveProperty("meanOfLast");
    expect(resolved("mae")).not.toHaveProperty("meanOfLast");
  });
});
