import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Graph, Node } from "../../../src/core/graph/graph.ts";
import { decodeModel } from "../../../src/core/graph/onnx.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";
import { withoutSorting } from "../../../src/core/models/packed.ts";

function bytesOf(model: string): Uint8Array {
  return readFileSync(new URL(`../golden/tracin/${model}/model.onnx`, import.meta.url));
}

/** Nodes that pick examples by an order that depends on the data. */
function picks(graph: Graph): number {
  const sorted = new Set<string>();
  for (const { op, inputs, outputs } of graph.nodes) {
    if (op === "TopK" || (op === "Cast" && sorted.has(inputs[0] ?? ""))) {
      outputs.map((output) => sorted.add(output));
    }
  }
  return graph.nodes.filter(({ op, inputs }) => op === "Gather" && sorted.has(inputs[1] ?? ""))
    .length;
}

describe("sorting by length around a recurrent layer", () => {
  // That their scores are those of PyTorch is tested with the other goldens of architectures.
  it.each(["model-packed", "model-packed-tagger"])("is taken out of %s", (model) => {
    const { graph } = decodeModel(bytesOf(model), model);
    expect(picks(graph)).toBeGreaterThan(0);
    expect(picks(importOnnx(bytesOf(model), model).graph)).toBe(0);
  });

  it("stays where its order is used for something else", () => {
    const { graph } = decodeModel(bytesOf("model-packed"), "model.onnx");
    const [, order = ""] = graph.nodes.find(({ op }) => op === "TopK")?.outputs ?? [];
    const other: Node = {
      op: "Neg",
      name: "other",
      inputs: [order],
      outputs: ["other"],
      attributes: {},
    };
    const used: Graph = { ...graph, nodes: [...graph.nodes, other] };
    expect(withoutSorting(used)).toBe(used);
    const shown: Graph = {
      ...graph,
      outputs: [...graph.outputs, { name: order, dtype: "int64", shape: ["batch"] }],
    };
    expect(withoutSorting(shown)).toBe(shown);
  });

  it("a sort that no recurrent layer asks for stays", () => {
    const { graph } = decodeModel(bytesOf("model-packed"), "model.onnx");
    const nodes = graph.nodes.filter(({ op }) => op !== "LSTM");
    const without: Graph = { ...graph, nodes };
    expect(withoutSorting(without)).toBe(without);
  });
});
