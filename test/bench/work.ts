import type { Engine } from "../../src/core/engines/engine.ts";
import type { Graph } from "../../src/core/graph/graph.ts";
import { multiplyAdds } from "../../src/core/graph/products.ts";
import {
  arrayClass,
  type DataType,
  type Shape,
  sizeOf,
  type Tensor,
  tensorOf,
} from "../../src/core/graph/tensor.ts";

const products = new Set(["MatMul", "Gemm", "Conv", "ConvTranspose"]);

/**
 * Multiply-adds of all matrix products and convolutions of a compiled graph: model, backward pass and scores. The graph
 * is run once on zeros to learn the shapes of its values.
 */
export async function workOf(graph: Graph, engine: Engine): Promise<number> {
  const nodes = graph.nodes.filter((node) => products.has(node.op));
  const needed = [
    ...new Set(nodes.flatMap((node) => [...node.inputs.slice(0, 2), ...node.outputs])),
  ];
  const given = new Map<string, Tensor>(graph.initializers);
  for (const input of graph.inputs) {
    given.set(input.name, zeros(input.dtype, input.shape.map(Number)));
  }
  const computed = needed.filter((name) => !given.has(name));
  const program = await engine.compile({
    ...graph,
    outputs: computed.map((name) => ({ name, dtype: "float32", shape: [] })),
  });
  const values = await program.run(given);
  await program.dispose();
  const shape = (name: string): Shape => (values.get(name) ?? given.get(name))?.shape ?? [];
  return nodes.reduce((total, node) => total + multiplyAdds(node, shape), 0);
}

function zeros(dtype: DataType, shape: Shape): Tensor {
  return tensorOf(dtype, shape, new arrayClass[dtype](sizeOf(shape)));
}
