import onnxProto, { type onnx } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import type { Attribute, Graph } from "../../../src/core/graph/graph.ts";
import { decodeModel, encodeGraph } from "../../../src/core/graph/onnx.ts";
import { float32, type Tensor, tensorOf } from "../../../src/core/graph/tensor.ts";
import { readModelBytes } from "../models/goldens.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;

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

const graph: Graph = {
  inputs: [{ name: "x", dtype: "float32", shape: ["batch", 3] }],
  outputs: [{ name: "y", dtype: "float16", shape: ["batch", 1] }],
  nodes: [
    { op: "Made", name: "a", inputs: ["x", "", "w"], outputs: ["y", "", "z"], attributes },
    { op: "Other", name: "b", inputs: ["z"], outputs: ["end"], attributes: {} },
  ],
  initializers: new Map([["w", float32([3], [1, 2, 3])]]),
  opset: 18,
};

/** The error of reading a model that was changed before it was written. */
function errorOf(change: (model: onnx.ModelProto) => void): TracInError {
  const model = ModelProto.decode(encodeGraph(graph));
  change(model);
  return errorOfBytes(ModelProto.encode(model).finish());
}

function errorOfBytes(bytes: Uint8Array): TracInError {
  try {
    decodeModel(bytes, "model.onnx");
  } catch (error) {
    expect(error).toBeInstanceOf(TracInError);
    if (error instanceof TracInError) {
      expect(error.kind).toBe("model");
      expect(error.place.file).toBe("model.onnx");
      return error;
    }
  }
  throw new Error("no error was thrown");
}

function weight(model: onnx.ModelProto): onnx.ITensorProto {
  return model.graph?.initializer?.[0] ?? {};
}

function firstNode(model: onnx.ModelProto): onnx.INodeProto {
  return model.graph?.node?.[0] ?? {};
}

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

