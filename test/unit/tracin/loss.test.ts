import { describe, expect, test } from "vitest";
import type { LossSpec } from "../../../src/core/config/project.ts";
import { TracInError } from "../../../src/core/errors.ts";
import type { Graph, Node } from "../../../src/core/graph/graph.ts";
import type { Shape } from "../../../src/core/graph/tensor.ts";
import { withLogits } from "../../../src/core/tracin/loss/logits.ts";

const softmax: LossSpec = { type: "softmax-cross-entropy", reduction: "sum", output: "y" };
const sigmoid: LossSpec = { type: "sigmoid-cross-entropy", reduction: "sum", output: "y" };

/** A chain of operators from "z" to "y"; values between are named by their number. */
function chain(...ops: readonly (readonly [op: string, axis?: number])[]): Graph {
  const nodes = ops.map(([op, axis], index): Node => {
    const output = index === ops.length - 1 ? "y" : String(index);
    return {
      op,
      name: `n${index}`,
      inputs: [index === 0 ? "z" : String(index - 1)],
      outputs: [output],
      attributes: axis === undefined ? {} : { axis: { type: "int", value: axis } },
    };
  });
  const shape = ["batch", 4] as const;
  return {
    inputs: [{ name: "z", dtype: "float32", shape }],
    outputs: [{ name: "y", dtype: "float32", shape }],
    nodes,
    initializers: new Map(),
    opset: 18,
  };
}

const shapes =
  (z: (batch: number) => Shape, y: (batch: number) => Shape = (batch) => [batch, 4]) =>
  (value: string, batch: number) =>
    (value === "y" ? y : z)(batch);
const flat = shapes((batch) => [batch, 4]);

/** What each node that the logits come from reads. */
function logits(graph: Graph, loss: LossSpec, shape = flat): string {
  const found = withLogits(graph, loss, [], shape);
  const makers = new Map(found.graph.nodes.map((node) => [node.outputs[0] ?? "", node]));
  const path: string[] = [];
  let value = found.output;
  for (let node = makers.get(value); node !== undefined; node = makers.get(value)) {
    path.unshift(node.op);
    value = node.inputs[0] ?? "";
  }
  return path.join(" ");
}

describe("what ends the model", () => {
  test.each<[string, Graph, LossSpec, string]>([
    ["a sigmoid", chain(["Relu"], ["Sigmoid"]), sigmoid, "Relu"],
    [
      "a sigmoid with an axis dropped",
      chain(["Relu"], ["Sigmoid"], ["Squeeze"]),
      sigmoid,
      "Relu Squeeze",
    ],
    [
      "a column of a sigmoid",
      chain(["Sigmoid"], ["Gather"], ["Reshape"]),
      sigmoid,
      "Gather Reshape",
    ],
    ["a softmax", chain(["Relu"], ["Softmax", 1]), softmax, "Relu"],
    ["a softmax over the last axis", chain(["Softmax", -1]), softmax, ""],
    ["no activation", chain(["Relu"], ["Flatten"]), softmax, "Relu Flatten"],
    ["log-probabilities", chain(["LogSoftmax", 1]), softmax, "LogSoftmax"],
    ["a sigmoid in a squared error", chain(["Sigmoid"]), { ...sigmoid, type: "mse" }, "Sigmoid"],
    ["a sigmoid before a softmax cross-entropy", chain(["Sigmoid"]), softmax, "Sigmoid"],
    ["a sigmoid inside", chain(["Sigmoid"], ["Neg"]), sigmoid, "Sigmoid Neg"],
  ])("%s", (_, graph, loss, expected) => {
    expect(logits(graph, loss)).toBe(expected);
  });

  test.each<[Graph, LossSpec, string]>([
    [chain(["Sigmoid"], ["Clip"], ["Squeeze"]), sigmoid, "Sigmoid"],
    [chain(["Softmax", 1], ["Reshape"], ["Max"]), softmax, "Softmax"],
  ])(
    "probabilities that are cut off are refused: they are no logits",
    (graph, loss, activation) => {
      const place = expect.objectContaining({
        place: expect.objectContaining({ node: expect.any(String) }),
      });
      expect(() => logits(graph, loss)).toThrow(TracInError);
      expect(() => logits(graph, loss)).toThrow(`is cut off after a ${activation}`);
      expect(() => logits(graph, loss)).toThrow(place);
      // Cut logits are logits, and other losses take numbers as they are.
      expect(logits(chain(["Neg"], ["Clip"]), sigmoid)).toBe("Neg Clip");
      expect(logits(graph, { ...loss, type: "mae" })).toMatch(activation);
    },
  );

  test("a softmax over the channels of a 1x1 map", () => {
    const graph = chain(["Softmax", 1], ["Flatten"]);
    expect(
      logits(
        graph,
        softmax,
        shapes((batch) => [batch, 4, 1, 1]),
      ),
    ).toBe("Flatten");
  });

  test.each<[string, Graph, (value: string, batch: number) => Shape]>([
    ["over the batch", chain(["Softmax", 0]), flat],
    [
      "over the pixels of a map",
      chain(["Softmax", 2], ["Flatten"]),
      shapes((batch) => [batch, 2, 2]),
    ],
    ["over another axis order", chain(["Softmax", 1], ["Transpose"]), flat],
  ])("a softmax %s is refused", (_, graph, shape) => {
    expect(() => withLogits(graph, softmax, [], shape)).toThrowError(TracInError);
  });
});
