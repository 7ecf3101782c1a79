import { describe, expect, it } from "vitest";
import type { SourceConfig } from "../../../src/core/config/config.ts";
import type { LossName } from "../../../src/core/config/loss-schema.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, workspace } from "./workspace.ts";

interface Case {
  readonly loss: LossName;
  readonly data: string;
  readonly target?: string | string[];
  readonly labels?: string[];
  readonly outputs?: number;
}

async function fitted({ loss, data, target = "y", labels, outputs }: Case) {
  const jsonl = data.startsWith("{");
  const root = await workspace({ data });
  const source: SourceConfig = jsonl ? { jsonl: "data", target } : { csv: "data", target };
  const train = await closing(openDataset("train", source, root));
  const features = { x: { columns: ["x"] } };
  const inputs = [{ name: "x", dtype: "float32", shape: [1] }] as const;
  return {
    train,
    encoder: await fitEncoder({
      features,
      loss: { type: loss, output: "y" },
      labels,
      output: outputs === undefined ? undefined : ["batch", outputs],
      inputs,
      train,
      root,
    }),
  };
}

async function encode(one: Case) {
  const { train, encoder } = await fitted(one);
  const { targets } = await encoder.encode(train, 0, train.length);
  return {
    labels: encoder.labels,
    shape: targets.shape,
    dtype: targets.dtype,
    values: Array.from(targets.data, Number),
  };
}

function csv(...values: string[]): string {
  return `x,y\n${values.map((value) => `1,${value}\n`).join("")}`;
}

function jsonl(...values: string[]): string {
  return values.map((value) => `{"x":1,"y":${value}}`).join("\n");
}

describe("softmax targets", () => {
  const loss = "softmax-cross-entropy";
  it.each<[string, Omit<Case, "loss">, string[], number[]]>([
    [
      "names in the order of labels",
      { data: csv("b", "a", "b"), labels: ["b", "a"] },
      ["b", "a"],
      [0, 1, 0],
    ],
    [
      "names sorted when there are no labels",
      { data: csv("pear", "apple", "fig") },
      ["apple", "fig", "pear"],
      [2, 0, 1],
    ],
    ["integers from 0 as indices", { data: csv("2", "0", "1") }, ["0", "1", "2"], [2, 0, 1]],
    ["integers of JSON", { data: jsonl("1", "0") }, ["0", "1"], [1, 0]],
    [
      "indices with gaps where the outputs are known",
      { data: csv("9", "2"), outputs: 10 },
      ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
      [9, 2],
    ],
    ["ten after nine", { data: csv("10", "9", "1") }, ["1", "9", "10"], [2, 1, 0]],
    [
      "integers that do not begin at 0 as names",
      { data: csv("3", "1", "2"), outputs: 3 },
      ["1", "2", "3"],
      [2, 0, 1],
    ],
    ["digits as names", { data: csv("7", "1"), labels: ["1", "7"] }, ["1", "7"], [1, 0]],
    [
      "indices of labels that are words",
      { data: csv("1", "0", "cat"), labels: ["cat", "dog"] },
      ["cat", "dog"],
      [1, 0, 0],
    ],
    ["true and false", { data: jsonl("true", "false") }, ["false", "true"], [1, 0]],
  ])("%s", async (_, one, labels, values) => {
    expect(await encode({ loss, ...one })).toEqual({
      labels,
      values,
      shape: [values.length],
      dtype: "int64",
    });
  });

  it.each<[string, Omit<Case, "loss">, RegExp, number]>([
    [
      "an unknown label",
      { data: csv("a", "c"), labels: ["a", "b"] },
      /The label "c" is unknown; known: "a", "b"/,
      3,
    ],
    [
      "an index out of range",
      { data: csv("0", "2"), labels: ["cat", "dog"] },
      /"2" is unknown; known: "cat", "dog"/,
      3,
    ],
    ["a negative index", { data: csv("0", "-1"), labels: ["cat", "dog"] }, /"-1" is unknown/, 3],
    ["a missing label", { data: csv("a", "", "b") }, /label is missing/, 3],
    [
      "a missing label where labels are known",
      { data: csv("a", ""), labels: ["a"] },
      /label is missing/,
      3,
    ],
    ["null", { data: jsonl('"a"', "null") }, /label is missing/, 2],
    ["no field", { data: '{"x":1,"y":"a"}\n{"x":2}' }, /label is missing/, 2],
    ["a list", { data: jsonl('"a"', "[1]") }, /\[1\] is no label/, 2],
  ])("refuses %s", async (_, one, message, line) => {
    const error = await errorOf(encode({ loss, ...one }));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ kind: "data", place: { file: "data", line, column: "y" } });
  });

  it.each<[string, Omit<Case, "loss">, RegExp]>([
    [
      "labels that are not the outputs",
      { data: csv("a", "b"), outputs: 3 },
      /3 outputs for 2 labels \("a", "b"\)/,
    ],
    [
      "more integers than outputs",
      { data: csv("0", "1", "2"), outputs: 2 },
      /2 outputs for 3 labels/,
    ],
    [
      "configured labels that are not the outputs",
      { data: csv("a"), labels: ["a", "b"], outputs: 10 },
      /10 outputs/,
    ],
    ["a repeated label", { data: csv("a"), labels: ["a", "a"] }, /twice/],
  ])("refuses %s", async (_, one, message) => {
    const error = await errorOf(fitted({ loss, ...one }));
    expect(error).toMatchObject({ kind: "config" });
    expect(error.message).toMatch(message);
  });
});