describe("a damaged or hostile model", () => {
  const golden = readModelBytes("cnn");

  it("is an error of kind model wherever the file is cut", () => {
    let readable = 0;
    for (let length = 0; length < golden.length; length += 1) {
      try {
        decodeModel(golden.subarray(0, length), "model.onnx");
        readable += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(TracInError);
      }
    }
    // The operator set stands at the end of the file: no shorter file is a model.
    expect(readable).toBe(0);
  });

  it("never throws anything else for a changed byte", () => {
    for (let offset = 0; offset < golden.length; offset += 1) {
      const bytes = Uint8Array.from(golden);
      bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
      try {
        decodeModel(bytes, "model.onnx");
      } catch (error) {
        expect(error).toBeInstanceOf(TracInError);
      }
    }
    expect(() => decodeModel(golden, "model.onnx")).not.toThrow();
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("# not a model\n".repeat(50))],
    ["zeros", new Uint8Array(100)],
    ["ones", new Uint8Array(100).fill(255)],
    ["a zip archive", Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0, 0, 0)],
  ])("%s is no model", (_, bytes) => {
    expect(errorOfBytes(bytes).describe()).toContain("model.onnx");
  });

  it("subgraphs nested thousands deep do not overflow the stack", () => {
    // From the inside out: a graph (field 6) inside an attribute (5) inside a node (1), and so on.
    const headers: number[][] = [];
    let length = 0;
    for (const field of Array.from(
      { length: 15_000 },
      (_, level) => [0x32, 0x2a, 0x0a][level % 3],
    )) {
      const header = [field ?? 0, ...varint(length)];
      headers.push(header);
      length += header.length;
    }
    const model = Uint8Array.from([0x3a, ...varint(length), ...headers.reverse().flat()]);
    expect(errorOfBytes(model).message).toMatch(/cannot be read|unsupported|operator set/);
  });

  it.each<[string, (model: onnx.ModelProto) => void, RegExp]>([
    [
      "raw bytes too short",
      (m) => {
        weight(m).rawData = new Uint8Array(11);
      },
      /12 bytes, but has 11.*tensor "w"/,
    ],
    [
      "raw bytes too long",
      (m) => {
        weight(m).rawData = new Uint8Array(16);
      },
      /12 bytes, but has 16/,
    ],
    [
      "huge sizes",
      (m) => {
        weight(m).dims = [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1];
      },
      /but has 12/,
    ],
    [
      "impossible sizes",
      (m) => {
        weight(m).dims = [2 ** 40];
      },
      /impossible size 1099511627776/,
    ],
    [
      "negative sizes",
      (m) => {
        weight(m).dims = [-3];
      },
      /impossible size -3/,
    ],
    [
      "no data",
      (m) => {
        weight(m).rawData = new Uint8Array();
      },
      /3 elements, but has 0/,
    ],
    [
      "text elements",
      (m) => {
        weight(m).dataType = 8;
      },
      /type string.*tensor "w"/,
    ],
    [
      "elements of the future",
      (m) => {
        weight(m).dataType = 99;
      },
      /number 99/,
    ],
    [
      "data in another file",
      (m) => {
        weight(m).dataLocation = TensorProto.DataLocation.EXTERNAL;
        weight(m).externalData = [{ key: "location", value: "../../etc/passwd" }];
      },
      /another file.*tensor "w".*onnx\.save/,
    ],
    [
      "a weight without name",
      (m) => {
        weight(m).name = "";
      },
      /no name/,
    ],
    [
      "two weights of one name",
      (m) => {
        m.graph?.initializer?.push(weight(m));
      },
      /same name.*tensor "w"/,
    ],
    [
      "a loop",
      (m) => {
        firstNode(m).opType = "Loop";
        firstNode(m).attribute = [{ name: "body", type: 5, g: {} }];
      },
      /loops.*node a \(Loop\)/,
    ],
    [
      "a choice with one branch",
      (m) => {
        firstNode(m).opType = "If";
        firstNode(m).attribute = [{ name: "then_branch", type: 5, g: { output: [{ name: "x" }] } }];
      },
      /no else_branch.*node a \(If\)/,
    ],
    [
      "branches without the outputs of their node",
      (m) => {
        firstNode(m).opType = "If";
        firstNode(m).attribute = ["then_branch", "else_branch"].map((name) => ({
          name,
          type: 5,
          g: {},
        }));
      },
      /fewer outputs.*node a \(If\)/,
    ],
    [
      "branches in branches without end",
      (m) => {
        let graph: onnx.IGraphProto = { output: [{ name: "x" }] };
        for (let depth = 0; depth < 20; depth++) {
          const output = [`y${depth}`];
          const attribute = [
            { name: "then_branch", type: 5, g: graph },
            { name: "else_branch", type: 5, g: { output: [{ name: "x" }] } },
          ];
          graph = {
            node: [{ opType: "If", input: ["x"], output, attribute }],
            output: [{ name: `y${depth}` }],
          };
        }
        firstNode(m).opType = "If";
        firstNode(m).attribute = [{ name: "then_branch", type: 5, g: graph }];
      },
      /nested too deep/,
    ],
    [
      "another domain",
      (m) => {
        firstNode(m).domain = "com.microsoft";
      },
      /operator Made.*"com\.microsoft".*node a \(Made\)/,
    ],
    [
      "a function that redefines an operator and does not make its outputs",
      (m) => {
        m.functions = [{ name: "Made", input: ["a", "b", "c"], output: ["d"] }];
      },
      /"y" is used but not made|"z" is used but not made|never makes this output/,
    ],
    [
      "an attribute without type",
      (m) => {
        firstNode(m).attribute = [{ name: "k" }];
      },
      /"k" has the unsupported type UNDEFINED/,
    ],
    [
      "no operator set",
      (m) => {
        m.opsetImport = [];
      },
      /operator set/,
    ],
    [
      "no nodes",
      (m) => {
        if (m.graph) {
          m.graph.node = [];
        }
      },
      /no ONNX graph/,
    ],
    [
      "a value that nothing makes",
      (m) => {
        firstNode(m).input = ["nowhere"];
      },
      /"nowhere" is used but not made.*node a/,
    ],
    [
      "a value made twice",
      (m) => {
        firstNode(m).output = ["y", "x"];
      },
      /"x" is made twice/,
    ],
    [
      "nodes out of order",
      (m) => {
        m.graph?.node?.reverse();
      },
      /"z" is used but not made.*node b/,
    ],
    [
      "an output that nothing makes",
      (m) => {
        m.graph?.output?.push({ name: "q", type: { tensorType: { elemType: 1 } } });
      },
      /never makes this output.*tensor "q"/,
    ],
    [
      "an input without shape",
      (m) => {
        m.graph?.input?.splice(0, 1, { name: "x", type: { tensorType: { elemType: 1 } } });
      },
      /shape of this input.*tensor "x"/,
    ],
    [
      "an input that is no tensor",
      (m) => {
        m.graph?.input?.splice(0, 1, { name: "x" });
      },
      /not a tensor.*tensor "x"/,
    ],
  ])("%s: what and where", (_, change, text) => {
    expect(errorOf(change).describe()).toMatch(text);
  });
});

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
