import * as ort from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import type { Values } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import type { Graph } from "../../../src/core/graph/graph.ts";
import { encodeGraph } from "../../../src/core/graph/onnx.ts";
import { type ProbedModel, probeModel } from "../../../src/core/models/probe.ts";
import { feedMaker, feedsOf, readGolden, readModel } from "./goldens.ts";

const engine = onnxruntimeEngine();
const oddOpsets = [9, 10, 11, 12, 13, 17, 18, 20];
const models = ["mlp", "cnn", "text", "transformer", ...oddOpsets.map((opset) => `odd${opset}`)];

async function run(graph: Graph, feeds: Values): Promise<Values> {
  const program = await engine.compile(graph);
  try {
    return await program.run(feeds);
  } finally {
    await program.dispose();
  }
}

/** The graph with every value an output. */
function exposed(graph: Graph): Graph {
  const names = graph.nodes.flatMap((node) => node.outputs).filter((value) => value !== "");
  return {
    ...graph,
    outputs: names.map((name) => ({ name, dtype: "float32", shape: [] })),
  };
}

/** Without the engine's own fusions, so that equal arithmetic gives equal bits. */
async function runUnfused(graph: Graph, feeds: Values) {
  const session = await ort.InferenceSession.create(encodeGraph(graph, { outputTypes: false }), {
    graphOptimizationLevel: "disabled",
  });
  const inputs = [...feeds].map(([name, { dtype, data, shape }]) => [
    name,
    new ort.Tensor(dtype as ort.Tensor.Type, data, shape),
  ]);
  const outputs = await session.run(Object.fromEntries(inputs));
  await session.release();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { type, dims, data }]) => [name, { type, dims, data }]),
  );
}

describe.each(models)("the %s exported by PyTorch", (name) => {
  const golden = readGolden(name);
  const model = readModel(name);
  let probed: ProbedModel;
  beforeAll(async () => {
    probed = await probeModel(model, engine, feedMaker(golden));
  });

  it.each(golden.cases)("gives PyTorch's outputs when folded, batch $batch", async (example) => {
    const { graph } = probed;
    const outputs = await run(graph, feedsOf(example.inputs));
    const output = outputs.get("output");
    expect(output?.shape).toEqual(example.output.shape);
    // Both compute in float32, in different orders; the outputs are of the order of 1.
    const largest = Math.max(
      ...example.output.data.map((value, index) => Math.abs(value - Number(output?.data[index]))),
    );
    expect(largest).toBeLessThan(1e-5);
  });

  it.each([1, 4, 7])("makes bit for bit the values of before folding, batch %i", async (batch) => {
    const feeds = feedMaker(golden)(batch);
    const { graph } = probed;
    const before = await runUnfused(exposed(model.graph), feeds);
    const after = await runUnfused(exposed(graph), feeds);
    expect(after["output"]).toEqual(before["output"]);
    // What folding adds: the batch size, where it is still needed, and parts of which the lookups before are views.
    const { "/batch": size, ...others } = after;
    expect(size?.data ?? BigInt64Array.of(BigInt(batch))).toEqual(BigInt64Array.of(BigInt(batch)));
    const shared = Object.entries(others).filter(([value]) => !value.includes("/tracin.places."));
    for (const [value, tensor] of shared) {
      expect([value, tensor]).toEqual([value, before[value]]);
    }
  });

  it("tells the type of every value at any batch size", async () => {
    const { graph, typeAt } = probed;
    for (const [value, { dtype, shape }] of await run(exposed(graph), feedMaker(golden)(5))) {
      expect({ value, ...typeAt(value, 5) }).toEqual({ value, dtype, shape });
    }
  });

  it("keeps every weight", () => {
    const { graph } = probed;
    for (const weight of [...golden.parameters, ...golden.buffers]) {
      expect(graph.initializers.get(weight)).toEqual(model.graph.initializers.get(weight));
    }
  });
});

describe("folding", () => {
  const operators = async (name: string): Promise<string> => {
    const { graph } = await probeModel(readModel(name), engine, feedMaker(readGolden(name)));
    return graph.nodes.map(({ op }) => op).join(" ");
  };

  it("leaves of a text model what computes", async () => {
    expect(await operators("text")).toBe(
      "Gather Transpose MatMul Add Tanh Unsqueeze Expand Cast Mul ReduceSum ReduceSum Clip Div Gemm Mul",
    );
  });

  it("leaves of a transformer's shape arithmetic the batch size for the class token alone", async () => {
    const [shape, ...rest] = (await operators("transformer")).split(" ");
    expect([shape, ...rest.slice(0, 3)]).toEqual(["Shape", "Concat", "Expand", "Concat"]);
    const arithmetic = ["Shape", "Where", "Equal", "ConstantOfShape", "Cast", "Range", "Expand"];
    expect(rest.filter((op) => arithmetic.includes(op))).toEqual(["Expand"]);
  });

  it.each(oddOpsets)("leaves the same operators of operator set %i as of 18", async (opset) => {
    expect(await operators(`odd${opset}`)).toBe(await operators("odd18"));
  });
});
