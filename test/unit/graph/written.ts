import type { onnx } from "onnx-proto";
import type { Attribute, Graph } from "../../../src/core/graph/graph.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";

const attributes: Readonly<Record<string, Attribute>> = {
  int: { type: "int", value: -7 },
  largest: { type: "int", value: Number.MAX_SAFE_INTEGER },
  float: { type: "float", value: 0.5 },
  string: { type: "string", value: "größe" },
  ints: { type: "ints", value: [1, -1, 0] },
  floats: { type: "floats", value: [0.25, -2] },
  strings: { type: "strings", value: ["a", ""] },
  tensor: { type: "tensor", value: float32([], [3]) },
};

/** A graph with every type of attribute, to be written and read. */
export const graph: Graph = {
  inputs: [{ name: "x", dtype: "float32", shape: ["batch", 3] }],
  outputs: [{ name: "y", dtype: "float16", shape: ["batch", 1] }],
  nodes: [
    { op: "Made", name: "a", inputs: ["x", "", "w"], outputs: ["y", "", "z"], attributes },
    { op: "Other", name: "b", inputs: ["z"], outputs: ["end"], attributes: {} },
  ],
  initializers: new Map([["w", float32([3], [1, 2, 3])]]),
  opset: 18,
};

/** The first node of a model that was written. */
export function firstNode(model: onnx.ModelProto): onnx.INodeProto {
  return model.graph?.node?.[0] ?? {};
}
