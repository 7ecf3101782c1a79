import type { Engine, Values } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { placeOfNode } from "../graph/place.ts";
import { pruneGraph } from "../graph/prune.ts";
import type { DataType, Shape } from "../graph/tensor.ts";
import { takeBranches } from "./branches.ts";
import { replaceNodes } from "./conversion.ts";
import { attention } from "./expansions/attention.ts";
import { einsum } from "./expansions/einsum.ts";
import type { Expansion, Size } from "./expansions/expansion.ts";
import { negativeLogLikelihoodLoss, softmaxCrossEntropyLoss } from "./expansions/losses.ts";
import {
  groupNormalization,
  instanceNormalization,
  rmsNormalization,
} from "./expansions/normalisation.ts";
import { recurrent } from "./expansions/recurrent.ts";
import { rotaryEmbedding } from "./expansions/rotary.ts";
import { sequences } from "./expansions/sequences.ts";
import type { Model } from "./model.ts";

/** Operators that are written with simpler ones once the shapes of their inputs are known. */
const expansions: Readonly<
  Record<string, ((expansion: Expansion) => readonly Node[]) | undefined>
> = {
  ...recurrent,
  ...sequences,
  Attention: attention,
  Einsum: einsum,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  RMSNormalization: rmsNormalization,
  RotaryEmbedding: rotaryEmbedding,
  SoftmaxCrossEntropyLoss: softmaxCrossEntropyLoss,
  NegativeLogLikelihoodLoss: negativeLogLikelihoodLoss,
};

/** Operators that `expandModel` replaces; no engine needs to know them. */
export const expandedOperators: ReadonlySet<string> = new Set([...Object.keys(expansions), "If"]);

/**
 * The model with every operator of the table replaced: recurrent layers unrolled over the time steps of the data, Einsum by
 * products, and so on. Shapes come from running what lies before such a node, at two batch sizes; where one such node depends on
 * another, in as many rounds.
 *
 * Throws kind `model` naming the node where its form is not supported, or the model cannot be run.
 */
export async function expandModel(
  model: Model,
  engine: Engine,
  two: Values,
  three: Values,
): Promise<Model> {
  let { graph } = model;
  while (graph.nodes.some((node) => expandedOperators.has(node.op))) {
    const ready = readyNodes(graph);
    const choices = new Set([...ready].filter(({ op }) => op === "If"));
    if (choices.size > 0) {
      // First: what is in the branch that is not taken may not run.
      graph = await takeBranches({ ...model, graph }, choices, engine, two, three);
      continue;
    }
    const needed = [...ready].flatMap((node) => node.inputs.filter((input) => input !== ""));
    const types = await typesOf(graph, engine, [...new Set(needed)], two, three);
    graph = expandNodes(graph, ready, types, model.file);
  }
  return graph === model.graph ? model : { ...model, graph };
}

/** Nodes of the table that depend on no other. */
function readyNodes(graph: Graph): ReadonlySet<Node> {
  const blocked = new Set<string>();
  const ready = new Set<Node>();
  for (const node of graph.nodes) {
    // Of an If the condition must be known, not what its branches give.
    const awaited = node.op === "If" ? node.inputs.slice(0, 1) : node.inputs;
    const waits = awaited.some((input) => blocked.has(input));
    const isExpanded = expandedOperators.has(node.op);
    if (isExpanded && !waits) {
      ready.add(node);
    }
    for (const output of waits || isExpanded ? node.outputs : []) {
      blocked.add(output);
    }
  }
  return ready;
}

/** A value at two batch sizes. */
interface Seen {
  readonly dtype: DataType;
  readonly shapes: readonly [Shape, Shape];
}

async function typesOf(
  graph: Graph,
  engine: Engine,
  values: readonly string[],
  two: Values,
  three: Values,
): Promise<ReadonlyMap<string, Seen>> {
  const types = new Map<string, Seen>();
  const made = new Set(graph.nodes.flatMap((node) => node.outputs));
  const asked = values.filter((value) => made.has(value));
  for (const value of values) {
    const known = graph.initializers.get(value);
    const [atTwo, atThree] = [two.get(value) ?? known, three.get(value) ?? known];
    if (atTwo && atThree) {
      types.set(value, { dtype: atTwo.dtype, shapes: [atTwo.shape, atThree.shape] });
    }
  }
  if (asked.length > 0) {
    const outputs = asked.map((name): ValueInfo => ({ name, dtype: "float32", shape: [] }));
    const program = await engine.compile(pruneGraph({ ...graph, outputs }), { optimise: false });
    try {
      const [atTwo, atThree] = [await program.run(two), await program.run(three)];
      for (const value of asked) {
        const [small, large] = [atTwo.get(value), atThree.get(value)];
        const shapes = [small?.shape ?? [], large?.shape ?? []] as const;
        types.set(value, { dtype: small?.dtype ?? "float32", shapes });
      }
    } finally {
      await program.dispose();
    }
  }
  return types;
}

function expandNodes(
  graph: Graph,
  ready: ReadonlySet<Node>,
  types: ReadonlyMap<string, Seen>,
  file: string,
): Graph {
  const makers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])),
  );
  const used = new Set([
    ...graph.nodes.flatMap((node) => node.inputs),
    ...graph.outputs.map((output) => output.name),
  ]);
  return replaceNodes(graph, (replacing) => {
    const { node } = replacing;
    return (ready.has(node) ? expansions[node.op] : undefined)?.({
      ...replacing,
      sizes(name) {
        const [atTwo = [], atThree = []] = types.get(name)?.shapes ?? [];
        return atTwo.map((size, axis): Size => (size === atThree[axis] ? size : undefined));
      },
      dtype: (name) => types.get(name)?.dtype,
      isUsed: (name) => used.has(name),
      producer: (name) => makers.get(name),
      fail(message, remedy) {
        throw new TracInError("model", message, { ...placeOfNode(node), file }, remedy);
      },
    });
  });
}
