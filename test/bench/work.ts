import type { Engine } from "../../src/core/engines/engine.ts";
import type { Graph, Node } from "../../src/core/graph/graph.ts";
import { intAttribute } from "../../src/core/graph/graph.ts";
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
export async function multiplyAdds(graph: Graph, engine: Engine): Promise<number> {
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
  const shape = (name: string | undefined): Shape =>
    (values.get(name ?? "") ?? given.get(name ?? ""))?.shape ?? [];
  return nodes.reduce((total, node) => total + productCost(node, shape), 0);
}

function productCost(node: Node, shape: (name: string | undefined) => Shape): number {
  const [a, b] = [shape(node.inputs[0]), shape(node.inputs[1])];
  const output = sizeOf(shape(node.outputs[0]));
  switch (node.op) {
    case "Gemm":
      return output * (a[intAttribute(node, "transA", 0) === 1 ? 0 : 1] ?? 1);
    case "Conv":
      return output * sizeOf(b.slice(1));
    case "ConvTranspose":
      return sizeOf(a) * sizeOf(b.slice(1));
    default:
      return output * (a.at(-1) ?? 1);
  }
}

function zeros(dtype: DataType, shape: Shape): Tensor {
  return tensorOf(dtype, shape, new arrayClass[dtype](sizeOf(shape)));
}
