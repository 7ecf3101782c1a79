import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config } from "../../../src/core/config/config.ts";
import type { InputSpec } from "../../../src/core/datasets/encoder.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { encoderFromState } from "../../../src/core/datasets/fitted-encoder.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

const csv = `id,height,colour,label
1,2.5,red,a
2, -1e1 ,blue,b
3,+4.25,red,a
4,.5,"light, green",b
`;

function input(shape: InputSpec["shape"], dtype: InputSpec["dtype"] = "float32"): InputSpec {
  return { name: "x", dtype, shape };
}

async function fitted(feature: Config["features"][string], spec: InputSpec, content = csv) {
  const root = await workspace({ "train.csv": content });
  const train = await closing(openDataset("train", { csv: "train.csv", target: "label" }, root));
  const options = {
    features: { x: feature },
    loss: { type: "softmax-cross-entropy" },
    inputs: [spec],
    train,
    root,
  } as const;
  return { root, train, encoder: await fitEncoder(options) };
}

async function encodeAll(feature: Config["features"][string], spec: InputSpec, content = csv) {
  const { encoder, train } = await fitted(feature, spec, content);
  const batch = await encoder.encode(train, 0, train.length);
  const tensor = batch.inputs.get("x");
  return { shape: tensor?.shape, values: Array.from(tensor?.data ?? [], Number), encoder, train };
}

describe("columns", () => {
  it("gives numbers in the order of the configuration", async () => {
    const { shape, values } = await encodeAll({ columns: ["height", "id"] }, input([2]));
    expect(shape).toEqual([4, 2]);
    expect(values).toEqual([2.5, 1, -10, 2, 4.25, 3, 0.5, 4]);
  });

  it("expands categories in place, sorted or as listed", async () => {
    const auto = await encodeAll(
      { columns: ["id", "colour", "height"], oneHot: { colour: "auto" } },
      input([5]),
    );
    expect(auto.values).toEqual([
      ...[1, 0, 0, 1, 2.5],
      ...[2, 1, 0, 0, -10],
      ...[3, 0, 0, 1, 4.25],
      ...[4, 0, 1, 0, 0.5],
    ]);
    const listed = await encodeAll(
      { columns: ["colour"], oneHot: { colour: ["red", "light, green", "blue", "black"] } },
      input([4]),
    );
    expect(listed.values).toEqual([1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0]);
  });

  it("sorts categories that are numbers by number", async () => {
    const content = "n,label\n10,a\n9,b\n1.5,a\n";
    const { values } = await encodeAll(
      { columns: ["n"], oneHot: { n: "auto" } },
      input([3]),
      content,
    );
    expect(values).toEqual([0, 0, 1, 0, 1, 0, 1, 0, 0]);
  });

  it("standardises as scikit-learn does, constants too", async () => {
    const golden: { rows: number[][]; encoded: number[]; mean: number[]; std: number[] } =
      JSON.parse(await readFile(join(goldens, "standardise.json"), "utf8"));
    const content = `a,b,c,d,label\n${golden.rows.map((row) => `${row.join(",")},x\n`).join("")}`;
    const columns = ["a", "b", "c", "d"];
    const { values } = await encodeAll({ columns, standardise: true }, input([4]), content);
    // Column c has a mean of 1e6 and a deviation of 1e-3: rounding of the mean alone is 1e-10 / 1e-3.
    for (const [index, value] of values.entries()) {
      const tolerance = index % 4 === 2 ? 1e-5 : 2e-7;
      expect(Math.abs(value - (golden.encoded[index] ?? Number.NaN))).toBeLessThanOrEqual(
        tolerance * Math.max(1, Math.abs(value)),
      );
    }
    const given = await encodeAll(
      { columns, standardise: { mean: golden.mean, std: golden.std } },
      input([4]),
      content,
    );
    expect(given.values).toEqual(golden.encoded);
  });

  it("gives integers to a model that takes them", async () => {
    const { encoder, train } = await fitted({ columns: ["id"] }, input([1], "int64"));
    const { inputs } = await encoder.encode(train, 1, 3);
    expect(inputs.get("x")).toEqual({
      dtype: "int64",
      shape: [2, 1],
      data: BigInt64Array.of(2n, 3n),
    });
    const error = await errorOf(fitted({ columns: ["height"] }, input([1], "int64")));
    expect(error.message).toContain("gives 2.5");
    expect(error.place).toMatchObject({ file: "train.csv", line: 2 });
  });

  it("encodes any examples in any order, the same in another process", async () => {
    const feature = {
      columns: ["id", "colour"],
      oneHot: { colour: "auto" as const },
      standardise: true,
    };
    const { encoder, train, root } = await fitted(feature, input([4]));
    const whole = await encoder.encode(train, 0, 4);
    const copy = await encoderFromState(JSON.parse(JSON.stringify(encoder.state)), root);
    const picked = await copy.encodeAt(train, [3, 0, 1, 3]);
    expect(picked.size).toBe(4);
    expect(copy.labels).toEqual(["a", "b"]);
    const all = whole.inputs.get("x")?.data ?? new Float32Array();
    const rows = [3, 0, 1, 3].flatMap((row) => Array.from(all, Number).slice(row * 4, row * 4 + 4));
    expect(Array.from(picked.inputs.get("x")?.data ?? [], Number)).toEqual(rows);
    expect(Array.from(picked.targets.data, Number)).toEqual([1, 0, 1, 1]);
  });

  it("encodes no examples to empty tensors", async () => {
    const { encoder, train } = await fitted({ columns: ["id"] }, input([1]));
    const batch = await encoder.encode(train, 2, 2);
    expect(batch.inputs.get("x")?.shape).toEqual([0, 1]);
    expect(batch.targets.shape).toEqual([0]);
  });

  it.each([
    ["", /missing/],
    ["tall", /"tall" is not a finite number/],
    ["NaN", /"NaN" is not/],
    ["inf", /"inf" is not/],
    ["Infinity", /"Infinity" is not/],
    ["0x10", /"0x10" is not/],
    ["1e999", /"1e999" is not/],
    ["1e39", /too large/],
  ])("refuses %j with file, line and column", async (value, message) => {
    const content = `height,label\n1,a\n"2",b\n${value},a\n`;
    const error = await errorOf(encodeAll({ columns: ["height"] }, input([1]), content));
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({
      kind: "data",
      place: { file: "train.csv", line: 4, row: 2, column: "height" },
    });
  });

  it("refuses a category that training data has not, with the list", async () => {
    const { encoder, root } = await fitted(
      { columns: ["colour"], oneHot: { colour: "auto" } },
      input([3]),
    );
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(root, "test.csv"), "colour,label\nred,a\npink,a\n");
    const test = await closing(openDataset("test", { csv: "test.csv", target: "label" }, root));
    const error = await errorOf(encoder.encode(test, 0, 2));
    expect(error.message).toBe(
      'The category "pink" is unknown; known: "blue", "light, green", "red".',
    );
    expect(error.place).toMatchObject({ file: "test.csv", line: 3, column: "colour" });
  });
});

