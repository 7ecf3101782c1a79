import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openProject } from "../../../src/core/config/open.ts";
import { decodeModel, encodeGraph } from "../../../src/core/graph/onnx.ts";
import { copySample } from "../sample.ts";
import { safetensors } from "../support/files.ts";

describe("openProject", () => {
  it("opens the digits sample: model, checkpoints with rates, data, encoder", async () => {
    const project = await openProject("samples/digits");
    try {
      expect(project.checkpoints.map(({ file }) => file)).toEqual(
        [1, 2, 3, 4, 5, 6].map((n) => `cnn/checkpoints/epoch-${n}.pt`),
      );
      for (const checkpoint of project.checkpoints) {
        expect(checkpoint.learningRate).toBeGreaterThan(0);
        expect(checkpoint.weight).toBe(checkpoint.learningRate);
        expect(checkpoint.learningRateSource).toContain("optimizer");
        expect(checkpoint.names.size).toBe(project.parameters.length + project.buffers.length);
      }
      expect(project.datasets.get("train")?.length).toBe(2000);
      expect(project.datasets.get("test")?.length).toBe(200);
      expect(project.encoder.labels).toHaveLength(10);
      expect(project.loss).toEqual({
        type: "softmax-cross-entropy",
        reduction: "sum",
        ignoreIndex: -100,
        output: project.model.graph.outputs[0]?.name,
      });
      const [first] = project.checkpoints;
      const weights = first && (await project.readWeights(first));
      expect([...(weights?.keys() ?? [])].sort()).toEqual(
        [...project.parameters, ...project.buffers].sort(),
      );
    } finally {
      await project.close();
    }
  });

  it("reads weights once where they take little of the memory", async () => {
    const bytes = 4 * 8 * 26_506;
    for (const [memoryLimit, isKept] of [
      [bytes * 8, true],
      [bytes / 8, false],
    ] as const) {
      const project = await openProject("samples/digits", { memoryLimit });
      try {
        const [first, second] = project.checkpoints;
        if (first === undefined || second === undefined) {
          expect.unreachable("The sample has six checkpoints.");
        }
        const weights = await project.readWeights(first);
        expect((await project.readWeights(first)) === weights).toBe(isKept);
        expect(await project.readWeights(first)).toEqual(weights);
        expect(await project.readWeights(second)).not.toEqual(weights);
      } finally {
        await project.close();
      }
    }
  });

  it("opens the other configuration, and an encoder from its state", async () => {
    const fitted = await openProject("samples/digits", { config: "tracin.mlp.json" });
    const { state } = fitted.encoder;
    const again = await openProject("samples/digits", {
      config: "tracin.mlp.json",
      encoder: JSON.parse(JSON.stringify(state)),
      datasets: [],
    });
    try {
      expect([...again.datasets.keys()]).toEqual(["train"]);
      const train = fitted.datasets.get("train");
      const [a, b] = await Promise.all(
        [fitted, again].map(({ encoder }) => train && encoder.encode(train, 0, 3)),
      );
      expect(a).toEqual(b);
    } finally {
      await Promise.all([fitted.close(), again.close()]);
    }
  });
});

describe("what was not trained", () => {
  it.each(["digits", "iris", "spam"])("%s: no reason for a warning", async (sample) => {
    const project = await openProject(`samples/${sample}`);
    await project.close();
    const warnings = project.checkpoints.flatMap((checkpoint) => checkpoint.warnings);
    expect(warnings.filter((text) => !text.startsWith("The learning rate changed"))).toEqual([]);
  });

  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "tracin-project-"));
    await cp("test/unit/golden/export/text", root, { recursive: true });
    const rows = [0, 1].map((label) => JSON.stringify({ ids: [1, 2, 3, 0, 0], label }));
    await writeFile(join(root, "train.jsonl"), rows.join("\n"));
    const config = {
      model: "model.onnx",
      checkpoints: { files: "epoch-*.pt", learningRate: 0.1 },
      loss: "softmax-cross-entropy",
      data: { train: { jsonl: "train.jsonl", target: "label" } },
      features: { ids: { tokens: { column: "ids", length: 5 } } },
    };
    await writeFile(join(root, "tracin.json"), JSON.stringify(config));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("is told by the metadata of an exported model", async () => {
    const project = await openProject(root);
    await project.close();
    expect(project.parameters).toHaveLength(4);
    expect(project.buffers.toSorted()).toEqual(["frozen.bias", "frozen.weight", "pe"]);
    expect(project.checkpoints.flatMap(({ warnings }) => warnings)).toEqual([]);
  });

  it("is suspected without: the optimizer trains fewer tensors, a row stays zero, tensors stay as they are", async () => {
    const path = join(root, "model.onnx");
    const { graph } = decodeModel(await readFile(path), "model.onnx");
    await writeFile(path, encodeGraph(graph));
    const project = await openProject(root);
    await project.close();
    expect(project.parameters).toHaveLength(7);
    expect(project.checkpoints.map(({ warnings }) => warnings)).toEqual([
      [
        expect.stringMatching(/^Row 0 of embedding\.weight is zero/),
        expect.stringMatching(/the same at .*: pe, frozen\.weight, frozen\.bias\./),
      ],
      // Two frozen tensors are the optimizer's too; the positional encoding is not.
      [expect.stringMatching(/trains 6 tensors, but 7 .*"frozen"/)],
    ]);
  });
});

