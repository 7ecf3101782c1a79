import { describe, expect, it } from "vitest";
import { classAxisOf, classesOf } from "../../../src/core/config/class-axis.ts";
import type { Config } from "../../../src/core/config/config.ts";
import { parseConfig } from "../../../src/core/config/load.ts";
import { lossText, resolveLoss } from "../../../src/core/config/loss.ts";
import type { LossSettings } from "../../../src/core/config/loss-schema.ts";
import { TracInError } from "../../../src/core/errors.ts";
import type { Model } from "../../../src/core/models/model.ts";

function model(loss?: LossSettings): Model {
  const output = (name: string) => ({ name, dtype: "float32", shape: ["batch", 3] }) as const;
  return {
    file: "model.onnx",
    graph: {
      inputs: [],
      outputs: [output("logits"), output("loss")],
      nodes: [],
      initializers: new Map(),
      opset: 18,
    },
    weights: [],
    recorded: false,
    paddingRows: new Map(),
    ...(loss === undefined ? {} : { loss }),
  };
}

function resolve(loss: Config["loss"], ofModel?: LossSettings, data: Config["data"] = {}) {
  return resolveLoss({ loss, data }, model(ofModel));
}

describe("the loss", () => {
  it("has PyTorch's defaults, and only the settings of its type", () => {
    expect(resolve("softmax-cross-entropy")).toEqual({
      type: "softmax-cross-entropy",
      reduction: "sum",
      output: "logits",
      ignoreIndex: -100,
    });
    expect(resolve("mse")).toEqual({ type: "mse", reduction: "sum", output: "logits" });
    expect(resolve({ type: "smooth-l1", beta: 0.5 })).toMatchObject({ delta: 0.5 });
  });

  it("is that of the model where tracin.json names none, and goes over it setting by setting", () => {
    const compiled: LossSettings = {
      type: "softmax-cross-entropy",
      reduction: "mean",
      labelSmoothing: 0.1,
      classAxis: -1,
    };
    expect(resolve(undefined, compiled)).toMatchObject(compiled);
    expect(resolve({ reduction: "sum" }, compiled)).toMatchObject({
      ...compiled,
      reduction: "sum",
    });
    // Another loss was not compiled: nothing but the place of the classes is known of it.
    const other = resolve({ type: "sigmoid-cross-entropy" }, compiled);
    expect(other).toMatchObject({ reduction: "sum", classAxis: -1 });
    expect(other).not.toHaveProperty("labelSmoothing");
    expect(resolve("mse", compiled)).toEqual({ type: "mse", reduction: "sum", output: "logits" });
  });

  it("takes class weights over the compiled mean, which is over the batch", () => {
    const compiled: LossSettings = { type: "softmax-cross-entropy", reduction: "mean" };
    expect(resolve({ weights: [1, 2, 3] }, compiled).reduction).toBe("sum");
    expect(resolve({ weights: [1, 2, 3], reduction: "mean" }, compiled).reduction).toBe("mean");
  });

  it("shifts where the target is the input's own tokens, unless told otherwise", () => {
    const data: Config["data"] = { train: { jsonl: "t.jsonl", target: { tokensOf: "ids" } } };
    expect(resolve("softmax-cross-entropy", undefined, data).shift).toBe(true);
    const masked: Config["loss"] = { type: "softmax-cross-entropy", shift: false };
    expect(resolve(masked, undefined, data).shift).toBe(false);
  });

  it.each<[string, () => unknown, RegExp]>([
    ["none at all", () => resolve(undefined), /"loss" is missing, and model.onnx does not say/],
    [
      "one that the model was compiled with and that is not read",
      () =>
        resolveLoss(
          { loss: undefined, data: {} },
          { ...model(), loss: { classAxis: -1, unread: '"Dice"' } },
        ),
      /"loss" is missing, and the one that model.onnx was compiled with is not read: "Dice"\./,
    ],
    ["no type", () => resolve({ reduction: "mean" }), /"loss" is missing/],
    ["no such output", () => resolve({ type: "mse", output: "y" }), /no output "y"/],
    [
      "a prediction that is no output",
      () => resolve({ type: "output", output: "loss", prediction: "y" }),
      /no output "y"/,
    ],
    [
      "a setting of another loss than the model's",
      () => resolve({ delta: 2 }, { type: "mse" }),
      /The loss "mse" has no "delta"/,
    ],
  ])("is refused with %s", (_, action, message) => {
    expect(action).toThrow(TracInError);
    expect(action).toThrow(message);
  });

  it.each<[string, RegExp]>([
    ['{ "type": "mse", "delta": 1 }', /The loss "mse" has no "delta"/],
    ['{ "type": "huber", "ignoreIndex": 1 }', /The loss "huber" has no "ignoreIndex"/],
    ['{ "type": "mse", "gamma": 2 }', /The loss "mse" has no "gamma"/],
    ['{ "type": "hinge", "weights": [1, 2] }', /The loss "hinge" has no "weights"/],
    ['{ "type": "multi-margin", "power": 3 }', /"loss.power"/],
    ['"output"', /names no output of the model/],
    ['{ "type": "huber", "delta": 0 }', /"loss.delta"/],
    ['{ "type": "mse", "redution": "mean" }', /Unknown key "loss.redution"/],
  ])("in tracin.json as %s is refused with its line", (loss, message) => {
    const text = `{
      "model": "m.onnx", "checkpoints": { "files": "c.pt" }, "features": {},
      "data": { "train": { "csv": "t.csv" } },
      "loss": ${loss}
    }`;
    try {
      parseConfig(text);
      expect.unreachable();
    } catch (error) {
      const { message: found, place } = TracInError.from(error);
      expect(found).toMatch(message);
      expect(place).toMatchObject({ file: "tracin.json", line: 4 });
    }
  });

  it("is shown with everything that is not plain", () => {
    const loss = resolve({
      type: "softmax-cross-entropy",
      reduction: "mean",
      ignoreIndex: 255,
      weights: [1, 2, 0.5],
      labelSmoothing: 0.1,
    });
    expect(lossText(loss, "positions")).toBe(
      'softmax-cross-entropy of "logits", mean over an example\'s positions that count (label 255 and padding do not); class weights 1, 2, 0.5; label smoothing 0.1',
    );
    const focal = resolve({ type: "sigmoid-cross-entropy", gamma: 2, alpha: 0.25 });
    expect(lossText(focal, "probabilities")).toBe(
      'sigmoid-cross-entropy of "logits", sum over an example\'s outputs; focal with gamma 2; alpha 0.25',
    );
    expect(lossText(resolve("mse"), "values")).toBe(
      'mse of "logits", sum over an example\'s outputs',
    );
  });
});

