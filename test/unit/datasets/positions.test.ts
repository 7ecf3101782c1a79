import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { encode as encodePng } from "fast-png";
import { describe, expect, it } from "vitest";
import type { Config, SourceConfig } from "../../../src/core/config/config.ts";
import type { LossSpec } from "../../../src/core/config/project.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { encoderFromState } from "../../../src/core/datasets/fitted-encoder.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;

interface Case {
  readonly files: Files;
  readonly source: SourceConfig;
  readonly features?: Config["features"];
  readonly inputs?: readonly InputSpec[];
  readonly loss?: Partial<LossSpec>;
  readonly output?: readonly (number | string)[];
  readonly labels?: readonly string[];
}

const tokens: Config["features"] = { ids: { tokens: { column: "ids", length: 4 } } };
const tokenInput: InputSpec = { name: "ids", dtype: "int64", shape: [4] };

async function fitted(one: Case) {
  const { files, source, features = tokens, inputs = [tokenInput], output, labels } = one;
  const root = await workspace(files);
  const train = await closing(openDataset("train", source, root));
  const loss = { type: "softmax-cross-entropy", ignoreIndex: -100, ...one.loss } as const;
  const { target } = source;
  const fresh = await fitEncoder({ features, loss, labels, target, output, inputs, train, root });
  const encoder = await encoderFromState(JSON.parse(JSON.stringify(fresh.state)), root);
  return { train, encoder, root };
}

async function encode(one: Case) {
  const { train, encoder } = await fitted(one);
  const { targets, mask, inputs } = await encoder.encode(train, 0, train.length);
  return {
    labels: encoder.labels,
    reading: encoder.reading,
    dtype: targets.dtype,
    shape: targets.shape,
    values: Array.from(targets.data, Number),
    mask: mask && Array.from(mask.data, Number),
    texts: await encoder.targetTexts(train, 0, train.length),
    inputs,
  };
}

const jsonl = (...rows: readonly object[]): Files => ({
  "train.jsonl": rows.map((row) => JSON.stringify(row)).join("\n"),
});
const lines = (target: SourceConfig["target"]): SourceConfig => ({ jsonl: "train.jsonl", target });

