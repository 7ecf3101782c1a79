import onnxProto, { type onnx } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import { decodeModel, encodeGraph } from "../../../src/core/graph/onnx.ts";
import { readModelBytes } from "../models/goldens.ts";
import { firstNode, graph } from "./written.ts";

const { ModelProto, TensorProto } = onnxProto.onnx;

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
