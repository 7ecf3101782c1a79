import { TracInError } from "../../errors.ts";
import type { Graph, Node } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import { checkFeeds, checkOrder, missingValue } from "../check.ts";
import type { Engine, OperatorTimer, Values } from "../engine.ts";
import { convolution } from "./convolution.ts";
import { creation } from "./creation.ts";
import { elementwise } from "./elementwise.ts";
import { indexing } from "./indexing.ts";
import { matrix } from "./matrix.ts";
import { normalisation } from "./normalisation.ts";
import { pooling } from "./pooling.ts";
import { reduce } from "./reduce.ts";
import { resize } from "./resize.ts";
import { shape } from "./shape.ts";
import { fromTensor, type Kernel, toTensor, type Value } from "./value.ts";

/** Every operator that the interpreter knows. */
export const kernels: ReadonlyMap<string, Kernel> = new Map(
  [
    elementwise,
    matrix,
    convolution,
    pooling,
    shape,
    resize,
    reduce,
    normalisation,
    indexing,
    creation,
  ].flatMap((family) => Object.entries(family)),
);

/**
 * A small interpreter in double precision: floating tensors of any width are computed as doubles and come out as float64.
 * It is the ground on which gradients and other engines are checked; it is not fast.
 */
export function referenceEngine(): Engine {
  return {
    name: "reference",
    async compile(graph, options = {}) {
      checkOrder(graph);
      graph.nodes.forEach(kernelOf);
      const weights = new Map(
        [...graph.initializers].map(([name, tensor]) => [name, fromTensor(tensor)]),
      );
      return {
        run: async (feeds) => run(graph, weights, feeds, options.onOperator),
        dispose: async () => weights.clear(),
      };
    },
  };
}

function run(
  graph: Graph,
  weights: ReadonlyMap<string, Value>,
  feeds: Values,
  onOperator: OperatorTimer | undefined,
): Values {
  const values = new Map(weights);
  for (const [name, tensor] of checkFeeds(graph, feeds)) {
    values.set(name, fromTensor(tensor));
  }
  for (const node of graph.nodes) {
    const started = performance.now();
    const results = kernelOf(node)(
      node.inputs.map((name) => (name === "" ? undefined : found(values, name, node))),
      node,
    );
    onOperator?.(node.op, (performance.now() - started) / 1000);
    const list = "data" in results ? [results] : results;
    node.outputs.forEach((name, index) => {
      const result = list[index];
      if (name !== "" && result !== undefined) {
        values.set(name, result);
      }
    });
  }
  return new Map(
    graph.outputs.map(({ name }) => {
      const result = values.get(name);
      if (result === undefined) {
        throw new TracInError("engine", `The output "${name}" was not computed.`);
      }
      return [name, toTensor(result)];
    }),
  );
}

function kernelOf(node: Node): Kernel {
  const kernel = kernels.get(node.op);
  if (kernel === undefined) {
    throw new TracInError(
      "engine",
      `The reference engine does not know the operator ${node.op}`,
      placeOfNode(node),
    );
  }
  return kernel;
}

function found(values: ReadonlyMap<string, Value>, name: string, node: Node): Value {
  const value = values.get(name);
  if (value === undefined) {
    throw missingValue(name, node);
  }
  return value;
}
