import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Checkpoint, OptimizerParameter } from "../../../src/core/checkpoints/checkpoint.ts";
import { matchCheckpoint } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { OptimizerEntries, type Series } from "../../../src/core/checkpoints/parameters.ts";
import {
  checkPreconditioner,
  readPreconditioner,
} from "../../../src/core/checkpoints/preconditioner.ts";
import { optimizerWarnings } from "../../../src/core/checkpoints/trained.ts";
import { float32, type Shape } from "../../../src/core/graph/tensor.ts";
import type { Model } from "../../../src/core/models/model.ts";

const golden = join(import.meta.dirname, "../golden/trainers");

function model(shapes: Readonly<Record<string, Shape>>, more: Partial<Model> = {}): Model {
  return {
    file: "model.onnx",
    graph: { inputs: [], outputs: [], nodes: [], initializers: new Map(), opset: 18 },
    weights: Object.entries(shapes).map(([name, shape]) => ({ name, shape, role: "parameter" })),
    recorded: false,
    paddingRows: new Map(),
    ...more,
  };
}

const moment = { second: "v", correction: 1, inside: 0, outside: 1 };

function series(
  shapes: Readonly<Record<string, Shape>>,
  parameters: readonly OptimizerParameter[],
  more: Partial<Checkpoint> & { groups?: readonly (readonly string[])[]; order?: string[] } = {},
): Series {
  const { groups, order, ...own } = more;
  const checkpoint: Checkpoint = {
    file: "last.pt",
    format: "pytorch",
    tensors: new Map(
      Object.entries(shapes).map(([name, shape]) => [name, { name, dtype: "float32", shape }]),
    ),
    learningRates: [0.1, 0.01].map((value) => ({ value, source: "lr" })),
    optimizer: { algorithm: "Adam", parameters, read: () => Promise.reject(new Error("unread")) },
    read: () => Promise.reject(new Error("unread")),
    close: async () => {},
    ...own,
  };
  const asked = model(shapes, order === undefined ? {} : { order });
  return { model: asked, checkpoint, match: matchCheckpoint(asked, checkpoint), groups };
}

const isSame = (a: number, b: number) => a === b;
const layers: Readonly<Record<string, Shape>> = {
  "a.weight": [3, 3],
  "a.bias": [3],
  "b.weight": [3, 3],
  "b.bias": [3],
};
const blocks = [0, 0, 1, 1].map((group) => ({ group }));

describe("groups of the optimizer with different rates", () => {
  it("are refused where nothing tells which parameter is in which, with the way out", () => {
    const entries = new OptimizerEntries(series(layers, blocks));
    expect(() => entries.group("a.weight", isSame)).toThrow(
      expect.objectContaining({
        kind: "config",
        message: expect.stringMatching(/"a\.weight" may be in group 0 or 1.*no names/),
        remedy: expect.stringMatching(/named_parameters.*checkpoints\.groups/),
        place: { file: "last.pt", tensor: "a.weight" },
      }),
    );
    expect(entries.group("a.weight", () => true)).toBeTypeOf("number");
  });

  it("are told by the configuration", () => {
    const entries = new OptimizerEntries(series(layers, blocks, { groups: [["b"], ["a.*"]] }));
    expect(Object.keys(layers).map((name) => entries.group(name, isSame))).toEqual([1, 1, 0, 0]);
  });

  it("must be as many as the configuration lists, and hold every parameter", () => {
    expect(() => new OptimizerEntries(series(layers, blocks, { groups: [["b"]] }))).toThrow(
      /lists 1 group, but the optimizer has 2/,
    );
    const half = series(layers, [{ group: 0 }, { group: 0 }], { groups: [["b"], ["c"]] });
    expect(() => new OptimizerEntries(half).group("a.weight", isSame)).toThrow(
      /does not train the parameter "a\.weight", as "checkpoints\.groups" says/,
    );
  });

  it.each(["", "module.", "_orig_mod."])("names with the prefix %j decide", (prefix) => {
    const named = Object.keys(layers).map((name, place) => ({
      group: place % 2,
      name: prefix + name,
    }));
    const entries = new OptimizerEntries(series(layers, named));
    expect(Object.keys(layers).map((name) => entries.group(name, isSame))).toEqual([0, 1, 0, 1]);
  });

  it("a state of another model is refused", () => {
    const other = series(layers, [{ group: 0, shape: [7] }]);
    expect(() => new OptimizerEntries(other)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/\(1 tensor\) does not fit/),
        remedy: expect.stringMatching(/checkpoints\.learningRate/),
      }),
    );
  });
});

