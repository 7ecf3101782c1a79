import { expect, it } from "vitest";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import { encodeGraph } from "../../../src/core/graph/onnx.ts";
import { float32, int64 } from "../../../src/core/graph/tensor.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";
import { probeModel } from "../../../src/core/models/probe.ts";

/** The operators of a graph on x [batch, 2] when folded, in order. */
async function folded(build: (builder: GraphBuilder) => string): Promise<readonly string[]> {
  const builder = new GraphBuilder();
  builder.input({ name: "x", dtype: "float32", shape: ["batch", 2] });
  builder.output({ name: build(builder), dtype: "float32", shape: ["batch", 2] });
  const model = importOnnx(encodeGraph(builder.build()), "model.onnx");
  const feeds = (batch: number) =>
    new Map([["x", float32([batch, 2], new Float32Array(2 * batch))]]);
  const { graph } = await probeModel(model, onnxruntimeEngine(), feeds);
  return graph.nodes.map((node) => node.op);
}

it("a CastLike to the same type disappears, another one is a Cast", async () => {
  const ids = int64([2], [1, 2]);
  const operators = await folded((b) => {
    const same = b.op("CastLike", ["x", b.constant(float32([1], [0]))]);
    const whole = b.op("CastLike", [same, b.constant(ids)]);
    return b.op("Cast", [whole], { to: 1 });
  });
  expect(operators).toEqual(["Cast", "Cast"]);
});

/** Lookups of the places of the second axis, one after the other added to x. */
function lookups(b: GraphBuilder, places: readonly number[]): string {
  return places.reduce((sum, place) => {
    const index = b.constant(int64([], [place]));
    return b.add2(sum, b.op("Unsqueeze", [b.op("Gather", ["x", index], { axis: 1 }), b.ints([1])]));
  }, "x");
}

it.each([
  ["every place of an axis are the parts of a Split", [1, 0], ["Split", "Squeeze"]],
  ["a place counted from the end and twice too", [-1, 0, 1], ["Split", "Squeeze"]],
  ["some places stay", [1, -1], ["Gather"]],
])("lookups of %s", async (_, places, expected) => {
  const operators = await folded((b) => lookups(b, places));
  const found = operators.filter((op) => op !== "Unsqueeze" && op !== "Add");
  expect([...new Set(found)]).toEqual(expected);
  expect(found.filter((op) => op === "Split")).toHaveLength(expected.length - 1);
});
