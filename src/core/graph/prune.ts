import type { Graph } from "./graph.ts";

/**
 * The graph without the nodes and initializers that no output depends on. Inputs stay, used or not, so that
 * its callers feed the same values.
 */
export function pruneGraph(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      const live = node.outputs.some((output) => needed.has(output));
      for (const input of live ? node.inputs : []) {
        needed.add(input);
      }
      return live;
    })
    .reverse();
  const initializers = new Map([...graph.initializers].filter(([name]) => needed.has(name)));
  return { ...graph, nodes, initializers };
}