describe("hinge targets", () => {
  const loss = "hinge";
  it.each<[string, Omit<Case, "loss">, number[]]>([
    ["-1 and 1", { data: csv("-1", "1", "-1.0"), outputs: 1 }, [0, 1, 0]],
    ["0 and 1", { data: csv("1", "0"), outputs: 1 }, [1, 0]],
    [
      "several columns",
      { data: "x,a,b\n1,-1,1\n1,1,-1\n", target: ["a", "b"], outputs: 2 },
      [0, 1, 1, 0],
    ],
    ["lists", { data: jsonl("[1,-1]", "[-1,-1]"), outputs: 2 }, [1, 0, 0, 0]],
    ["names", { data: jsonl('["b"]', '["a","b"]'), outputs: 2 }, [0, 1, 1, 1]],
  ])("of %s are on or off", async (_, one, values) => {
    expect((await encode({ loss, ...one })).values).toEqual(values);
  });

  it("are refused as other numbers", async () => {
    const data = "x,a,b\n1,0,2\n";
    const error = await errorOf(encode({ loss, data, target: ["a", "b"] }));
    expect(error.message).toMatch(/"2" is neither 0 nor 1/);
  });

  it("of -1 are no targets of a sigmoid cross-entropy, where -1 often means that nothing is known", async () => {
    const data = "x,a,b\n1,0,-1\n";
    const target = ["a", "b"];
    const error = await errorOf(encode({ loss: "sigmoid-cross-entropy", data, target }));
    expect(error.message).toMatch(/"-1" is neither 0 nor 1/);
  });
});