describe("lists of labels along tokens", () => {
  const rows = [
    { ids: [1, 2, 3], tags: ["O", "B", "O"] },
    { ids: [4, 5, 6, 7, 8], tags: ["B", -100, "I", "O", "O"] },
    { ids: [], tags: [] },
  ];

  it("are padded and cut like the tokens", async () => {
    const found = await encode({ files: jsonl(...rows), source: lines("tags") });
    expect(found).toMatchObject({
      labels: ["B", "I", "O"],
      reading: "positions",
      dtype: "int32",
      shape: [3, 4],
      values: [2, 0, 2, -1, 0, -1, 1, 2, -1, -1, -1, -1],
      mask: undefined,
      texts: ["O B O", "B – I O O", ""],
    });
  });

  it("take indices for names that are told, and the order of the model's outputs", async () => {
    const found = await encode({
      files: jsonl({ ids: [1, 2], tags: [2, 0] }),
      source: lines({ perToken: "tags" }),
      labels: ["O", "B", "I"],
      output: ["batch", 4, 3],
    });
    expect(found.values).toEqual([2, 0, -1, -1]);
    expect(found.texts).toEqual(["I O"]);
  });

  it("number the classes where all are indices and the model says how many there are", async () => {
    const found = await encode({
      files: jsonl({ ids: [1, 2], tags: [7, -100] }),
      source: lines("tags"),
      output: ["batch", 9, "tokens"],
    });
    expect(found.labels).toHaveLength(9);
    expect(found.values).toEqual([7, -1, -1, -1]);
  });

  it("are moved by one position for the next token's label", async () => {
    const found = await encode({
      files: jsonl({ ids: [1, 2, 3, 4], tags: [0, 1, 2, 1] }),
      source: lines("tags"),
      loss: { shift: true },
    });
    expect(found.values).toEqual([1, 2, 1, -1]);
  });

  it("are on or off for the sigmoid loss, with a mask", async () => {
    const found = await encode({
      files: jsonl({ ids: [1, 2, 3], tags: [1, -100, false] }),
      source: lines({ perToken: "tags" }),
      loss: { type: "sigmoid-cross-entropy" },
    });
    expect(found).toMatchObject({
      dtype: "float32",
      values: [1, 0, 0, 0],
      mask: [1, 0, 1, 0],
      reading: "positions",
    });
  });

  it("are numbers for a regression, with a mask", async () => {
    const found = await encode({
      files: jsonl({ ids: [1, 2], tags: [0.5, -3] }),
      source: lines({ perToken: "tags" }),
      loss: { type: "mae" },
    });
    expect(found).toMatchObject({
      values: [0.5, -3, 0, 0],
      mask: [1, 1, 0, 0],
      reading: "outputs",
      texts: ["0.5 -3"],
    });
  });

  it("need no tokens where all lists have one length", async () => {
    const features = { x: { columns: ["a"] } };
    const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [1] }];
    const files = jsonl({ a: 1, y: ["u", "v"] }, { a: 2, y: ["v", "v"] });
    const one = { files, source: lines("y"), features, inputs };
    expect((await encode(one)).values).toEqual([0, 1, 1, 1]);
    const error = await errorOf(
      encode({ ...one, files: jsonl({ a: 1, y: ["u", "v"] }, { a: 2, y: ["v"] }) }),
    );
    expect(error.message).toBe("The target has 1 label where 2 are expected.");
  });

  it.each<[string, object, Partial<Case>, RegExp]>([
    ["a list of another length", { ids: [1, 2], tags: ["O"] }, {}, /1 entries for the 2 tokens/],
    ["no list", { ids: [1], tags: "O" }, {}, /"O" is no list/],
    [
      "an unknown label",
      { ids: [1, 2], tags: ["O", "X"] },
      { labels: ["O", "B"] },
      /label "X" at position 1 is unknown; known: "O", "B"/,
    ],
    [
      "an index out of range",
      { ids: [1, 2], tags: [0, 3] },
      { labels: ["O", "B"] },
      /label "3" at position 1 is unknown/,
    ],
  ])("refuses %s with the line", async (_, row, more, message) => {
    const good = { ids: [1], tags: ["O"] };
    const error = await errorOf(
      encode({ files: jsonl(good, row), source: lines("tags"), ...more }),
    );
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject({ file: "train.jsonl", line: 2, row: 1, column: "tags" });
  });

  it.each<[string, Partial<Case>, RegExp]>([
    [
      "labels that are not as many as the classes",
      { output: ["batch", 4, 5], labels: ["O", "B"] },
      /model has 5 outputs, but there are 2 labels/,
    ],
    [
      "logits of one label",
      { output: ["batch", 5] },
      /Logits and targets do not fit: .*\[batch, 5\].*targets of the shape \[4\]/,
    ],
    [
      "as many tokens as classes",
      { output: ["batch", 4, 4], labels: ["a", "b", "c", "d"] },
      /Either of two axes can hold the classes/,
    ],
    ["an input that is none", { source: lines({ perToken: "tags", of: "x" }) }, /no token or text/],
  ])("refuses %s", async (_, more, message) => {
    const files = jsonl({ ids: [1], tags: ["O"] });
    const error = await errorOf(fitted({ files, source: lines("tags"), ...more }));
    expect(error).toMatchObject({ kind: "config" });
    expect(error.message).toMatch(message);
  });

  it("say where the classes are with classAxis", async () => {
    const found = await encode({
      files: jsonl({ ids: [1], tags: ["b"] }),
      source: lines("tags"),
      output: ["batch", 4, 4],
      labels: ["a", "b", "c", "d"],
      loss: { classAxis: -1 },
    });
    expect(found.values).toEqual([1, -1, -1, -1]);
  });
});

describe("the tokens of an input", () => {
  const source = lines({ tokensOf: "ids" });

  it("are the target, moved by one position; padding does not count, whatever its id", async () => {
    const files = jsonl({ ids: [5, 0, 7, 6, 1] }, { ids: [3] }, { ids: [2, 0] });
    const found = await encode({ files, source, loss: { shift: true }, output: ["batch", 4, 9] });
    expect(found).toMatchObject({
      labels: undefined,
      reading: "positions",
      values: [0, 7, 6, -1, -1, -1, -1, -1, 0, -1, -1, -1],
      texts: Array(3).fill("the next tokens of ids"),
    });
  });

  it("are refused where the model has no class for one", async () => {
    const files = jsonl({ ids: [5] }, { ids: [1, 9] });
    const error = await errorOf(encode({ files, source, output: ["batch", "tokens", 9] }));
    expect(error.message).toBe(
      'The token 9 at position 1 of "ids" is none of the model\'s 9 classes.',
    );
    expect(error.place).toMatchObject({ file: "train.jsonl", line: 2 });
  });

  it("of a text have names", async () => {
    const { encoder } = await fitted({
      files: {
        ...jsonl({ text: "the cat sat" }),
        "tokenizer.json": await readFile(join(goldens, "tokenizers/wordpiece.json")),
      },
      source: lines({ tokensOf: "ids" }),
      features: {
        ids: { text: { column: "text", tokenizer: "tokenizer.json", length: 4, pad: 0 } },
      },
    });
    const names = Array.from({ length: 12 }, (_, id) => encoder.className(id));
    expect(names.every((name) => /^".+"$/.test(name))).toBe(true);
    expect(encoder.className(10 ** 6)).toBe("1000000");
  });
});

