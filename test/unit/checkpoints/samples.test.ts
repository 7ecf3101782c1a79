import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";
import { matchCheckpoints } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { resolveLearningRates } from "../../../src/core/checkpoints/rates.ts";
import { loadConfig } from "../../../src/core/config/load.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";

const samples = join(import.meta.dirname, "../../../samples");

describe("the samples' checkpoints", () => {
  it.each([
    ["digits", "tracin.json"],
    ["digits", "tracin.mlp.json"],
    ["iris", "tracin.json"],
    ["spam", "tracin.json"],
  ])("%s/%s: every weight of the model is found in every checkpoint", async (sample, file) => {
    const root = join(samples, sample);
    const config = await loadConfig(root, file);
    const model = importOnnx(readFileSync(join(root, config.model)), config.model);
    const checkpoints: Checkpoint[] = [];
    for (const path of await findCheckpoints(root, config.checkpoints.files)) {
      checkpoints.push(await openCheckpoint(join(root, path), path));
    }
    const matches = matchCheckpoints(model, checkpoints);
    const wanted = model.weights.filter(({ role }) => role !== "constant").map(({ name }) => name);
    for (const [index, match] of matches.entries()) {
      expect([...match.names.keys()]).toEqual(wanted);
      expect([match.prefix, match.constants, match.surplus]).toEqual(["", [], []]);
      const [first = ""] = match.names.values();
      const tensor = await checkpoints[index]?.read(first);
      expect(tensor?.dtype).toBe("float32");
    }
    const epochs = checkpoints.map(({ epoch }) => epoch ?? Number.NaN);
    expect(epochs).toEqual(epochs.toSorted((a, b) => a - b));
    const rates = resolveLearningRates(config.checkpoints, checkpoints);
    expect(rates.every(({ weight }) => weight > 0)).toBe(true);
    for (const checkpoint of checkpoints) {
      await checkpoint.close();
    }
  });

  it("an ONNX file is a checkpoint with the names of the state_dict", async () => {
    const file = "digits/cnn/model.onnx";
    const onnx = await openCheckpoint(join(samples, file), file);
    const torch = await openCheckpoint(
      join(samples, "digits/cnn/checkpoints/epoch-6.pt"),
      "epoch-6.pt",
    );
    expect([...onnx.tensors.keys()].sort()).toEqual(
      [...torch.tensors.keys()].filter((name) => !name.endsWith("num_batches_tracked")).sort(),
    );
    for (const name of onnx.tensors.keys()) {
      expect((await onnx.read(name)).shape).toEqual((await torch.read(name)).shape);
    }
    expect(onnx.learningRates).toEqual([]);
    await onnx.close();
    await torch.close();
  });
});
