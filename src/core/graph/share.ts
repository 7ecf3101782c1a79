import type { Attribute, Graph, Node } from "./graph.ts";

/**
 * The graph without nodes that compute once more what another one has computed. Engines find most of them too, but not in
 * graphs that are too large to be optimised, and whoever counts the work of a graph counts them twice.
 */
export function shareEqual(graph: Graph): Graph {
  const results = new Set(graph.outputs.map(({ name }) => name));
  const known = new Map<string, readonly string[]>();
  const names = new Map<string, string>();
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => names.get(input) ?? input);
    const key = keyOf(node, inputs);
    const equal = key === undefined ? undefined : known.get(key);
    if (equal !== undefined && !node.outputs.some((output) => results.has(output))) {
      node.outputs.forEach((output, index) => {
        names.set(output, equal[index] ?? "");
      });
      continue;
    }
    if (key !== undefined && equal === undefined) {
      known.set(key, node.outputs);
    }
    nodes.push({ ...node, inputs });
  }
  return { ...graph, nodes };
}

/** What nodes have in common that compute the same; undefined for those that may not. */
function keyOf({ op, outputs, attributes }: Node, inputs: readonly string[]): string | undefined {
  const given = Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1));
  const hasTensor = given.some(([, { type }]) => type === "tensor");
  if (hasTensor || /^(Random|Bernoulli|Multinomial)/.test(op)) {
    return undefined;
  }
  return JSON.stringify([op, inputs, outputs.map((name) => name !== ""), given.map(asText)]);
}

function asText([name, { type, value }]: readonly [string, Attribute]): string {
  return `${name}:${type}:${String(value)}`;
}
