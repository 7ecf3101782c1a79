import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Node, ValueType } from "../graph/graph.ts";
import { placeOfNode } from "../graph/place.ts";
import { isFloat, type Tensor } from "../graph/tensor.ts";
import { rules } from "./rules/rules.ts";

/**
 * Reverse mode, graph to graph: appends to `builder` the nodes that compute the gradient of a scalar loss with respect
 * to each `wanted` value.
 *
 * @param builder holds the forward nodes of `graph` already; the backward nodes are appended to it.
 * @param graph the forward graph, topologically sorted.
 * @param type static type of every value of `graph`.
 * @param seeds gradient of the loss with respect to some values of `graph` (value name -> name of its gradient in `builder`);
 * a seed has the shape of its value.
 * @param wanted values of any kind: inputs, initializers, or outputs of nodes. Only nodes between them and a seed are visited.
 * @returns the gradient of each wanted value, in the value's own shape. A wanted value that no seed depends on through
 * differentiable operators has no entry.
 * @throws {TracInError} `model` when an operator on the way has no rule, or an attribute is not supported; never a zero gradient.
 */
export function differentiate(
  builder: GraphBuilder,
  graph: Graph,
  type: (value: string) => ValueType,
  seeds: ReadonlyMap<string, string>,
  wanted: Iterable<string>,
): Map<string, string> {
  const targets = [...wanted];
  const dependent = dependents(graph, type, targets);
  const constants = constantsOf(graph);
  const contributions = new Map<string, string[]>();
  for (const [value, gradient] of seeds) {
    contributions.set(value, [gradient]);
  }

  for (const node of graph.nodes.toReversed()) {
    const wantedInputs = node.inputs.map((input) => dependent.has(input));
    if (!wantedInputs.includes(true)) {
      continue;
    }
    const outputGradients = node.outputs.map((output) => total(builder, contributions, output));
    if (outputGradients.every((gradient) => gradient === undefined)) {
      continue;
    }
    const gradients = ruleOf(node)({
      builder,
      node,
      outputGradients,
      wanted: wantedInputs,
      type,
      constant: (value) => constants(value),
    });
    node.inputs.forEach((input, index) => {
      const gradient = gradients[index];
      if (gradient !== undefined && wantedInputs[index] === true) {
        contributions.set(input, [...(contributions.get(input) ?? []), gradient]);
      }
    });
  }

  const results = new Map<string, string>();
  for (const value of targets) {
    const gradient = total(builder, contributions, value);
    if (gradient !== undefined) {
      results.set(value, gradient);
    }
  }
  return results;
}

/** The floating values that depend on a target; integers and booleans carry no gradient. */
function dependents(
  graph: Graph,
  type: (value: string) => ValueType,
  targets: readonly string[],
): Set<string> {
  const dependent = new Set(targets);
  for (const node of graph.nodes) {
    if (node.inputs.some((input) => dependent.has(input))) {
      for (const output of node.outputs) {
        if (output !== "" && isFloat(type(output).dtype)) {
          dependent.add(output);
        }
      }
    }
  }
  return dependent;
}

/** Sums what has been found for a value so far (once: the sum replaces its parts). */
function total(
  builder: GraphBuilder,
  contributions: Map<string, string[]>,
  value: string,
): string | undefined {
  const parts = contributions.get(value);
  if (parts === undefined) {
    return undefined;
  }
  const [first] = parts;
  if (parts.length === 1) {
    return first;
  }
  const sum = builder.op(parts.length === 2 ? "Add" : "Sum", parts);
  contributions.set(value, [sum]);
  return sum;
}

function ruleOf(node: Node) {
  const rule = rules.get(node.op);
  if (rule === undefined) {
    throw new TracInError(
      "model",
      `The operator ${node.op} has no gradient rule`,
      placeOfNode(node),
      "Choose layers after this node, or export the model with other operators.",
    );
  }
  return rule;
}

function constantsOf(graph: Graph): (value: string) => Tensor | undefined {
  const made = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const value = node.attributes["value"];
    const [output] = node.outputs;
    if (node.op === "Constant" && output !== undefined && value?.type === "tensor") {
      made.set(output, value.value);
    }
  }
  return (value) => graph.initializers.get(value) ?? made.get(value);
}
