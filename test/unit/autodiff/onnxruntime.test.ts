import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differentiate } from "../../../src/core/autodiff/differentiate.ts";
import type { Engine } from "../../../src/core/engines/engine.ts";
import { onnxruntimeEngine } from "../../../src/core/engines/onnxruntime.ts";
import { tensorflowEngine } from "../../../src/core/engines/tensorflow/engine.ts";
import { GraphBuilder } from "../../../src/core/graph/builder.ts";
import type { Graph } from "../../../src/core/graph/graph.ts";
import { float32, sizeOf, type Tensor, toNumbers } from "../../../src/core/graph/tensor.ts";
import { testTensorFlow } from "../support/tensorflow.ts";
import { cases } from "./cases.ts";
import { evaluate, graphOf, type OperatorCase, typesOf } from "./harness.ts";

/** Casts between widths have no float32 form. */
const operators = Object.entries(cases).filter(([op]) => op !== "Cast");

/** float32 has 6e-8; sums of some dozen terms and quotients lose two digits. */
const tolerance = 1e-5;

describe.each([
  ["onnxruntime", onnxruntimeEngine()],
  ["TensorFlow.js", tensorflowEngine(testTensorFlow())],
] as const)("gradient rules run on %s and give what the reference engine gives", (_, engine) => {
  test.each(operators)("%s", async (op, generate) => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        expect(await difference(engine, op, generate(draw))).toBeLessThan(tolerance);
      }),
      { seed: 2, numRuns: 25 },
    );
  });
});

async function difference(engine: Engine, op: string, each: OperatorCase): Promise<number> {
  const { graph, node } = graphOf(op, { ...each, inputs: each.inputs.map((x) => x && single(x)) });
  const types = await typesOf(graph);
  const type = (value: string) => {
    const { dtype, shape } = types(value);
    return { dtype: dtype === "float64" ? ("float32" as const) : dtype, shape };
  };
  const builder = new GraphBuilder(graph);
  const outputs = node.outputs.filter((output) => type(output).dtype === "float32");
  const seeds = outputs.map((output, which) => {
    const { shape } = type(output);
    const data = Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(1 + 2.3 * i + which));
    return [output, builder.initializer(`seed.${output}`, float32(shape, data))] as const;
  });
  const wanted = each.checked.map((index) => `x${index}`);
  const gradients = differentiate(builder, graph, type, new Map(seeds), wanted);
  const names = [...outputs, ...gradients.values()];
  const backward = builder.build();
  const expected = await evaluate(backward, names);
  const found = await native(engine, backward, names);
  return Math.max(
    ...names.map((name) => {
      const [a, b] = [found.get(name), expected.get(name)];
      if (a === undefined || b === undefined || a.shape.join() !== b.shape.join()) {
        throw new Error(`${name}: shape ${a?.shape}, expected ${b?.shape}`);
      }
      const right = toNumbers(b);
      const largest = Math.max(1, ...right.map(Math.abs));
      return Math.max(...toNumbers(a).map((x, i) => Math.abs(x - (right[i] ?? 0)) / largest));
    }),
  );
}

async function native(
  engine: Engine,
  graph: Graph,
  names: readonly string[],
): Promise<Map<string, Tensor>> {
  // A graph output may not be an initializer or input itself.
  const copies = new GraphBuilder(graph);
  const outputs = names.map((name) => [name, copies.op("Identity", [name])] as const);
  for (const [, name] of outputs) {
    copies.output({ name, dtype: "float32", shape: [] });
  }
  const program = await engine.compile(copies.build());
  const results = await program.run(new Map());
  await program.dispose();
  return new Map(
    outputs.flatMap(([name, copy]) => {
      const tensor = results.get(copy);
      return tensor === undefined ? [] : [[name, tensor] as const];
    }),
  );
}

function single(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? float32(tensor.shape, tensor.data) : tensor;
}