describe("masks of images", () => {
  const grey = (...data: number[]) =>
    encodePng({ width: 2, height: 2, channels: 1, data: Uint8Array.from(data) });
  const features: Config["features"] = { x: { image: {} } };
  const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [1, 2, 2] }];
  const manifest: Files = {
    "train.csv": "file,mask\na.png,m/a.png\nb.png,m/b.png\n",
    "a.png": grey(1, 2, 3, 4),
    "b.png": grey(5, 6, 7, 8),
    "m/a.png": grey(0, 1, 2, 255),
    "m/b.png": grey(2, 2, 0, 0),
  };
  const source: SourceConfig = { images: "train.csv", target: { mask: "mask" } };
  const base: Case = { files: manifest, source, features, inputs, loss: { ignoreIndex: 255 } };

  it("hold classes by their stored number; the text is the file", async () => {
    expect(await encode({ ...base, output: ["batch", 3, 2, 2] })).toMatchObject({
      labels: undefined,
      dtype: "int32",
      shape: [2, 2, 2],
      values: [0, 1, 2, -1, 2, 2, 0, 0],
      texts: ["m/a.png", "m/b.png"],
    });
  });

  it("show how many classes there are where nothing else does", async () => {
    const { encoder } = await fitted(base);
    expect(encoder.state).toMatchObject({ target: { classes: 3 } });
  });

  it("are resized to the size of the logits", async () => {
    const small: SourceConfig = { images: "train.csv", target: { mask: "mask", size: [1, 2] } };
    const found = await encode({ ...base, source: small, output: ["batch", 3, 1, 2] });
    expect(found.shape).toEqual([2, 1, 2]);
    expect(found.values).toEqual([2, -1, 0, 0]);
  });

  it("may be on and off, written as 1 or 255", async () => {
    const files = { ...manifest, "m/a.png": grey(0, 255, 1, 7) };
    const found = await encode({
      ...base,
      files: { ...files, "m/b.png": grey(0, 0, 0, 0) },
      loss: { type: "sigmoid-cross-entropy", ignoreIndex: 7 },
      output: ["batch", 1, 2, 2],
    });
    expect(found.values).toEqual([0, 1, 1, 0, 0, 0, 0, 0]);
    expect(found.mask).toEqual([1, 1, 1, 0, 1, 1, 1, 1]);
  });

  it("lie in a folder beside the images, in subfolders or not", async () => {
    const files = {
      "img/a.png": grey(1, 2, 3, 4),
      "img/sub/b.png": grey(1, 2, 3, 4),
      "img/sub/c.png": grey(1, 2, 3, 4),
      "m/a.png": grey(0, 0, 0, 1),
      "m/sub/b.png": grey(1, 0, 0, 0),
      "m/c.png": grey(1, 1, 0, 0),
    };
    const inFolder: SourceConfig = { images: "img", target: { masks: "m" } };
    const found = await encode({ ...base, files, source: inFolder });
    expect(found.texts).toEqual(["m/a.png", "m/sub/b.png", "m/c.png"]);
    expect(found.values).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0]);
  });

  it.each<[string, Partial<Case>, RegExp, object]>([
    [
      "a class out of range",
      { loss: {}, output: ["batch", 3, 2, 2] },
      /The target m\/a.png holds 255 at row 1, column 1, which is not a class from 0 to 2/,
      { file: "train.csv", line: 2 },
    ],
    [
      "a value that is not told",
      { source: { images: "train.csv", target: { mask: "mask", values: [0, 2] } } },
      /m\/a.png holds 1 at row 0, column 1, which is not one of 0, 2/,
      { file: "train.csv", line: 2 },
    ],
    [
      "a mask that is not there",
      { files: { ...manifest, "train.csv": "file,mask\na.png,m/none.png\n" } },
      /m\/none.png" does not exist/,
      { file: "train.csv", line: 2, column: "mask" },
    ],
    [
      "a mask outside of the workspace",
      { files: { ...manifest, "train.csv": "file,mask\na.png,../../m.png\n" } },
      /lies outside of the workspace/,
      { file: "train.csv", line: 2 },
    ],
    [
      "colours",
      {
        files: {
          ...manifest,
          "m/a.png": encodePng({
            width: 1,
            height: 1,
            channels: 3,
            data: Uint8Array.from([1, 2, 3]),
          }),
        },
      },
      /colours instead of the numbers of classes/,
      { file: "m/a.png" },
    ],
    [
      "an image without a mask in the folder",
      {
        source: { images: "a", target: { masks: "m" } },
        files: { ...manifest, "a/z.png": grey(0, 0, 0, 0) },
      },
      /has no mask: m\/z.png does not exist/,
      { file: "a/z.png" },
    ],
    [
      "masks for a regression",
      { loss: { type: "mse" } },
      /Masks hold classes, which the loss "mse" does not take/,
      {},
    ],
  ])("refuses %s", async (_, more, message, place) => {
    const error = await errorOf(encode({ ...base, ...more }));
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject(place);
  });
});

