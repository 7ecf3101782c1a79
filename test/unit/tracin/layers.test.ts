import { expect, test } from "vitest";
import type { LossSpec } from "../../../src/core/config/project.ts";
import { referenceEngine } from "../../../src/core/engines/reference/engine.ts";
import type { Graph, Node } from "../../../src/core/graph/graph.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";
import { probeModel } from "../../../src/core/models/probe.ts";
import { compileScores } from "../../../src/core/tracin/compile.ts";
import { chooseForms } from "../../../src/core/tracin/cost.ts";
import { lossGraph } from "../../../src/core/tracin/forward.ts";
import { chooseParameters } from "../../../src/core/tracin/layers.ts";

const loss: LossSpec = { type: "mse", reduction: "sum", output: "y" };
const target = { dtype: "float32", shape: [2], masked: false, reading: "values" } as const;
const matrix = (name: string, inputs: readonly string[], output: string): Node => ({
  op: "MatMul",
  name,
  inputs,
  outputs: [output],
  attributes: {},
});

/** A body with a head "y" that the loss reads, and another head that comes after it. */
async function twoHeads() {
  const parameters = ["body.weight", "head.weight", "other.weight"];
  const shape = ["batch", 2] as const;
  const graph: Graph = {
    inputs: [{ name: "x", dtype: "float32", shape }],
    outputs: ["y", "unread"].map((name) => ({ name, dtype: "float32", shape })),
    nodes: [
      matrix("body", ["x", "body.weight"], "h"),
      matrix("head", ["h", "head.weight"], "y"),
      matrix("other", ["h", "other.weight"], "unread"),
    ],
    initializers: new Map(parameters.map((name) => [name, float32([2, 2], [1, 2, 3, 4])])),
    opset: 18,
  };
  const weights = parameters.map((name) => ({ name, shape: [2, 2], role: "parameter" as const }));
  const model = { file: "model.onnx", graph, weights, recorded: false, paddingRows: new Map() };
  const probed = await probeModel(
    model,
    referenceEngine(),
    (batch) => new Map([["x", float32([batch, 2], new Float32Array(2 * batch))]]),
  );
  return { probed, parameters };
}

test("the last layer is the last one that the loss depends on", async () => {
  const { probed, parameters } = await twoHeads();
  expect(chooseParameters(lossGraph(probed, loss, target), parameters, "last")).toEqual([
    "head.weight",
  ]);
});

test("parameters on which the loss does not depend are no question", async () => {
  const { probed, parameters } = await twoHeads();
  const ask = (counted: readonly string[]) =>
    compileScores(
      {
        probed,
        loss,
        target,
        counted: new Set(counted),
        weights: parameters,
        batch: 2,
      },
      { queries: 1, aggregate: false, queryFloats: 1e6 },
      chooseForms,
      referenceEngine(),
    );
  expect((await ask(parameters)).groups.length).toBe(2);
  await expect(ask(["other.weight"])).rejects.toThrow(/does not depend on any.*parameters/);
});
