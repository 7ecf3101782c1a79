import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import type { Match } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import {
  optimizerWarnings,
  paddingWarnings,
  unchangedWarnings,
} from "../../../src/core/checkpoints/trained.ts";
import { float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import type { Model } from "../../../src/core/models/model.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");

function checkpoint(trainedTensors: number | undefined, table?: Tensor): Checkpoint {
  return {
    file: "epoch-1.pt",
    format: "pytorch",
    tensors: new Map(),
    learningRates: [],
    ...(trainedTensors === undefined
      ? {}
      : {
          optimizer: {
            parameters: Array(trainedTensors).fill({ group: 0 }),
            read: () => Promise.reject(new Error("not read here")),
          },
        }),
    read: async () => table ?? Promise.reject(new Error("not read here")),
    close: async () => {},
  };
}

function match(surplus: readonly string[] = []): Match {
  return {
    names: new Map([["table", "model.table"]]),
    constants: [],
    surplus,
    prefix: "model.",
    copies: [],
  };
}

describe("the number of tensors that the optimizer trains", () => {
  it.each([
    ["trained-sgd.pt", 6],
    ["trained-adam.pt", 6],
    ["groups.pt", 4],
    ["lightning.ckpt", 6],
    ["plain.pt", undefined],
    ["plain.safetensors", undefined],
  ])("%s: %s", async (file, count) => {
    const opened = await openCheckpoint(join(golden, file), file);
    await opened.close();
    expect(opened.optimizer?.parameters.length).toBe(count);
  });

  const division = { parameters: ["a", "b", "pe"], buffers: ["frozen"] };
  const model: Model = {
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes: [], initializers: new Map(), opset: 18 },
    weights: [],
    recorded: false,
    paddingRows: new Map(),
  };
  const warnings = (count: number | undefined, surplus: readonly string[] = []) =>
    optimizerWarnings({ model, checkpoint: checkpoint(count), match: match(surplus) }, division);

  it.each([undefined, 3, 4, 5])(
    "%s of 3 parameters, 1 buffer and 1 unused one is fine",
    (count) => {
      expect(warnings(count, ["unused"])).toEqual([]);
    },
  );

  it("fewer than the parameters, and more than there are, is a warning", () => {
    expect(warnings(2)).toEqual([
      'The optimizer trains 2 tensors, but 3 of the model\'s count as parameters: name the others in "frozen" in tracin.json.',
    ]);
    expect(warnings(6, ["unused"])).toEqual([
      expect.stringMatching(/trains 6 tensors, but only 3/),
    ]);
  });
});

describe("parameters that training has not changed", () => {
  const names = ["weight", "cos", "sin"];
  const model = (recorded: boolean): Model => ({
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes: [], initializers: new Map(), opset: 18 },
    weights: names.map((name) => ({ name, shape: [2], role: "parameter" })),
    recorded,
    paddingRows: new Map(),
  });
  const saved = (values: Readonly<Record<string, readonly number[]>>): Checkpoint => ({
    ...checkpoint(undefined),
    read: async (name) => float32([2], [...(values[name] ?? [])]),
  });
  const matched: Match = { ...match(), names: new Map(names.map((name) => [name, name])) };
  const ask = (recorded: boolean, ...series: Checkpoint[]) =>
    unchangedWarnings(
      model(recorded),
      names,
      series,
      series.map(() => matched),
    );
  const first = saved({ weight: [1, 2], cos: [1, 0], sin: [0, 1] });
  const trained = saved({ weight: [1, 3], cos: [1, 0], sin: [0, 1] });

  it("are named, with what to do", async () => {
    expect(await ask(false, first, trained)).toEqual([
      expect.stringMatching(/^2 parameters are the same .*: cos, sin\. .*"frozen"/),
    ]);
  });

  it("are none where the model file tells, all of them are, or one checkpoint is all there is", async () => {
    expect(await ask(true, first, trained)).toEqual([]);
    expect(await ask(false, first, first)).toEqual([]);
    expect(await ask(false, first, saved({ weight: [1, 2], cos: [1, 0], sin: [0, 1] }))).toEqual(
      [],
    );
    expect(await ask(false, first)).toEqual([]);
  });
});

describe("rows that look like padding", () => {
  const table = float32([4, 2], [0, 0, 1, 0, 0, 0, 0, 2]);

  function model(recorded: boolean, op = "Gather", values = table): Model {
    return {
      file: "model.onnx",
      graph: {
        inputs: [{ name: "ids", dtype: "int64", shape: ["batch", 3] }],
        outputs: [{ name: "y", dtype: "float32", shape: ["batch", 3, 2] }],
        nodes: [{ op, name: "g", inputs: ["table", "ids"], outputs: ["y"], attributes: {} }],
        initializers: new Map([["table", values]]),
        opset: 18,
      },
      weights: [{ name: "table", shape: [4, 2], role: "parameter" }],
      recorded,
      paddingRows: new Map(),
    };
  }

  const ask = (asked: Model, ...tables: readonly Tensor[]) =>
    paddingWarnings(
      asked,
      ["table"],
      tables.map((values) => checkpoint(undefined, values)),
      tables.map(() => match()),
    );

  it("are those that are zero in the model and at the first and last checkpoint", async () => {
    const other = float32([4, 2], [0, 0, 0, 0, 5, 0, 0, 0]);
    expect(await ask(model(false), other, table)).toEqual([
      expect.stringMatching(/^Row 0 of table is zero .*padding_idx.*Export PyTorch Model/),
    ]);
    expect(await ask(model(false), table)).toEqual([
      expect.stringMatching(/^Rows 0, 2 of table are zero/),
    ]);
  });

  it("are none where a checkpoint has numbers there, and where the model file tells", async () => {
    const full = float32([4, 2], [1, 1, 1, 1, 1, 1, 1, 1]);
    expect(await ask(model(false), table, full)).toEqual([]);
    expect(await ask(model(true), table)).toEqual([]);
    expect(await ask(model(false, "MatMul"), table)).toEqual([]);
  });

  it("are not looked for in the checkpoints of a model that has none", async () => {
    const full = float32([4, 2], [1, 1, 1, 1, 1, 1, 1, 1]);
    const unread = checkpoint(undefined);
    expect(
      await paddingWarnings(model(false, "Gather", full), ["table"], [unread], [match()]),
    ).toEqual([]);
  });
});
