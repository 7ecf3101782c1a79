import type { Graph } from "../graph/graph.ts";
import { pruneGraph } from "../graph/prune.ts";
import { type Shape, sizeOf } from "../graph/tensor.ts";
import { identity } from "./outputs.ts";

/** A value that may be worth keeping. */
export interface Keepable {
  readonly value: string;
  readonly shape: Shape;
  /** Worth keeping whatever its size. */
  readonly isDear?: boolean;
  /** What it is called where it is kept, if its name should be the same in several graphs. */
  readonly name?: string;
}

/** Values that depend on the given inputs and on initializers that are not weights, and on nothing else. */
export function invariantValues(
  graph: Graph,
  inputs: ReadonlySet<string>,
  weights: ReadonlySet<string>,
): ReadonlySet<string> {
  const values = new Set(inputs);
  for (const name of graph.initializers.keys()) {
    if (!weights.has(name)) {
      values.add(name);
    }
  }
  for (const node of graph.nodes) {
    if (node.inputs.every((input) => input === "" || values.has(input))) {
      for (const output of node.outputs) {
        values.add(output);
      }
    }
  }
  return values;
}

/**
 * Takes out of a graph what need not be computed in every run. What is the same at every checkpoint, such as the squared norm
 * of the first layer's input, is computed once for a batch; what is the same for all examples is computed once for a checkpoint.
 *
 * @param invariant values that do not change
 * @param keepable where the graph may be cut
 * @param mostFloats largest value that is kept, unless it is dear
 * @returns the graph that computes the kept values, and the rest of the graph, whose inputs they are; undefined when
 *   there is nothing to keep
 */
export function splitInvariant(
  graph: Graph,
  invariant: ReadonlySet<string>,
  keepable: readonly Keepable[],
  mostFloats: number,
): { readonly once: Graph; readonly rest: Graph } | undefined {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const kept = keepable
    .filter(({ value }) => invariant.has(value))
    .filter(({ shape, isDear = false }) => isDear || sizeOf(shape) <= mostFloats)
    .filter(({ value }) => !inputs.has(value) && !graph.initializers.has(value));
  if (kept.length === 0) {
    return undefined;
  }
  // Kept values get names of their own: the rest of the graph takes them as inputs.
  const names = new Map(
    kept.map(({ value, name }, index) => [value, name ?? `tracin.kept.${index}`]),
  );
  const infos = kept.map(({ value, shape }) => ({
    name: names.get(value) as string,
    dtype: "float32" as const,
    shape,
  }));
  const copies = [...names].map(([value, name]) => identity(value, name));
  const once = pruneGraph({ ...graph, nodes: [...graph.nodes, ...copies], outputs: infos });
  const used = new Set(once.nodes.flatMap((node) => node.inputs));
  return {
    once: { ...once, inputs: once.inputs.filter(({ name }) => used.has(name)) },
    rest: pruneGraph({
      ...graph,
      inputs: [...graph.inputs, ...infos],
      nodes: graph.nodes
        .filter((node) => !node.outputs.some((output) => names.has(output)))
        .map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
    }),
  };
}
