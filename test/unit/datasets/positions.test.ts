import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config, SourceConfig } from "../../../src/core/config/config.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { type Case, encode, type Files, fitted, tokenInput, tokens } from "./target-cases.ts";
import { errorOf, goldens } from "./workspace.ts";

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
    ["a list of another length", { ids: [1, 2], tags: ["O"] }, {}, /1 entry for the 2 tokens/],
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
      /model has 5 outputs for 2 labels/,
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