describe("sigmoid targets", () => {
  const loss = "sigmoid-cross-entropy";
  const columns = "x,cat,dog\n1,1,0\n1,1,1\n1,0,0\n";
  it.each<[string, Omit<Case, "loss">, string[], number[]]>([
    [
      "several columns of 0 and 1",
      { data: columns, target: ["cat", "dog"] },
      ["cat", "dog"],
      [1, 0, 1, 1, 0, 0],
    ],
    ["lists of names", { data: jsonl('["b"]', "[]", '["a","b"]') }, ["a", "b"], [0, 1, 0, 0, 1, 1]],
    [
      "lists of names in the order of labels",
      { data: jsonl('["b"]', '["a"]'), labels: ["b", "a", "c"] },
      ["b", "a", "c"],
      [1, 0, 0, 0, 1, 0],
    ],
    ["lists in CSV cells", { data: csv('"[""b"",""a""]"', "[]") }, ["a", "b"], [1, 1, 0, 0]],
    [
      "lists of 0 and 1",
      { data: jsonl("[1,0,1]", "[0,0,0]"), labels: ["p", "q", "r"] },
      ["p", "q", "r"],
      [1, 0, 1, 0, 0, 0],
    ],
    [
      "lists of 0 and 1 without labels",
      { data: jsonl("[1,0]", "[0,1]"), outputs: 2 },
      ["0", "1"],
      [1, 0, 0, 1],
    ],
    ["lists of indices", { data: jsonl("[0,2]", "[1]") }, ["0", "1", "2"], [1, 0, 1, 0, 1, 0]],
    ["one column of 0 and 1", { data: csv("1", "0"), outputs: 1 }, ["y"], [1, 0]],
    ["true and false", { data: jsonl("true", "false") }, ["y"], [1, 0]],
  ])("%s", async (_, one, labels, values) => {
    const rows = values.length / labels.length;
    expect(await encode({ loss, ...one })).toEqual({
      labels,
      values,
      shape: [rows, labels.length],
      dtype: "float32",
    });
  });

  it.each<[string, Omit<Case, "loss">, RegExp, number]>([
    [
      "a number that is neither 0 nor 1",
      { data: "x,a,b\n1,0,2\n", target: ["a", "b"] },
      /"2" is neither 0 nor 1/,
      2,
    ],
    ["a missing flag", { data: "x,a,b\n1,0,1\n1,,1\n", target: ["a", "b"] }, /missing/, 3],
    [
      "an unknown label",
      { data: jsonl('["a"]', '["z"]'), labels: ["a", "b"] },
      /"z" is unknown; known: "a", "b"/,
      2,
    ],
    [
      "a name without a list",
      { data: jsonl('["a"]', '"a"') },
      /neither a list of labels nor 0 or 1/,
      2,
    ],
    ["a missing list", { data: jsonl('["a"]', "null") }, /missing/, 2],
  ])("refuses %s", async (_, one, message, line) => {
    const error = await errorOf(encode({ loss, ...one }));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ kind: "data", place: { file: "data", line } });
  });
});

describe("mse targets", () => {
  const loss = "mse";
  it.each<[string, Omit<Case, "loss">, number[], number]>([
    ["one column", { data: csv("1.5", "-2e3") }, [1.5, -2000], 1],
    [
      "several columns",
      { data: "x,y,z\n1,2,3\n4,5,6\n", target: ["z", "y"], outputs: 2 },
      [3, 2, 6, 5],
      2,
    ],
    ["lists", { data: jsonl("[1,2]", "[3,4.5]") }, [1, 2, 3, 4.5], 2],
  ])("%s", async (_, one, values, width) => {
    expect(await encode({ loss, ...one })).toEqual({
      labels: undefined,
      values,
      shape: [values.length / width, width],
      dtype: "float32",
    });
  });

  it.each<[string, Omit<Case, "loss">, RegExp]>([
    ["text", { data: csv("1", "high") }, /"high" is not a finite number/],
    ["NaN", { data: csv("1", "nan") }, /"nan" is not a finite number/],
    ["nothing", { data: csv("1", "") }, /target is missing/],
    ["a list of another length", { data: jsonl("[1,2]", "[1]") }, /1 number where 2 are expected/],
  ])("refuses %s", async (_, one, message) => {
    const error = await errorOf(encode({ loss, ...one }));
    expect(error.message).toMatch(message);
    expect(error.place).toMatchObject({ file: "data", row: 1, column: "y" });
  });

  it("refuses a width that is not the model's", async () => {
    const error = await errorOf(fitted({ loss, data: csv("1"), outputs: 2 }));
    expect(error.message).toBe("The model has 2 outputs for 1 target number.");
  });
});