describe("features that do not fit the model", () => {
  it.each<[string, Config["features"], readonly InputSpec[], RegExp]>([
    [
      "another width",
      { x: { columns: ["id"] } },
      [input([2])],
      /input "x" takes \[2\] but columns give \[1\]/,
    ],
    ["no entry", {}, [input([1])], /does not say how.*"x"/],
    [
      "an unknown input",
      { x: { columns: ["id"] }, y: { columns: ["id"] } },
      [input([1])],
      /names "y"/,
    ],
    [
      "an unknown column",
      { x: { columns: ["size"] } },
      [input([1])],
      /no column "size"; it has "id"/,
    ],
    ["no columns", { x: { columns: [] } }, [input([0])], /names no columns/],
    [
      "a one-hot column that is no column",
      { x: { columns: ["id"], oneHot: { colour: "auto" } } },
      [input([1])],
      /"colour"/,
    ],
    [
      "too few means",
      { x: { columns: ["id", "height"], standardise: { mean: [1], std: [1] } } },
      [input([2])],
      /1 means/,
    ],
    ["half floats", { x: { columns: ["id"] } }, [input([1], "float16")], /takes float16/],
    ["images of a table", { x: { image: {} } }, [input([1, 2, 2])], /has no images/],
    ["arrays of a table", { x: { array: "id" } }, [input([1])], /is no array/],
    [
      "a mask of columns",
      { x: { columns: ["id"] }, m: { maskOf: "x" } },
      [input([1]), { name: "m", dtype: "int64", shape: [1] }],
      /no token or text input/,
    ],
  ])("%s", async (_, features, inputs, message) => {
    const root = await workspace({ "train.csv": csv });
    const train = await closing(openDataset("train", { csv: "train.csv", target: "label" }, root));
    const error = await errorOf(
      fitEncoder({ features, loss: { type: "softmax-cross-entropy" }, inputs, train, root }),
    );
    expect(error.message).toMatch(message);
  });

  it("takes open sizes and axes of size 1", async () => {
    expect((await encodeAll({ columns: ["id", "height"] }, input(["width"]))).shape).toEqual([
      4, 2,
    ]);
    expect((await encodeAll({ columns: ["id", "height"] }, input([1, 2]))).shape).toEqual([
      4, 1, 2,
    ]);
    expect((await encodeAll({ columns: ["id"] }, input([]))).shape).toEqual([4]);
  });

  it("refuses a damaged state", async () => {
    const error = await errorOf(encoderFromState({ version: 1, inputs: [{ name: 5 }] }, "."));
    expect(error.message).toMatch(/state is damaged/);
  });
});
