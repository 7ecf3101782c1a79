import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { checkpointFacts } from "../../../src/core/config/checkpoint-summary.ts";
import { CheckpointFiles } from "../../../src/core/config/checkpoints.ts";
import type { Config } from "../../../src/core/config/config.ts";
import { findSeries, scanWorkspace } from "../../../src/core/config/detect/files.ts";
import type { Model } from "../../../src/core/models/model.ts";

const golden = join(import.meta.dirname, "../golden/trainers");
const root = mkdtempSync(join(tmpdir(), "tracin-checkpoints-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A model with the weights of a golden, except those with one of the endings. */
async function modelOf(name: string, without: readonly string[] = []): Promise<Model> {
  const opened = await openCheckpoint(join(golden, name), name);
  await opened.close();
  return {
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes: [], initializers: new Map(), opset: 18 },
    weights: [...opened.tensors.values()]
      .filter(({ name: tensor }) => !/^callbacks/.test(tensor))
      .filter((tensor) => !without.some((ending) => tensor.name.endsWith(ending)))
      .map((tensor) => ({ name: tensor.name, shape: tensor.shape, role: "parameter" })),
    recorded: true,
    paddingRows: new Map(),
  };
}

function config(files: string | string[], more: Partial<Config["checkpoints"]> = {}): Config {
  return {
    model: "model.onnx",
    checkpoints: { files, visits: 1, ...more },
    loss: "mse",
    data: {},
    features: {},
  };
}

describe("the checkpoints of a project", () => {
  it("may be folders of the Trainer, each with all its files", async () => {
    const model = await modelOf("hf-linear/checkpoint-6");
    const files = new CheckpointFiles(golden, config("hf-linear/checkpoint-*"), model);
    const { checkpoints, parameters } = await files.open();
    expect(parameters).toHaveLength(25);
    expect(checkpoints.map(({ file, warnings }) => [file, warnings])).toEqual([
      ["hf-linear/checkpoint-6", []],
      ["hf-linear/checkpoint-12", []],
    ]);
    expect(checkpoints[1]?.files).toContain("hf-linear/checkpoint-12/optimizer.pt");
    const [first] = checkpoints;
    const weights = first && (await files.readWeights(first));
    expect([...(weights?.keys() ?? [])].sort()).toEqual([...parameters].sort());
  });

  it("of Lightning have a rate for each group, told by shapes, and a prefix", async () => {
    const inner = await modelOf("lightning-epoch/epoch=0.ckpt");
    const weights = inner.weights.map((weight) => ({
      ...weight,
      name: weight.name.replace(/^model\./, ""),
    }));
    const asked = config("lightning-epoch/*.ckpt");
    const { checkpoints } = await new CheckpointFiles(golden, asked, { ...inner, weights }).open();
    expect(checkpoints.map(checkpointFacts)).toEqual(
      [1, 0.5, 0.25].map((part, epoch) => ({
        file: `lightning-epoch/epoch=${epoch}.ckpt`,
        learningRate: expect.closeTo(0.1 * part, 9),
        learningRateSource: expect.stringMatching(/^lr_schedulers\[0\]: rate at step /),
        weight: expect.closeTo(0.1 * part, 9),
        prefix: "model.",
        groups: [
          { learningRate: expect.closeTo(0.01 * part, 9), parameters: ["0.weight", "0.bias"] },
          { learningRate: expect.closeTo(0.1 * part, 9), parameters: ["2.weight", "2.bias"] },
        ],
        step: 4 * (epoch + 1),
        epoch,
        warnings: [],
      })),
    );
  });

  it("tell what the model does not hold once, and again where it differs", async () => {
    const model = await modelOf("hf-linear/checkpoint-6", ["pooler.dense.bias"]);
    const series = ["hf-linear/checkpoint-6", "hf-linear/checkpoint-12"];
    const asked = config(series, { learningRate: 0.1 });
    const { checkpoints } = await new CheckpointFiles(golden, asked, model).open();
    const isSurplus = (warning: string) => /not in the model/.test(warning);
    expect(checkpoints.map(({ warnings }) => warnings.filter(isSurplus))).toEqual([
      [expect.stringMatching(/^One tensor is not in the model.*pooler\.dense\.bias/)],
      [],
    ]);
    const more = ["lightning-epoch/epoch=0.ckpt", "average.pt"];
    const small = await modelOf("average.pt", ["ema.n_averaged"]);
    const weights = small.weights.filter(({ name }) => /^\d\./.test(name));
    const mixed = config(more, { learningRate: 0.1 });
    const found = await new CheckpointFiles(golden, mixed, { ...small, weights }).open();
    expect(found.checkpoints[0]?.warnings).toEqual([]);
    expect(found.checkpoints[1]?.warnings).toEqual([expect.stringMatching(/several sets/)]);
  });
});

describe("set-up", () => {
  it("knows weights in several files by their index, not by their parts", async () => {
    for (const step of [10, 20]) {
      cpSync(join(golden, "sharded"), join(root, `out/checkpoint-${step}`), { recursive: true });
    }
    writeFileSync(join(root, "out/config.json"), "{}");
    const { checkpoints } = await scanWorkspace(root);
    expect(findSeries(checkpoints).map(({ pattern }) => pattern)).toEqual([
      "out/checkpoint-*/model.safetensors.index.json",
    ]);
  });
});