describe("the axis of the classes", () => {
  const at = (shape: (number | string)[], positions: number[], classAxis?: number) =>
    classAxisOf(
      { ...(classAxis === undefined ? {} : { classAxis }), output: "z" },
      shape,
      positions,
    );

  it.each<[string, (number | string)[], number[], number]>([
    ["one label", [2, 3], [], 1],
    ["tokens, classes last", [2, 16, 5], [16], 2],
    ["tokens, classes first", [2, 5, 16], [16], 1],
    ["pixels as PyTorch has them", [2, 21, 8, 8], [8, 8], 1],
    ["pixels as Keras has them", [2, 8, 8, 21], [8, 8], 3],
    ["as many classes as pixels", [2, 8, 8, 8], [8, 8], 1],
    ["open sizes", ["batch", "tokens", 5], [16], 2],
  ])("%s", (_, shape, positions, axis) => {
    expect(at(shape, positions)).toBe(axis);
  });

  it("is told where two will do", () => {
    expect(() => at([2, 5, 5], [5])).toThrow(/Either of two axes/);
    expect(at([2, 5, 5], [5], -1)).toBe(2);
    expect(at([2, 5, 5], [5], 1)).toBe(1);
    expect(() => at([2, 5, 6], [5], 1)).toThrow(/with the classes on axis 1/);
    expect(() => at([2, 5], [], 0)).toThrow(/with the classes on axis 0/);
  });

  it("gives the number of classes as far as the model file tells", () => {
    const output = "z";
    expect(classesOf({ output }, ["batch", "tokens", 5], [16])).toBe(5);
    expect(classesOf({ output }, ["batch", "tokens", "classes"], [16])).toBeUndefined();
    expect(classesOf({ output, classAxis: -1 }, ["batch", "tokens", 7], [16])).toBe(7);
    expect(classesOf({ output }, undefined, [16])).toBeUndefined();
  });
});
