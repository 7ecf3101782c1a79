import { TracInError } from "../../errors.ts";
import type { Graph, Node, ValueInfo } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import { formatShape, sizeOf, type Tensor } from "../../graph/tensor.ts";
import type { Engine, Values } from "../engine.ts";
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
    async compile(graph) {
      check(graph);
      const weights = new Map(
        [...graph.initializers].map(([name, tensor]) => [name, fromTensor(tensor)]),
      );
      return {
        run: async (feeds) => run(graph, weights, feeds),
        dispose: async () => weights.clear(),
      };
    },
  };
}

function run(graph: Graph, weights: ReadonlyMap<string, Value>, feeds: Values): Values {
  const values = new Map(weights);
  for (const input of graph.inputs) {
    const tensor = feeds.get(input.name);
    if (tensor !== undefined) {
      values.set(input.name, fromTensor(fitting(input, tensor)));
    } else if (!values.has(input.name)) {
      throw new TracInError("engine", `No value was fed for the input "${input.name}".`);
    }
  }
  for (const node of graph.nodes) {
    const results = kernelOf(node)(
      node.inputs.map((name) => (name === "" ? undefined : found(values, name, node))),
      node,
    );
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

/** Refuses a graph with an unknown operator, or one whose nodes use values that nothing has made before. */
function check(graph: Graph): void {
  const known = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  for (const node of graph.nodes) {
    kernelOf(node);
    for (const name of node.inputs) {
      if (name !== "" && !known.has(name)) {
        throw missing(name, node);
      }
    }
    for (const name of node.outputs) {
      known.add(name);
    }
  }
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
    throw missing(name, node);
  }
  return value;
}

function missing(name: string, node: Node): TracInError {
  return new TracInError(
    "engine",
    `The value "${name}" is used before it is made`,
    placeOfNode(node),
  );
}

function fitting(input: ValueInfo, tensor: Tensor): Tensor {
  const fits =
    input.shape.length === tensor.shape.length &&
    input.shape.every((size, axis) => typeof size === "string" || size === tensor.shape[axis]) &&
    tensor.data.length === sizeOf(tensor.shape);
  if (!fits) {
    throw new TracInError(
      "engine",
      `The input "${input.name}" wants the shape [${input.shape.join(", ")}], not ${formatShape(tensor.shape)}.`,
    );
  }
  return tensor;
}