describe("parameters that the optimizer does not train", () => {
  it("are named in a warning, where shapes and order tell them", () => {
    const shapes = { "body.weight": [4, 3], "body.bias": [4], "head.weight": [2, 4] } as const;
    const head = series(shapes, [{ group: 0, shape: [2, 4] }]);
    const division = { parameters: Object.keys(shapes), buffers: [] };
    expect(optimizerWarnings(head, division)).toEqual([
      expect.stringMatching(/name the others \(body\.weight, body\.bias\) in "frozen"/),
    ]);
  });
});

describe("preconditioners", () => {
  it("need an optimizer that keeps squares of gradients", () => {
    const sgd = series(layers, blocks);
    expect(() => checkPreconditioner(sgd, ["a.weight"])).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/\(Adam\) keeps no squares/),
        remedy: expect.stringMatching(/Adam, AdamW, NAdam, RMSprop and Adagrad/),
      }),
    );
    const { optimizer: _, ...bare } = sgd.checkpoint;
    expect(() => checkPreconditioner({ ...sgd, checkpoint: bare }, ["a.weight"])).toThrow(
      /holds no state of an optimizer/,
    );
  });

  it("need one that has moved the parameter", () => {
    const shapes = { "a.weight": [3, 3], "a.bias": [3] } as const;
    const half = series(shapes, [{ group: 0, shape: [3, 3], secondMoment: moment }, { group: 0 }]);
    expect(checkPreconditioner(half, ["a.weight"]).get("a.weight")).toBe(moment);
    expect(() => checkPreconditioner(half, ["a.weight", "a.bias"])).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/has not moved this parameter yet/),
        place: { file: "last.pt", tensor: "a.bias" },
      }),
    );
  });

  it("are 1 / (sqrt(correction * v - m^2 + inside) + outside), and 0 where that has no value", async () => {
    const tensors = { v: [4, 0, 1, 0.25], m: [1, 0, 1.5, 0.5] } as const;
    const one = (outside: number, inside: number) =>
      series({ w: [4] }, [
        {
          group: 0,
          shape: [4],
          secondMoment: { second: "v", mean: "m", correction: 2, inside, outside },
        },
      ]);
    const read = async (given: Series) => {
      const optimizer = {
        ...(given.checkpoint.optimizer as NonNullable<Checkpoint["optimizer"]>),
        read: async (slot: string) => float32([4], tensors[slot as "v" | "m"]),
      };
      const found = await readPreconditioner(
        { ...given, checkpoint: { ...given.checkpoint, optimizer } },
        ["w"],
      );
      return Array.from(found.get("w")?.data ?? [], Number);
    };
    expect(await read(one(0.5, 0))).toEqual(
      [1 / (Math.sqrt(7) + 0.5), 2, 2, 1 / (0.5 + 0.5)].map((value) => expect.closeTo(value, 6)),
    );
    expect((await read(one(0, 0))).slice(1, 3)).toEqual([0, 0]);
    expect((await read(one(0, 0.25))).slice(1, 3)).toEqual([2, 2]);
  });

  it("of a safetensors file, whose tensors are sorted by name, need the order that the export records", async () => {
    const name = "hf-linear/checkpoint-12";
    const expected = JSON.parse(readFileSync(join(golden, "expected.json"), "utf8"))[name];
    const checkpoint = await openCheckpoint(join(golden, name), name);
    const shapes = Object.fromEntries(
      [...checkpoint.tensors.values()].map((tensor) => [tensor.name, tensor.shape]),
    );
    const asked = (order?: string[]): Series => {
      const own = model(shapes, order === undefined ? {} : { order });
      return { model: own, checkpoint, match: matchCheckpoint(own, checkpoint) };
    };
    const query = "bert.encoder.layer.0.attention.self.query.weight";
    expect(() => checkPreconditioner(asked(), [query])).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/sorted by name/),
        remedy: expect.stringMatching(/Export PyTorch Model/),
      }),
    );
    const found = checkPreconditioner(asked(expected.parameters), expected.parameters);
    // Matrices come first in the state, then biases and normalisations, both in the order of the module.
    const places = (isMatrix: boolean) =>
      expected.parameters
        .filter((parameter: string) => (shapes[parameter]?.length === 2) === isMatrix)
        .map((parameter: string) => found.get(parameter)?.second);
    const slots = [...places(true), ...places(false)];
    expect(slots).toEqual(slots.map((_, index) => `state[${index}].exp_avg_sq`));
    const factors = await readPreconditioner(asked(expected.parameters), expected.parameters);
    for (const [parameter, { shape, data }] of factors) {
      expect(shape).toEqual(shapes[parameter]);
      expect(Math.min(...Array.from(data, Number))).toBeGreaterThan(0);
    }
    await checkpoint.close();
  });
});
