import { describe, expect, it } from "vitest";
import type { Graph } from "../../../src/core/graph/graph.ts";
import { encodeGraph } from "../../../src/core/graph/onnx.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";

const graph: Graph = {
  inputs: [{ name: "ids", dtype: "int64", shape: ["batch", 2] }],
  outputs: [{ name: "y", dtype: "float32", shape: ["batch", 2, 1] }],
  nodes: [
    { op: "Gather", name: "g", inputs: ["table", "ids"], outputs: ["e"], attributes: {} },
    { op: "Mul", name: "m", inputs: ["e", "scale"], outputs: ["s"], attributes: {} },
    { op: "Add", name: "a", inputs: ["s", "pe"], outputs: ["y"], attributes: {} },
  ],
  initializers: new Map([
    ["table", float32([3, 1], [1, 2, 3])],
    ["scale", float32([1], [2])],
    ["pe", float32([2, 1], [1, 2])],
  ]),
  opset: 18,
};

function importWith(metadata: ReadonlyMap<string, string>): ReturnType<typeof importOnnx> {
  return importOnnx(encodeGraph(graph, { metadata }), "model.onnx");
}

function recorded(content: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const whole = { version: 1, buffers: [], frozen: [], paddingRows: {}, ...content };
  return new Map([["tracin", JSON.stringify(whole)]]);
}

describe("what a model file records about training", () => {
  it("nothing: every weight is a parameter, and no row is known to be padding", () => {
    const model = importWith(new Map([["author", "tracin"]]));
    expect(model.weights.map(({ role }) => role)).toEqual(["parameter", "parameter", "parameter"]);
    expect([model.recorded, model.paddingRows.size]).toEqual([false, 0]);
  });

  it("buffers and frozen parameters are no parameters; names of unused modules are passed over", () => {
    const model = importWith(
      recorded({ buffers: ["pe", "other.pe"], frozen: ["scale"], paddingRows: { table: 2, b: 9 } }),
    );
    expect(Object.fromEntries(model.weights.map(({ name, role }) => [name, role]))).toEqual({
      table: "parameter",
      scale: "buffer",
      pe: "buffer",
    });
    expect(model.recorded).toBe(true);
    expect(model.paddingRows.get("table")).toBe(2);
  });

  it.each<[string, ReadonlyMap<string, string>, RegExp]>([
    ["text that is not JSON", new Map([["tracin", "{"]]), /"tracin".*not JSON/],
    ["a later version", recorded({ version: 2 }), /version/],
    ["a name that is no text", recorded({ frozen: [3] }), /frozen\.0/],
    ["no lists", new Map([["tracin", '{"version":1}']]), /buffers/],
    ["a negative row", recorded({ paddingRows: { table: -1 } }), /paddingRows\.table/],
    ["a row beyond the table", recorded({ paddingRows: { table: 3 } }), /row 3.*3, 1/],
    ["a row of a vector", recorded({ paddingRows: { scale: 0 } }), /row 0/],
  ])("%s is a clear error", (_, metadata, message) => {
    expect(() => importWith(metadata)).toThrowError(
      expect.objectContaining({
        kind: "model",
        message: expect.stringMatching(message),
        place: expect.objectContaining({ file: "model.onnx" }),
        remedy: expect.stringContaining("Export PyTorch Model"),
      }),
    );
  });
});
