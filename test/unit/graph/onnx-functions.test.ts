import { readFileSync } from "node:fs";
import onnxProto, { type onnx } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { decodeModel } from "../../../src/core/graph/onnx.ts";
import { float32, toNumbers } from "../../../src/core/graph/tensor.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";
import { readModelBytes } from "../models/goldens.ts";

const { AttributeProto, ModelProto } = onnxProto.onnx;
const bytes = readModelBytes("functions");

/** The golden of test/golden/onnx_functions.py: its function Block calls Dense. */
const golden: { readonly x: readonly number[]; readonly y: readonly number[] } = JSON.parse(
  readFileSync(new URL("../golden/onnx/functions.json", import.meta.url), "utf8"),
);

function changed(change: (model: onnx.ModelProto) => void): Uint8Array {
  const model = ModelProto.decode(bytes);
  change(model);
  return ModelProto.encode(model).finish();
}

function errorOf(change: (model: onnx.ModelProto) => void): string {
  try {
    decodeModel(changed(change), "model.onnx");
  } catch (error) {
    expect(error).toBeInstanceOf(TracInError);
    return error instanceof TracInError ? error.describe() : "";
  }
  throw new Error("no error was thrown");
}

describe("functions of a model are inlined", () => {
  it("with attributes given, left out and by default, inputs and outputs left out", async () => {
    const { graph, weights } = importOnnx(bytes, "functions.onnx");
    expect(new Set(graph.nodes.map(({ op }) => op))).toEqual(
      new Set(["MatMul", "Add", "LeakyRelu", "Softmax", "Clip", "Mul", "Identity"]),
    );
    expect(weights.filter(({ role }) => role === "parameter").map(({ name }) => name)).toEqual(
      expect.arrayContaining(["w1", "b1", "w2", "b2"]),
    );
    const program = await referenceEngine().compile(graph);
    const found = await program.run(new Map([["x", float32([2, 4], golden.x)]]));
    const y = found.get("y");
    expect(y?.shape).toEqual([2, 3]);
    toNumbers(y ?? float32([0], [])).forEach((value, index) => {
      expect(value).toBeCloseTo(golden.y[index] ?? Number.NaN, 10);
    });
  });

  it("names nodes after the call, so that messages tell where they are", () => {
    const names = decodeModel(bytes, "functions.onnx").graph.nodes.map(({ name }) => name);
    expect(names).toContain("first/LeakyRelu_1");
    expect(names).toContain("second/Dense_0/MatMul_0");
    expect(new Set(names).size).toBe(names.length);
  });

  it("calls that share a name keep their values apart", () => {
    const same = changed((model) => {
      for (const node of model.graph?.node ?? []) {
        node.name = "same";
      }
    });
    // Defaults are lost when our protobuf library writes the file again; the structure is what counts here.
    expect(() => decodeModel(same, "model.onnx")).not.toThrow();
  });

  it.each<[string, (model: onnx.ModelProto) => void, RegExp]>([
    [
      "a function that calls itself",
      (model) => {
        const dense = model.functions?.[0];
        dense?.node?.push({ opType: "Block", domain: "pkg.own", input: ["x"], output: ["z"] });
      },
      /function \w+ calls itself.*model\.onnx.*inline_local_functions/,
    ],
    [
      "another operator set",
      (model) => {
        const [first] = model.functions?.[0]?.opsetImport ?? [];
        if (first) {
          first.version = 12;
        }
      },
      /Dense is written in operator set 12, the model in 18/,
    ],
    [
      "two functions of one name",
      (model) => {
        model.functions?.push(model.functions[0] ?? {});
      },
      /defines the function Dense more than once/,
    ],
    [
      "too many inputs",
      (model) => {
        model.graph?.node?.[0]?.input?.push("x", "x");
      },
      /takes 4 inputs/,
    ],
    [
      "a subgraph",
      (model) => {
        const [node] = model.functions?.[0]?.node ?? [];
        node?.attribute?.push({ name: "body", type: AttributeProto.AttributeType.GRAPH });
      },
      /"body" is a subgraph/,
    ],
    [
      "a function that is not there",
      (model) => {
        model.functions = (model.functions ?? []).slice(0, 1);
      },
      /operator Block belongs to the domain "pkg\.own"/,
    ],
  ])("%s is refused", (_, change, text) => {
    expect(errorOf(change)).toMatch(text);
  });

  it("functions that double at each level end with an error, not with the memory", () => {
    const description = errorOf((model) => {
      const call = (name: string, input: string, output: string): onnx.INodeProto => ({
        opType: name,
        domain: "pkg.own",
        input: [input],
        output: [output],
      });
      model.functions = Array.from({ length: 40 }, (_, level) => ({
        name: `F${level}`,
        domain: "pkg.own",
        input: ["x"],
        output: ["y"],
        opsetImport: [{ domain: "", version: 18 }],
        node:
          level === 0
            ? [{ opType: "Relu", input: ["x"], output: ["y"] }]
            : [call(`F${level - 1}`, "x", "a"), call(`F${level - 1}`, "a", "y")],
      }));
      const { graph } = model;
      if (graph) {
        graph.node = [call("F39", "x", "y")];
      }
    });
    expect(description).toMatch(/too many nodes/);
  });
});
