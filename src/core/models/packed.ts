import type { Graph, Node } from "../graph/graph.ts";

const recurrent: ReadonlySet<string> = new Set(["LSTM", "GRU", "RNN"]);
/** Operators that hand an order of examples on, and those that ask for its size alone. */
const passing: ReadonlySet<string> = new Set(["Cast", "Identity"]);
const measuring: ReadonlySet<string> = new Set(["Shape", "Size"]);

/**
 * The graph without the sorting of examples by length that `pack_padded_sequence(enforce_sorted=False)` does around a recurrent layer, which
 * takes lengths in any order: sorted examples would mix the rows of a batch, so that no gradient belonged to an example any more.
 *
 * The lengths of a recurrent layer come from a TopK over all examples then. Its order, and the one that undoes it (a ScatterElements of a Range), pick
 * examples (Gather) and nothing else; otherwise the graph stays as it is.
 */
export function withoutSorting(graph: Graph): Graph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const sorts = new Set<Node>();
  for (const node of graph.nodes) {
    const sort = recurrent.has(node.op) ? sortBehind(node.inputs[4] ?? "", makers) : undefined;
    if (sort !== undefined && !graph.initializers.has(sort.inputs[1] ?? "")) {
      sorts.add(sort);
    }
  }
  return [...sorts].reduce((current, sort) => withoutOne(current, sort, makers), graph);
}

function sortBehind(value: string, makers: ReadonlyMap<string, Node>): Node | undefined {
  const maker = makers.get(value);
  if (maker?.op === "TopK") {
    return value === maker.outputs[0] ? maker : undefined;
  }
  return maker !== undefined && passing.has(maker.op)
    ? sortBehind(maker.inputs[0] ?? "", makers)
    : undefined;
}

function withoutOne(graph: Graph, sort: Node, makers: ReadonlyMap<string, Node>): Graph {
  const [sorted = "", order = ""] = sort.outputs;
  const [lengths = ""] = sort.inputs;
  const orders = new Set([order]);
  const picks = new Set<Node>();
  // Nodes come after what they take, so one pass finds all.
  for (const node of graph.nodes) {
    const places = node.inputs.flatMap((input, place) => (orders.has(input) ? [place] : []));
    const [place, ...others] = places;
    if (place === undefined || measuring.has(node.op)) {
      continue;
    }
    const [output = ""] = node.outputs;
    const isInverse =
      node.op === "ScatterElements" &&
      place === 1 &&
      makers.get(node.inputs[2] ?? "")?.op === "Range";
    if (others.length === 0 && (passing.has(node.op) || isInverse)) {
      orders.add(output);
    } else if (others.length === 0 && node.op === "Gather" && place === 1) {
      picks.add(node);
    } else {
      return graph;
    }
  }
  if (graph.outputs.some(({ name }) => orders.has(name))) {
    return graph;
  }
  const nodes = graph.nodes.map((node): Node => {
    const inputs = node.inputs.map((input) => (input === sorted ? lengths : input));
    return picks.has(node)
      ? { ...node, op: "Identity", inputs: inputs.slice(0, 1), attributes: {} }
      : { ...node, inputs };
  });
  return { ...graph, nodes };
}