describe("the values of an input", () => {
  const features: Config["features"] = { x: { columns: ["a", "b"] } };
  const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [2] }];
  const files = { "train.csv": "a,b\n0.5,1\n0.25,3\n" };
  const source: SourceConfig = { csv: "train.csv", target: { input: "x" } };
  const base: Case = { files, source, features, inputs, loss: { type: "mse" } };

  it("are the target", async () => {
    expect(await encode(base)).toMatchObject({
      shape: [2, 2],
      values: [0.5, 1, 0.25, 3],
      reading: "outputs",
      texts: ["the input x", "the input x"],
    });
  });

  it.each<[string, Partial<Case>, RegExp]>([
    [
      "an input that is none",
      { source: { csv: "train.csv", target: { input: "y" } } },
      /inputs are "x"/,
    ],
    ["classes", { loss: { type: "softmax-cross-entropy" } }, /holds no classes/],
    [
      "values beyond 1 for the sigmoid loss",
      { loss: { type: "sigmoid-cross-entropy" } },
      /"x" holds 3, but a sigmoid cross-entropy takes targets from 0 to 1/,
    ],
  ])("refuses %s", async (_, more, message) => {
    expect((await errorOf(encode({ ...base, ...more }))).message).toMatch(message);
  });
});

describe("a target that the model takes as an input", () => {
  const inputs: InputSpec[] = [tokenInput, { name: "labels", dtype: "int64", shape: ["tokens"] }];
  const features: Config["features"] = { ...tokens, labels: { target: true } };
  const loss = { type: "output", output: "loss" } as const;

  it("is fed with the label of what does not count in its place", async () => {
    const { inputs: fed } = await encode({
      files: jsonl({ ids: [1, 2, 3], tags: ["O", -100, "B"] }),
      source: lines("tags"),
      features,
      inputs,
      loss,
    });
    expect(Array.from(fed.get("labels")?.data ?? [], Number)).toEqual([1, -100, 0, -100]);
  });

  it("is a number for a floating input", async () => {
    const { inputs: fed } = await encode({
      files: jsonl({ ids: [1], y: 2.5 }),
      source: lines("y"),
      features,
      inputs: [tokenInput, { name: "labels", dtype: "float32", shape: [1] }],
      loss,
    });
    expect(fed.get("labels")).toMatchObject({ shape: [1, 1], data: Float32Array.of(2.5) });
  });

  it("is only shown where the model does not take it", async () => {
    const found = await encode({
      files: jsonl({ ids: [1], y: "some text" }),
      source: lines("y"),
      loss,
    });
    expect(found).toMatchObject({ reading: "none", texts: ["some text"], labels: undefined });
  });
});

describe("one label in other writings", () => {
  const features: Config["features"] = { x: { columns: ["a"] } };
  const inputs: InputSpec[] = [{ name: "x", dtype: "float32", shape: [1] }];

  it("is 1 among columns of 0 and 1", async () => {
    const files = { "train.csv": "a,cat,dog\n1,0,1\n2,1,0\n" };
    const source: SourceConfig = { csv: "train.csv", target: ["cat", "dog"] };
    const one = { files, source, features, inputs, output: ["batch", 2] };
    expect(await encode(one)).toMatchObject({
      labels: ["cat", "dog"],
      dtype: "int64",
      shape: [2],
      values: [1, 0],
      texts: ["dog", "cat"],
    });
    const both = { "train.csv": "a,cat,dog\n1,0,1\n2,1,1\n" };
    const error = await errorOf(encode({ ...one, files: both }));
    expect(error.message).toMatch(/2 labels that are on, where one is expected/);
    expect(error.place).toMatchObject({ file: "train.csv", line: 3 });
  });

  it("does not count where it is the ignored one", async () => {
    const found = await encode({
      files: { "train.csv": "a,y\n1,b\n2,-100\n3,a\n" },
      source: { csv: "train.csv", target: "y" },
      features,
      inputs,
    });
    expect(found).toMatchObject({
      labels: ["a", "b"],
      values: [1, -1, 0],
      texts: ["b", "(does not count)", "a"],
    });
  });
});

it("no dataset needs a target until the loss does", async () => {
  const files = jsonl({ ids: [1] });
  const error = await errorOf(fitted({ files, source: { jsonl: "train.jsonl" } }));
  expect(error.message).toBe('The dataset "train" has no "target".');
});
