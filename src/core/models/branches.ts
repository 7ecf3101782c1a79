import type { Engine, Values } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { controlFlowRemedy } from "../graph/onnx-branches.ts";
import { placeOfNode } from "../graph/place.ts";
import { pruneGraph } from "../graph/prune.ts";
import type { Model } from "./model.ts";

/**
 * The model's graph with these If nodes replaced by the branch that they take, and the other one gone. Exporters write an If
 * where a size is not known to them (`squeeze(1)` of an axis that may be longer), so its condition must follow from shapes alone:
 * it is computed at two batch sizes.
 *
 * Throws kind `model` naming the node where the branch depends on data, weights or the number of examples.
 */
export async function takeBranches(
  { graph, weights, file }: Model,
  choices: ReadonlySet<Node>,
  engine: Engine,
  two: Values,
  three: Values,
): Promise<Graph> {
  const live = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...weights.filter(({ role }) => role !== "constant").map(({ name }) => name),
  ]);
  const makers = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])),
  );
  const fail = (node: Node, message: string): never => {
    throw new TracInError("model", message, { ...placeOfNode(node), file }, controlFlowRemedy);
  };
  for (const node of choices) {
    if (dependsOn(node.inputs[0] ?? "", live, makers)) {
      fail(node, "The branch that is taken depends on the data or on weights.");
    }
  }
  const conditions = [...new Set([...choices].map(({ inputs }) => inputs[0] ?? ""))];
  const outputs = conditions
    .filter((name) => makers.has(name))
    .map((name): ValueInfo => ({ name, dtype: "bool", shape: [] }));
  const program =
    outputs.length === 0
      ? undefined
      : await engine.compile(pruneGraph({ ...graph, outputs }), { optimise: false });
  try {
    const [atTwo, atThree] = [await program?.run(two), await program?.run(three)];
    const isTrue = (values: Values | undefined, name: string): boolean =>
      Number((values?.get(name) ?? graph.initializers.get(name))?.data[0] ?? 0) !== 0;
    const nodes = graph.nodes.map((node): Node => {
      if (!choices.has(node)) {
        return node;
      }
      const [condition = "", taken = "", other = ""] = node.inputs;
      const isTaken = isTrue(atTwo, condition);
      if (isTaken !== isTrue(atThree, condition)) {
        fail(node, "The branch that is taken depends on the number of examples.");
      }
      return { ...node, op: "Identity", inputs: [isTaken ? taken : other] };
    });
    return pruneGraph({ ...graph, nodes });
  } finally {
    await program?.dispose();
  }
}

/** Whether a value depends on one of `live` otherwise than through shapes. */
function dependsOn(
  value: string,
  live: ReadonlySet<string>,
  makers: ReadonlyMap<string, Node>,
): boolean {
  const seen = new Set<string>();
  const open = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (live.has(next)) {
      return true;
    }
    const node = makers.get(next);
    if (!seen.has(next) && node !== undefined && node.op !== "Shape" && node.op !== "Size") {
      open.push(...node.inputs);
    }
    seen.add(next);
  }
  return false;
}
