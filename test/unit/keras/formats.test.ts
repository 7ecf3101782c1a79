import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { openProject } from "../../../src/core/config/open.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { importModel } from "../../../src/core/models/open.ts";
import { chunksOf } from "../../../src/core/tracin/chunks.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { relative } from "./golden.ts";

/** Real files of every kind with the scores that Keras' GradientTape gives (test/golden/keras_formats.py). */
const golden = join(import.meta.dirname, "../golden/keras/formats");
const tolerance = 2e-5;

interface Expected {
  readonly rate: number;
  /** [epochs][train][test] */
  readonly scores: readonly (readonly (readonly number[])[])[];
  /** [epochs][train] */
  readonly self: readonly (readonly number[])[];
}

let folder: string;
let expected: Readonly<Record<"two" | "three", Expected>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-keras-"));
  await cp(golden, folder, { recursive: true });
  expected = JSON.parse(await readFile(join(golden, "expected.json"), "utf8"));
});
afterAll(() => rm(folder, { recursive: true }));

async function scored(model: string, files: string | string[], learningRate?: number) {
  const features = { measurements: { columns: ["a", "b", "c", "d"] } };
  const data = {
    train: { csv: "train.csv", target: "species" },
    test: { csv: "test.csv", target: "species" },
  };
  const checkpoints = { files, ...(learningRate === undefined ? {} : { learningRate }) };
  const loss = model.endsWith(".json") ? { loss: "softmax-cross-entropy" } : {};
  const config = { model, checkpoints, ...loss, data, features };
  await writeFile(join(folder, "tracin.json"), JSON.stringify(config));
  const project = await openProject(folder);
  const scorer = await Scorer.open(project, {
    engine: onnxruntimeEngine(),
    memoryLimit: 2 ** 28,
    layers: "all",
  });
  const chunks: ScoreChunk[] = [];
  const selection = [0, 1, 2].map((index) => ({
    dataset: "test",
    index,
    explain: "target" as const,
  }));
  await scorer.score(
    selection,
    chunksOf({ start: 0, end: 8 }, 100),
    (chunk) => void chunks.push(chunk),
  );
  await scorer.close();
  await project.close();
  return { project, chunk: chunks[0] as ScoreChunk };
}

describe("workspaces of Keras files score as GradientTape does", () => {
  const cases: readonly (readonly [string, string | string[], "two" | "three", number[]])[] = [
    ["three-2.keras", "three-*.keras", "three", [0, 1]],
    ["three-1.keras", ["three.h5"], "three", [1]],
    ["three.h5", ["three.h5"], "three", [1]],
    ["three.h5", ["three.weights.h5"], "three", [1]],
    ["three.json", ["three-1.keras", "three.weights.h5"], "three", [0, 1]],
    ["two-1.h5", "two-?.h5", "two", [0, 1]],
    ["two.keras", ["two.keras"], "two", [1]],
    ["two.json", ["two-1.h5", "two-weights.h5"], "two", [0, 1]],
    ["two.keras", ["two-weights.h5"], "two", [1]],
  ];
  test.each(cases)("%s with %s", async (model, files, name, epochs) => {
    const { rate, scores, self } = expected[name];
    const hasRate = !JSON.stringify(files).includes("weights");
    const { project, chunk } = await scored(model, files, hasRate ? undefined : rate);
    expect(project.loss).toMatchObject({ type: "softmax-cross-entropy", output: "species" });
    expect(project.checkpoints.map(({ learningRate }) => learningRate)).toEqual(
      epochs.map(() => rate),
    );
    expect(project.buffers).toEqual([
      "encoder/batch_normalization/moving_mean",
      "encoder/batch_normalization/moving_variance",
    ]);
    const parts = Float64Array.from(epochs.flatMap((epoch) => scores[epoch]?.flat() ?? []));
    expect(relative(chunk.scoreParts, parts, 3)).toBeLessThan(tolerance);
    const own = Float64Array.from(epochs.flatMap((epoch) => self[epoch] ?? []));
    expect(relative(chunk.selfParts, own, 1)).toBeLessThan(tolerance);
  });
});

describe("importModel", () => {
  it("finds the same weights in every kind of file", async () => {
    const names = async (file: string) =>
      (await importModel(join(golden, file), file)).weights.map(({ name }) => name);
    const three = await names("three-1.keras");
    expect(three).toContain("encoder/batch_normalization/gamma");
    expect(await names("three.h5")).toEqual(three);
    expect(await names("three.json")).toEqual(three);
    expect(await names("two-1.h5")).toEqual(await names("two.keras"));
  });

  it("says what a file of weights lacks", async () => {
    await expect(importModel(join(golden, "three.weights.h5"), "three.weights.h5")).rejects.toThrow(
      /holds weights, but not the model/,
    );
  });
});
