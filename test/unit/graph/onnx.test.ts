import onnxProto from "onnx-proto";
import { describe, expect, it } from "vitest";
import { decodeModel, encodeGraph } from "../../../src/core/graph/onnx.ts";
import { float32, type Tensor, tensorOf } from "../../../src/core/graph/tensor.ts";
import { readModelBytes } from "../models/goldens.ts";
import { firstNode, graph } from "./written.ts";

const { ModelProto } = onnxProto.onnx;

const tensors: readonly Tensor[] = [
  float32([2, 2], [1.5, -0, Number.NaN, 1e-40]),
  tensorOf("float64", [2], Float64Array.of(Math.PI, -1e300)),
  tensorOf("float16", [2], Uint16Array.of(0x3c00, 0xfc00)),
  tensorOf("bfloat16", [2], Uint16Array.of(0x3f80, 0xff80)),
  tensorOf("int8", [2], Int8Array.of(-128, 127)),
  tensorOf("int16", [2], Int16Array.of(-32768, 32767)),
  tensorOf("int32", [2], Int32Array.of(-(2 ** 31), 2 ** 31 - 1)),
  tensorOf("int64", [2], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n)),
  tensorOf("uint8", [2], Uint8Array.of(0, 255)),
  tensorOf("uint16", [2], Uint16Array.of(0, 65535)),
  tensorOf("uint32", [2], Uint32Array.of(0, 2 ** 32 - 1)),
  tensorOf("uint64", [2], BigUint64Array.of(0n, 2n ** 64n - 1n)),
  tensorOf("bool", [2], Uint8Array.of(0, 1)),
];

describe("the ONNX codec", () => {
  it("gives back the graph that it wrote, every attribute type included", () => {
    expect(decodeModel(encodeGraph(graph), "model.onnx").graph).toEqual(graph);
  });

  it.each(tensors)("gives back $dtype bit for bit", (tensor) => {
    const initializers = new Map([["w", tensor]]);
    const again = decodeModel(encodeGraph({ ...graph, initializers }), "model.onnx").graph;
    expect(again.initializers.get("w")).toEqual(tensor);
  });

  it("reads every element type from its typed field", () => {
    const { initializers } = decodeModel(readModelBytes("typed"), "typed.onnx").graph;
    const expected: Record<string, Tensor> = {
      FLOAT: float32([2], [1.5, -2]),
      FLOAT16: tensorOf("float16", [2], Uint16Array.of(0x3c00, 0xc000)),
      BFLOAT16: tensorOf("bfloat16", [2], Uint16Array.of(0x3f80, 0xc000)),
    };
    const sameAbove = [
      "float64",
      "int8",
      "int16",
      "int32",
      "int64",
      "uint8",
      "uint16",
      "uint32",
      "uint64",
      "bool",
    ];
    for (const tensor of tensors.filter(({ dtype }) => sameAbove.includes(dtype))) {
      expected[tensor.dtype === "float64" ? "DOUBLE" : tensor.dtype.toUpperCase()] = tensor;
    }
    expect(Object.fromEntries(initializers)).toEqual(expected);
  });

  it("saturates integers beyond the safe range, which mean 'to the end'", () => {
    const [node] = decodeModel(readModelBytes("typed"), "typed.onnx").graph.nodes;
    expect(node?.attributes["ends"]).toEqual({ type: "ints", value: [Number.MAX_SAFE_INTEGER] });
    expect(node?.attributes["smallest"]).toEqual({ type: "int", value: Number.MIN_SAFE_INTEGER });
  });

  it("names nodes that have no name or a repeated one", () => {
    const model = ModelProto.decode(encodeGraph(graph));
    for (const node of model.graph?.node ?? []) {
      node.name = "same";
    }
    firstNode(model).name = "";
    model.graph?.node?.push({ opType: "Third", name: "same", input: ["end"], output: ["last"] });
    const { nodes } = decodeModel(ModelProto.encode(model).finish(), "model.onnx").graph;
    expect(nodes.map(({ name }) => name)).toEqual(["Made_0", "same", "same_2"]);
  });

  it("takes initializers that old files repeat as inputs for initializers", () => {
    const model = ModelProto.decode(encodeGraph(graph));
    model.graph?.input?.push({
      name: "w",
      type: { tensorType: { elemType: 1, shape: { dim: [] } } },
    });
    const again = decodeModel(ModelProto.encode(model).finish(), "model.onnx").graph;
    expect(again.inputs.map(({ name }) => name)).toEqual(["x"]);
  });
});
