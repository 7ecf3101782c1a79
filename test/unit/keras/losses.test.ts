import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Config } from "../../../src/core/config/config.ts";
import { resolveLoss } from "../../../src/core/config/loss.ts";
import { lossFamily } from "../../../src/core/config/loss-schema.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Json, JsonObject } from "../../../src/core/formats/json.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { float32, int64, type Tensor } from "../../../src/core/graph/tensor.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";
import { compiledLoss } from "../../../src/core/models/keras/loss.ts";
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
  const isCategories = lossFamily(model.loss?.type ?? "output") === "classes";
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

/** Class numbers of positions, from class numbers (-1 where one does not count) or one-hot rows. */
function asPositions({ shape, data }: Tensor, ignored: number | undefined): Tensor {
  const width = shape[2] ?? 0;
  const numbers = Array.from(data as Float32Array);
  const classes =
    width === 0
      ? numbers.map((label) => (label === ignored ? -1 : label))
      : Array.from({ length: numbers.length / width }, (_, row) =>
          numbers.slice(row * width, (row + 1) * width).indexOf(1),
        );
  return { dtype: "int32", shape: shape.slice(0, 2), data: Int32Array.from(classes) };
}

describe("compiled losses are those of Keras", () => {
  test.each(Object.keys(cases))("%s", async (name) => {
    const golden = cases[name] as Case;
    const { chunk, train } = await score(golden);
    const losses = golden.losses.slice(0, train);
    expect(chunk.losses.length).toBe(train);
    for (const [at, loss] of losses.entries()) {
      expect(Math.abs((chunk.losses[at] ?? 0) - loss) / Math.max(1, Math.abs(loss))).toBeLessThan(
        1e-5,
      );
    }
    const width = golden.scores[0]?.length ?? 0;
    const scores = Float64Array.from(golden.scores.flat());
    expect(relative(chunk.scoreParts, scores, width)).toBeLessThan(tolerance);
    expect(relative(chunk.selfParts, Float64Array.from(golden.self), 1)).toBeLessThan(tolerance);
  });
});

describe("a compiled loss that is not the loss of one output is not read, with the reason", () => {
  const { config } = cases["squared_k3"] as Case;
  const named = (className: string, more: JsonObject = {}): JsonObject => ({
    class_name: className,
    config: { name: "loss", reduction: "sum_over_batch_size", ...more },
  });
  test.each<[string, Json, RegExp]>([
    ["another class", named("Dice"), /^"Dice"$/],
    ["a function of the person's own", { class_name: "function", config: "mine" }, /^"mine"$/],
    ["another reduction", named("Poisson", { reduction: "median" }), /its reduction is "median"/],
    ["Huber of Keras 3, which is saved without its delta", named("Huber"), /"delta" of Huber/],
    ["a cosine over another axis", named("CosineSimilarity", { axis: 0 }), /over the axis 0/],
    [
      "a sum of means over another axis",
      named("BinaryCrossentropy", { axis: 0, reduction: "sum" }),
      /over the axis 0/,
    ],
    ["the name of another output", { z: "mse" }, /an output that the model does not have/],
  ])("%s", (_, loss, reason) => {
    const model = importKeras({ model: config, compiled: { loss }, version: "3.0" }, "m.keras");
    expect(model.loss).toEqual({ classAxis: -1, unread: expect.stringMatching(reason) });
    expect(() => resolveLoss({ data: {} }, model)).toThrow(/"loss" is missing, and the one that/);
  });

  test("of several outputs: one loss alone is read, two are refused, known or not", () => {
    const builder = new GraphBuilder();
    const outputs = new Map(
      ["a", "b"].map((name) => {
        const shape = [null, 3];
        builder.input({ name, dtype: "float32", shape: ["batch", 3] });
        return [name, { value: name, dtype: "float32" as const, shape, order: [0, 1] }];
      }),
    );
    const read = (loss: Json) => compiledLoss(builder, { loss, loss_weights: [1, 0.2] }, outputs);
    expect(read({ a: "mse", b: null })).toMatchObject({ type: "mse", output: "a" });
    expect(read([null, "mae"])).toMatchObject({ type: "mae", output: "b" });
    for (const loss of ["mse", ["mse", "mae"], { a: "mse", b: "mine" }]) {
      expect(read(loss).unread).toMatch(/the outputs "a", "b" have a loss each/);
    }
  });

  test("focal losses of an activation that is not theirs", () => {
    const { config: ofSoftmax } = cases["softmax_k3"] as Case;
    for (const loss of ["binary_focal_crossentropy", named("BinaryFocalCrossentropy")]) {
      const model = importKeras({ model: ofSoftmax, compiled: { loss }, version: "3.0" }, "m");
      expect(model.loss?.unread).toMatch(/of an output with another activation/);
    }
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
