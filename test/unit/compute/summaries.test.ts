import { expect, it } from "vitest";
import { summarizeProject } from "../../../src/compute/summaries.ts";
import type { Project } from "../../../src/core/config/project.ts";
import type { Node } from "../../../src/core/graph/graph.ts";
import { float32 } from "../../../src/core/graph/tensor.ts";

const unused = () => Promise.reject(new Error("not used here"));

/** A project whose model has a head "y" that the loss reads, and after it one that it does not. */
function twoHeads(): Project {
  const parameters = ["body.weight", "head.weight", "other.weight"];
  const shape = ["batch", 2] as const;
  const matrix = (name: string, input: string, output: string): Node => ({
    op: "MatMul",
    name,
    inputs: [input, `${name}.weight`],
    outputs: [output],
    attributes: {},
  });
  return {
    root: "/project",
    config: {
      model: "model.onnx",
      checkpoints: { files: "*.pt" },
      loss: { type: "mse", output: "y" },
      layers: "last",
      data: {},
      features: {},
    },
    model: {
      file: "model.onnx",
      graph: {
        inputs: [{ name: "x", dtype: "float32", shape }],
        outputs: ["y", "unread"].map((name) => ({ name, dtype: "float32", shape })),
        nodes: [matrix("body", "x", "h"), matrix("head", "h", "y"), matrix("other", "h", "unread")],
        initializers: new Map(parameters.map((name) => [name, float32([2, 2], [1, 2, 3, 4])])),
        opset: 18,
      },
      weights: parameters.map((name) => ({ name, shape: [2, 2], role: "parameter" })),
      recorded: false,
      paddingRows: new Map(),
    },
    checkpoints: [],
    parameters,
    buffers: [],
    datasets: new Map(),
    encoder: {
      state: { version: 1 },
      labels: undefined,
      encode: unused,
      encodeAt: unused,
      className: String,
      reading: "values",
      targetTexts: unused,
    },
    loss: { type: "mse", reduction: "sum", output: "y" },
    readWeights: unused,
    close: async () => {},
  };
}

it("the last layer that counts is the last one that the loss depends on", () => {
  const { parameters } = summarizeProject(twoHeads()).model;
  expect(parameters.filter(({ counted }) => counted).map(({ name }) => name)).toEqual([
    "head.weight",
  ]);
});
