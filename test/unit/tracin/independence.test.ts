import { expect, test } from "vitest";
import type { Project } from "../../../src/core/config/project.ts";
import type { Encoder } from "../../../src/core/datasets/encoder.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Node } from "../../../src/core/graph/graph.ts";
import { int64 } from "../../../src/core/graph/tensor.ts";
import { Scorer } from "../../../src/core/tracin/scorer.ts";
import { openSynthetic } from "./golden.ts";

const options = { engine: onnxruntimeEngine(), memoryLimit: 2 ** 30, layers: "all" } as const;

/** The project with the mean over the batch taken off its input. */
function centred(project: Project): Project {
  const { graph } = project.model;
  const node = (op: string, inputs: readonly string[], output: string): Node => ({
    op,
    name: output,
    inputs,
    outputs: [output],
    attributes: {},
  });
  const nodes = [
    node("ReduceMean", ["x", "axes"], "mean"),
    node("Sub", ["x", "mean"], "centred"),
    ...graph.nodes.map((other) => ({
      ...other,
      inputs: other.inputs.map((input) => (input === "x" ? "centred" : input)),
    })),
  ];
  const initializers = new Map([...graph.initializers, ["axes", int64([1], [0])] as const]);
  return { ...project, model: { ...project.model, graph: { ...graph, nodes, initializers } } };
}

/** The encoder with the first examples all alike. */
function withCopies(encoder: Encoder, copies: number): Encoder {
  const original = (index: number) => (index < copies ? 0 : index);
  return {
    ...encoder,
    encode: (dataset, start, end) =>
      encoder.encodeAt(
        dataset,
        Array.from({ length: end - start }, (_, offset) => original(start + offset)),
      ),
    encodeAt: (dataset, indices) => encoder.encodeAt(dataset, indices.map(original)),
  };
}

test("a model of independent examples opens", async () => {
  const { project } = await openSynthetic("tied-linear");
  await (await Scorer.open(project, options)).close();
});

test.each([0, 3])("a mean over the batch is refused, %i copies first", async (copies) => {
  const { project } = await openSynthetic("tied-linear");
  const mixing = { ...centred(project), encoder: withCopies(project.encoder, copies) };
  await expect(Scorer.open(mixing, options)).rejects.toThrow(/mixes examples/);
});
