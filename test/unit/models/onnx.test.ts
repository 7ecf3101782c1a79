import { describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import type { Attributes, Graph, Node } from "../../../src/core/graph/graph.ts";
import { encodeGraph } from "../../../src/core/graph/onnx.ts";
import { bool, float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";
import { readGolden, readModel } from "./goldens.ts";

/** A graph of one node `n` on `x`, with other inputs as initializers. */
function single(
  op: string,
  opset: number,
  attributes: Attributes,
  more: Readonly<Record<string, Tensor>> = {},
  outputs: readonly string[] = ["y"],
): Graph {
  return {
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2, 3] }],
    outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2, 3] }],
    nodes: [{ op, name: "n", inputs: ["x", ...Object.keys(more)], outputs, attributes }],
    initializers: new Map(Object.entries(more)),
    opset,
  };
}

function import_(graph: Graph): ReturnType<typeof importOnnx> {
  return importOnnx(encodeGraph(graph), "model.onnx");
}

describe("weights of the PyTorch exports", () => {
  it.each(["mlp", "cnn", "text", "transformer", "odd18"])(
    "%s: the names of the state_dict",
    (name) => {
      const golden = readGolden(name);
      const { weights } = readModel(name);
      const named = (role: string) =>
        weights
          .filter((weight) => weight.role === role)
          .map((weight) => weight.name)
          .sort();
      expect(named("parameter")).toEqual(golden.parameters);
      expect(named("buffer")).toEqual(golden.buffers);
      expect(weights.every((weight) => weight.shape.every((size) => size > 0))).toBe(true);
    },
  );

  it("merged biases are initializers of their own and no Identity is left", () => {
    const { graph } = readModel("mlp");
    expect(graph.nodes.map(({ op }) => op)).not.toContain("Identity");
    expect(graph.nodes.map(({ op }) => op)).not.toContain("Constant");
    expect(graph.initializers.get("2.bias")).toEqual(float32([8], new Float32Array(8)));
    expect(graph.nodes.flatMap(({ inputs }) => inputs)).toContain("5.bias");
  });
});

describe("roles", () => {
  it("are told by name and use", () => {
    const one = float32([2], [1, 2]);
    const nodes: Node[] = [
      {
        op: "Constant",
        name: "c",
        inputs: [],
        outputs: ["made"],
        attributes: { value_floats: { type: "floats", value: [1, 2] } },
      },
      { op: "Identity", name: "i", inputs: ["a.bias"], outputs: ["b.bias"], attributes: {} },
      { op: "Identity", name: "j", inputs: ["b.bias"], outputs: ["c.bias"], attributes: {} },
      { op: "MatMul", name: "m", inputs: ["x", "onnx::MatMul_9"], outputs: ["h"], attributes: {} },
      {
        op: "Sum",
        name: "s",
        inputs: ["h", "made", "a.bias", "c.bias", "onnx::Sum_3", "/k", "scale"],
        outputs: ["y"],
        attributes: {},
      },
    ];
    const { graph, weights } = import_({
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2] }],
      outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2] }],
      nodes,
      initializers: new Map([
        ["a.bias", one],
        ["onnx::MatMul_9", float32([2, 2], [1, 2, 3, 4])],
        ["onnx::Sum_3", one],
        ["/k", float32([], [2])],
        ["scale", float32([], [1])],
      ]),
      opset: 18,
    });
    expect(graph.nodes.map(({ op }) => op)).toEqual(["MatMul", "Sum"]);
    expect(Object.fromEntries(weights.map(({ name, role }) => [name, role]))).toEqual({
      "a.bias": "parameter",
      "b.bias": "parameter",
      "c.bias": "parameter",
      "onnx::MatMul_9": "parameter",
      scale: "parameter",
      made: "constant",
      "onnx::Sum_3": "parameter",
      "/k": "parameter",
    });
  });
});

it.each(["float64", "float16"] as const)("weights of type %s are refused by name", (dtype) => {
  const weight: Tensor =
    dtype === "float64"
      ? { dtype, shape: [2], data: new Float64Array(2) }
      : { dtype, shape: [2], data: new Uint16Array(2) };
  const graph = single("Add", 18, {}, { "fc.bias": weight });
  expect(() => import_(graph)).toThrowError(
    expect.objectContaining({
      message: expect.stringContaining(dtype),
      place: { file: "model.onnx", tensor: "fc.bias" },
    }),
  );
});

describe("operator sets", () => {
  const statistics = {
    g: float32([2], [1, 1]),
    b: float32([2], [0, 0]),
    m: float32([2], [0, 0]),
    v: float32([2], [1, 1]),
  };

  it.each<[string, Graph, RegExp]>([
    ["8", single("Relu", 8, {}), /operator set 8; 9 to 28.*opset_version=18/],
    ["29", single("Relu", 29, {}), /operator set 29/],
    [
      "the other order of SpaceToDepth",
      single("SpaceToDepth", 28, { mode: { type: "string", value: "CRD" } }),
      /"CRD".*opset_version=18/,
    ],
    [
      "batch norm in training mode",
      single("BatchNormalization", 15, { training_mode: { type: "int", value: 1 } }, statistics),
      /training mode.*node n \(BatchNormalization\).*model\.eval/,
    ],
    [
      "batch norm with the outputs of training",
      single("BatchNormalization", 9, {}, statistics, ["y", "mean"]),
      /training mode/,
    ],
    [
      "dropout in training mode",
      single("Dropout", 13, {}, { ratio: float32([], [0.5]), training: bool([], [true]) }),
      /training mode/,
    ],
    [
      "dilated average pooling",
      single("AveragePool", 19, { dilations: { type: "ints", value: [2] } }),
      /dilation/,
    ],
    [
      "Resize with the half pixels of old TensorFlow",
      single("Resize", 11, {
        coordinate_transformation_mode: { type: "string", value: "tf_half_pixel_for_nn" },
      }),
      /tf_half_pixel_for_nn/,
    ],
    ["Slice without ends", single("Slice", 9, {}), /starts and ends/],
    ["Pad without pads", single("Pad", 9, {}), /no pads/],
  ])("%s: a clear error", (_, graph, text) => {
    let described = "";
    try {
      import_(graph);
    } catch (error) {
      described = error instanceof TracInError ? error.describe() : String(error);
    }
    expect(described).toMatch(text);
    expect(described).toContain("model.onnx");
  });
});
