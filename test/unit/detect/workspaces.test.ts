import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encode } from "fast-png";
import { afterAll, describe, expect, it } from "vitest";
import { detectWorkspace } from "../../../src/core/config/detect.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { encodeGraph } from "../../../src/core/graph/onnx.ts";
import { type DataType, float32 } from "../../../src/core/graph/tensor.ts";
import { npy, safetensors } from "../support/files.ts";

const scratch = mkdtempSync(join(tmpdir(), "tracin-workspaces-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Files = Readonly<Record<string, string | Uint8Array>>;

function workspace(name: string, files: Files): string {
  const root = join(scratch, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  return root;
}

/** A linear model over an input of some shape (flattened), or a mean of embeddings for token ids. */
function model(shape: readonly number[], outputs: number, dtype: DataType = "float32"): Uint8Array {
  const builder = new GraphBuilder();
  const input = builder.input({ name: "x", dtype, shape: ["batch", ...shape] });
  let value = builder.op("Flatten", [input], { axis: 1 });
  let width = shape.reduce((product, size) => product * size, 1);
  if (dtype === "int64") {
    const table = builder.initializer("embed.weight", float32([50, 4], new Float32Array(200)));
    value = builder.op("ReduceMean", [builder.op("Gather", [table, input]), builder.ints([1])], {
      keepdims: 0,
    });
    width = 4;
  }
  const weight = builder.initializer(
    "fc.weight",
    float32([outputs, width], new Float32Array(outputs * width)),
  );
  const bias = builder.initializer("fc.bias", float32([outputs], new Float32Array(outputs)));
  const output = builder.op("Gemm", [value, weight, bias], { transB: 1 });
  builder.output({ name: output, dtype: "float32", shape: ["batch", outputs] });
  return encodeGraph(builder.build());
}

function checkpoint(
  tensors: Readonly<Record<string, readonly number[]>>,
  rate?: number,
): Uint8Array {
  let end = 0;
  const header: Record<string, unknown> =
    rate === undefined ? {} : { __metadata__: { learning_rate: String(rate) } };
  for (const [name, shape] of Object.entries(tensors)) {
    const start = end;
    end += 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [start, end] };
  }
  return safetensors(header, Buffer.alloc(end));
}

function checkpoints(width: number, outputs: number, extra = {}): Files {
  const tensors = { "fc.weight": [outputs, width], "fc.bias": [outputs], ...extra };
  return {
    "run/epoch-1.safetensors": checkpoint(tensors, 0.1),
    "run/epoch-10.safetensors": checkpoint(tensors, 0.1),
    "other/net-1.safetensors": checkpoint({ "conv.weight": [3, 3] }),
  };
}

function numbers(...shape: readonly number[]): Uint8Array {
  const size = shape.reduce((product, each) => product * each, 1);
  return npy(
    shape,
    Float32Array.from({ length: size }, (_, index) => index / 7),
  );
}

const table = (header: string, row: (index: number) => string) =>
  `${[header, ...Array.from({ length: 30 }, (_, index) => row(index))].join("\n")}\n`;

describe("workspaces of other kinds", () => {
  it("a folder of images per label", async () => {
    const png = encode({ width: 4, height: 4, channels: 1, depth: 8, data: new Uint8Array(16) });
    const images = ["cat", "dog"].flatMap((label) =>
      [1, 2, 3].flatMap((index) =>
        ["train", "val"].map((split) => [`data/${split}/${label}/${index}.png`, png] as const),
      ),
    );
    const root = workspace("folders", {
      "model.onnx": model([1, 4, 4], 2),
      ...checkpoints(16, 2),
      ...Object.fromEntries(images),
    });
    const { proposal, questions } = await detectWorkspace(root, {
      pixels: "unit",
      labels: "cat, dog",
    });
    expect(questions).toEqual([]);
    expect(proposal).toEqual({
      model: "model.onnx",
      checkpoints: { files: "run/*.safetensors", learningRate: "from-file" },
      loss: "softmax-cross-entropy",
      data: { train: { images: "data/train" }, test: { images: "data/val" } },
      features: { x: { image: { size: [4, 4], channels: 1, scale: "1/255" } } },
      labels: ["cat", "dog"],
    });
  });

  it("a table with categories and an identifier: one-hot makes the width", async () => {
    const root = workspace("categories", {
      "model.onnx": model([4], 2),
      ...checkpoints(4, 2),
      "train.csv": table(
        "id,age,colour,label",
        (index) => `${index},${20 + index},${["red", "green", "blue"][index % 3]},${index % 2}`,
      ),
    });
    const { proposal, questions } = await detectWorkspace(root, { standardise: "no" });
    expect(questions).toEqual([]);
    expect(proposal.features).toEqual({
      x: { columns: ["age", "colour"], oneHot: { colour: "auto" } },
    });
    expect(proposal.data).toEqual({ train: { csv: "train.csv", target: "label" } });
    expect(proposal.labels).toEqual(["0", "1"]);
  });

  it("a regression whose target has no telling name: asked, the last column first", async () => {
    const root = workspace("regression", {
      "model.onnx": model([2], 1),
      ...checkpoints(2, 1),
      "houses.csv": table("rooms;area;cost", (index) => `${index};${index * 2.5};${index * 10.5}`),
    });
    const asked = await detectWorkspace(root, { standardise: "yes" });
    expect(asked.questions.map(({ id }) => id)).toEqual(["target"]);
    expect(asked.questions[0]?.options.map(({ value }) => value)).toEqual([
      "cost",
      "area",
      "rooms",
    ]);
    const { proposal, questions } = await detectWorkspace(root, {
      standardise: "yes",
      target: "area",
    });
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "mse",
      data: { train: { csv: "houses.csv", delimiter: ";", target: "area" } },
      features: { x: { columns: ["rooms", "cost"], standardise: true } },
    });
    expect(proposal.labels).toBeUndefined();
  });

  it("several targets and chosen columns, as answered", async () => {
    const root = workspace("several", {
      "model.onnx": model([2], 2),
      ...checkpoints(2, 2),
      "train.csv": table("a,b,c,d,e", (index) => [1, 2, 3, 4, 5].map((n) => n * index).join(",")),
    });
    const asked = await detectWorkspace(root, { target: "c, d" });
    expect(asked.questions).toEqual([expect.objectContaining({ id: "columns", input: "text" })]);
    const { proposal, questions } = await detectWorkspace(root, {
      target: "c, d",
      columns: "e, a",
      standardise: "no",
    });
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "mse",
      data: { train: { csv: "train.csv", target: ["c", "d"] } },
      features: { x: { columns: ["e", "a"] } },
    });
  });

  it("arrays of numbers", async () => {
    const root = workspace("arrays", {
      "model.onnx": model([3], 1),
      ...checkpoints(3, 1),
      "x_train.npy": numbers(8, 3),
      "y_train.npy": numbers(8),
      "x_test.npy": numbers(4, 3),
      "y_test.npy": numbers(4),
    });
    const { proposal, questions } = await detectWorkspace(root);
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "mse",
      data: {
        train: { npy: { x: "x_train.npy", y: "y_train.npy" }, target: "y" },
        test: { npy: { x: "x_test.npy", y: "y_test.npy" }, target: "y" },
      },
      features: { x: { array: "x" } },
    });
  });

  it("lists of token ids", async () => {
    const root = workspace("tokens", {
      "model.onnx": model([6], 3, "int64"),
      ...checkpoints(4, 3, { "embed.weight": [50, 4] }),
      "train.jsonl": Array.from({ length: 9 }, (_, index) =>
        JSON.stringify({ ids: [1, index, 3], label: index % 3 }),
      ).join("\n"),
    });
    const { proposal, questions } = await detectWorkspace(root);
    expect(questions).toEqual([]);
    expect(proposal).toMatchObject({
      loss: "softmax-cross-entropy",
      features: { x: { tokens: { column: "ids", length: 6 } } },
      labels: ["0", "1", "2"],
    });
  });

  it("an empty folder gives no proposal and says how to make a model", async () => {
    const { proposal, questions, notes } = await detectWorkspace(
      workspace("empty", { "a.txt": "" }),
    );
    expect([proposal, questions]).toEqual([{}, []]);
    expect(notes).toEqual([expect.stringMatching(/Export PyTorch Model/)]);
  });

  it("damaged files are left out, a damaged model is an error that names it", async () => {
    const root = workspace("damaged", {
      "model.onnx": model([2], 1),
      ...checkpoints(2, 1),
      "run2/epoch-1.safetensors": "broken",
      "broken.csv": 'a,b\n"never closed',
      "x.npy": "broken",
      "y.npy": "broken",
    });
    const { proposal, notes } = await detectWorkspace(root);
    expect(proposal.checkpoints?.files).toBe("run/*.safetensors");
    expect(proposal.data).toBeUndefined();
    expect(notes).toContain("No data fit the model's inputs.");
    const bad = workspace("bad-model", { "model.onnx": "this is no model" });
    await expect(detectWorkspace(bad)).rejects.toMatchObject({
      name: "TracInError",
      kind: "model",
      place: { file: "model.onnx" },
    });
  });
});