describe("tensors that the model file does not hold", () => {
  it("are named at the first checkpoint", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tracin-surplus-"));
    try {
      await copySample("iris", folder);
      const weights = ["layers.0", "layers.2", "layers.4"].flatMap((layer) => [
        [
          `${layer}.weight`,
          { "layers.0": [16, 4], "layers.2": [8, 16], "layers.4": [3, 8] }[layer],
        ],
        [`${layer}.bias`, { "layers.0": [16], "layers.2": [8], "layers.4": [3] }[layer]],
      ]) as [string, number[]][];
      const header: Record<string, unknown> = {};
      let end = 0;
      for (const [name, shape] of [...weights, ["head.weight", [2, 3]] as const]) {
        const start = end;
        end += 4 * shape.reduce((a, b) => a * b, 1);
        header[`module._orig_mod.${name}`] = { dtype: "F32", shape, data_offsets: [start, end] };
      }
      header["ids"] = { dtype: "I32", shape: [2], data_offsets: [end, end + 8] };
      end += 8;
      const file = safetensors(header, Buffer.alloc(end));
      await writeFile(join(folder, "checkpoints/extra.safetensors"), file);
      const config = JSON.parse(await readFile(join(folder, "tracin.json"), "utf8"));
      config.checkpoints = { files: "checkpoints/extra.safetensors", learningRate: 0.1 };
      await writeFile(join(folder, "tracin.json"), JSON.stringify(config));
      const project = await openProject(folder);
      await project.close();
      expect(project.checkpoints[0]?.warnings).toEqual([
        "One tensor is not in the model and has no part in the scores: module._orig_mod.head.weight.",
      ]);
      expect(project.checkpoints[0]?.surplus).toEqual(["module._orig_mod.head.weight", "ids"]);
      expect(project.checkpoints[0]?.prefix).toBe("module._orig_mod.");
      expect(project.checkpoints[0]?.missing).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("what does not fit together", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "tracin-project-"));
    await copySample("iris", root);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const change = async (edit: (config: Record<string, unknown>) => void): Promise<void> => {
    const config = JSON.parse(await readFile(join(root, "tracin.json"), "utf8"));
    edit(config);
    await writeFile(join(root, "tracin.json"), JSON.stringify(config));
  };

  it.each([
    ["a model that is not there", { model: "none.onnx" }, "model", /cannot be read/],
    ["no checkpoints", { checkpoints: { files: "none/*.pt" } }, "config", /No checkpoint/],
    ["everything frozen", { frozen: ["*"] }, "config", /no parameter that was trained/],
    [
      "an output that is not there",
      { loss: { type: "mse", output: "y2" } },
      "config",
      /no output "y2"/,
    ],
    [
      "a list of rates that is too short",
      { checkpoints: { files: "checkpoints/*", learningRate: [1] } },
      "config",
      /lists 1 value for/,
    ],
  ])("says so: %s", async (_, edit, kind, message) => {
    await change((config) => Object.assign(config, edit));
    await expect(openProject(root)).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
  });

  it("keeps frozen tensors as buffers", async () => {
    const all = await openProject(root);
    const [first = ""] = all.parameters;
    await change((config) => Object.assign(config, { frozen: [first] }));
    const frozen = await openProject(root);
    expect(frozen.parameters).toEqual(all.parameters.slice(1));
    expect(frozen.buffers).toEqual([first, ...all.buffers]);
    await Promise.all([all.close(), frozen.close()]);
  });
});
