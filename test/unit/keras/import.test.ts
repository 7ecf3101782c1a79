import { describe, expect, it } from "vitest";
import type { Checkpoint } from "../../../src/core/checkpoints/checkpoint.ts";
import { matchCheckpoint } from "../../../src/core/checkpoints/match.ts";
import { TracInError } from "../../../src/core/errors.ts";
import type { Json, JsonObject } from "../../../src/core/formats/json.ts";
import { importKeras } from "../../../src/core/models/keras/import.ts";

const input = {
  class_name: "InputLayer",
  config: { batch_input_shape: [null, 4], dtype: "float32", name: "x" },
};
const dense = (name: string, units: number, settings: JsonObject = {}): Json => ({
  class_name: "Dense",
  config: { name, units, activation: "linear", use_bias: true, ...settings },
});
const sequential = (...layers: readonly Json[]): Json => ({
  class_name: "Sequential",
  config: { name: "sequential", layers: [input, ...layers] },
});
const message = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return TracInError.from(error).describe();
  }
  return "";
};

describe("importKeras", () => {
  const model = importKeras({ model: sequential(dense("a", 3), dense("b", 1)) }, "model.json");

  it("names inputs, outputs and weights as Keras does", () => {
    expect(model.graph.inputs).toEqual([{ name: "x", dtype: "float32", shape: ["batch", 4] }]);
    expect(model.graph.outputs).toEqual([{ name: "b", dtype: "float32", shape: ["batch", 1] }]);
    expect(model.weights.map(({ name, shape, role }) => [name, shape, role])).toEqual([
      ["a/kernel", [4, 3], "parameter"],
      ["a/bias", [3], "parameter"],
      ["b/kernel", [3, 1], "parameter"],
      ["b/bias", [1], "parameter"],
    ]);
  });

  it.each([
    ["layers/dense_1/vars/1"],
    ["b/b/bias:0"],
    ["b/sequential/b/bias"],
    ["sequential/b/bias"],
    ["b/bias:0"],
  ])("knows the last bias as %s", (alias) => {
    expect(model.weights[3]?.aliases).toContain(alias);
  });

  it("finds weights of a checkpoint by alias, and never takes a missing one for a constant", () => {
    const held = (names: readonly string[]): Checkpoint => ({
      file: "c.h5",
      format: "safetensors",
      tensors: new Map(
        names.map((name, index) => [
          name,
          { name, dtype: "float32", shape: model.weights[index]?.shape ?? [] },
        ]),
      ),
      learningRates: [],
      read: () => Promise.reject(new Error("not read")),
      close: () => Promise.resolve(),
    });
    const paths = ["dense/vars/0", "dense/vars/1", "dense_1/vars/0", "dense_1/vars/1"];
    const stored = paths.map((path) => `layers/${path}`);
    const { names } = matchCheckpoint(model, held(stored));
    expect([...names.values()]).toEqual(stored);
    expect(message(() => matchCheckpoint(model, held(stored.slice(0, 3))))).toMatch(/"b\/bias"/);
    const everything = { optional: () => true };
    const hollow = { ...model, hollow: true };
    expect(message(() => matchCheckpoint(hollow, held(stored.slice(0, 3)), everything))).toMatch(
      /"b\/bias"/,
    );
  });

  it("refuses Lambda, classes of the author's own, and settings that it does not know", () => {
    const lambda = { class_name: "Lambda", config: { name: "twice" } };
    expect(message(() => importKeras({ model: sequential(lambda) }, "m.keras"))).toMatch(
      /Lambda layer is Python code.*layer "twice \(Lambda\)"/,
    );
    const own = { class_name: "Mine", module: "my.code", config: { name: "mine" } };
    expect(message(() => importKeras({ model: sequential(own) }, "m.keras"))).toMatch(
      /"Mine" is the author's own code/,
    );
    const namesake = { class_name: "ReLU", module: "my.code", config: { name: "own" } };
    expect(message(() => importKeras({ model: sequential(namesake) }, "m.keras"))).toMatch(
      /"ReLU" is the author's own code.*layer "own \(ReLU\)"/,
    );
    const odd = dense("a", 3, { gated: true });
    expect(message(() => importKeras({ model: sequential(odd) }, "m.keras"))).toMatch(
      /The setting "gated" of this layer is not known/,
    );
  });
});
