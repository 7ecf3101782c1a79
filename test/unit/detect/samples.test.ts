import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configSchema } from "../../../src/core/config/config.ts";
import { detectWorkspace } from "../../../src/core/config/detect.ts";
import { loadConfig } from "../../../src/core/config/load.ts";
import { formatConfig, writeConfig } from "../../../src/core/config/write.ts";
import { copySample } from "../sample.ts";

const samples = join(import.meta.dirname, "../../../samples");
let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tracin-detect-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** A copy of a sample as a person would have it: without its configuration. */
async function bare(sample: string): Promise<string> {
  const root = join(scratch, sample);
  await copySample(sample, root);
  for (const file of ["tracin.json", "tracin.mlp.json"]) {
    await rm(join(root, file), { force: true });
  }
  return root;
}

describe("setting up the samples", () => {
  it.each(["iris", "spam"])("%s: the configuration is found without a question", async (sample) => {
    const root = await bare(sample);
    const { proposal, questions } = await detectWorkspace(root);
    expect(questions).toEqual([]);
    expect(proposal).toEqual(await loadConfig(join(samples, sample)));
    await writeConfig(root, configSchema.parse(proposal));
    expect(await loadConfig(root)).toEqual(await loadConfig(join(samples, sample)));
  });

  it("digits: asks which of two models, and how near scalings of pixels were done", async () => {
    const root = await bare("digits");
    const first = await detectWorkspace(root);
    const [model, pixels, ...others] = first.questions;
    expect(others).toEqual([]);
    expect(model?.options.map(({ value }) => value)).toEqual(["cnn/model.onnx", "mlp/model.onnx"]);
    // The trial puts what the training did first; Fashion-MNIST's numbers are too near to be sure.
    expect([pixels?.id, pixels?.options[0]?.value]).toEqual(["pixels", "mnist"]);
    const cnn = await detectWorkspace(root, { model: "cnn/model.onnx", pixels: "mnist" });
    expect(cnn.questions).toEqual([]);
    expect(cnn.proposal).toEqual(await loadConfig(join(samples, "digits")));
    expect(cnn.notes.filter((note) => /learning rate changed/.test(note))).toHaveLength(2);
  });

  it("digits, the other model: asks for the rates that its checkpoints lack", async () => {
    const root = await bare("digits");
    const answers = { model: "mlp/model.onnx", pixels: "mnist" };
    const open = await detectWorkspace(root, answers);
    expect(open.questions).toEqual([
      expect.objectContaining({ id: "learningRate", input: "number", options: [] }),
    ]);
    const done = await detectWorkspace(root, {
      ...answers,
      learningRate: "0.02, 0.02, 0.02, 0.01, 0.01",
    });
    expect(done.questions).toEqual([]);
    expect(done.proposal).toEqual(await loadConfig(join(samples, "digits"), "tracin.mlp.json"));
  });
});

it("a written configuration is formatted and leaves $schema out", async () => {
  const config = await loadConfig(join(samples, "digits"));
  const text = formatConfig({ $schema: "x", ...config });
  expect(text).not.toContain("$schema");
  expect(JSON.parse(text)).toEqual(config);
  expect(text.split("\n").every((line) => line.length <= 100)).toBe(true);
  expect(text).toBe(await readFile(join(samples, "digits/tracin.json"), "utf8"));
});
