import { classAxisOf } from "../../config/class-axis.ts";
import type { LossName } from "../../config/loss-schema.ts";
import type { LossSpec } from "../../config/project.ts";
import { TracInError } from "../../errors.ts";
import { type Graph, intAttribute, intsAttribute, type Node } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";

/** Operators that keep the order of all elements. */
const reshaping = new Set(["Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"]);
/** Operators of which each output element is one of the input's. */
const moving = new Set([...reshaping, "Transpose", "Slice", "Gather"]);
/** What the cross-entropies apply themselves. */
const undone: Readonly<Partial<Record<LossName, string>>> = {
  "softmax-cross-entropy": "Softmax",
  "sigmoid-cross-entropy": "Sigmoid",
};

/** Whether a value comes from an operator, with nothing but moved elements after it. */
export function endsWith(nodes: readonly Node[], output: string, op: string): boolean {
  const makerOf = (value: string | undefined) =>
    nodes.find((node) => node.outputs.includes(value ?? ""));
  let last = makerOf(output);
  while (last !== undefined && moving.has(last.op)) {
    last = makerOf(last.inputs[0]);
  }
  return last?.op === op;
}

type ShapeAt = (value: string, batch: number) => Shape;

/**
 * The graph whose output for the loss holds logits: a Softmax or Sigmoid that ends the model, with nothing but moved
 * elements after it (`sigmoid(x).squeeze(1)`), is left out, because the cross-entropies apply their own.
 * (LogSoftmax may stay: it is idempotent.)
 *
 * @param positions shape of one example's target
 * @param shape of a value at a batch size
 * @returns the graph, and the name of the value that holds the logits
 * @throws kind `model` for a Softmax that is not over the classes
 */
export function withLogits(
  graph: Graph,
  loss: LossSpec,
  positions: Shape,
  shape: ShapeAt,
): { readonly graph: Graph; readonly output: string } {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const after: Node[] = [];
  let last = makers.get(loss.output);
  while (last !== undefined && moving.has(last.op)) {
    after.unshift(last);
    last = makers.get(last.inputs[0] ?? "");
  }
  const [probabilities, logits] = [last?.outputs[0] ?? "", last?.inputs[0] ?? ""];
  if (last === undefined || last.op !== undone[loss.type]) {
    refuseCutProbabilities(graph, loss, last);
    return { graph, output: loss.output };
  }
  if (last.op === "Softmax" && !isOverClasses(last, after, loss, positions, shape)) {
    throw new TracInError(
      "model",
      `The output "${loss.output}" comes from a Softmax that is not over the classes of one example.`,
      placeOfNode(last),
      "Let the model end with the logits of each example, and export it again.",
    );
  }
  const first = after[0];
  if (first === undefined) {
    return { graph, output: logits };
  }
  // The values after it keep their names: nothing else of them reaches the loss.
  const nodes = graph.nodes.map((node) =>
    node === first
      ? { ...node, inputs: node.inputs.map((name) => (name === probabilities ? logits : name)) }
      : node,
  );
  return { graph: { ...graph, nodes }, output: loss.output };
}

/** Operators that cut numbers off. */
const cutting = new Set(["Clip", "Min", "Max"]);

/** @throws kind `model` for probabilities that are cut off before their logarithm is taken: they would be taken for logits */
function refuseCutProbabilities(graph: Graph, loss: LossSpec, last: Node | undefined): void {
  const activation = undone[loss.type];
  if (activation === undefined || last === undefined || !cutting.has(last.op)) {
    return;
  }
  if (last.inputs.some((name) => endsWith(graph.nodes, name, activation))) {
    throw new TracInError(
      "model",
      `The output "${loss.output}" is cut off after a ${activation}: it holds probabilities, and the loss "${loss.type}" would take them for logits.`,
      placeOfNode(last),
      `Export the model without the ${last.op}, or let it compute its loss and use the loss "output".`,
    );
  }
}

/** True when each run of numbers that the Softmax normalises ends up as the classes of one position. */
function isOverClasses(
  node: Node,
  after: readonly Node[],
  loss: LossSpec,
  positions: Shape,
  shape: ShapeAt,
): boolean {
  return [2, 3].every((batch) => {
    let axis: number | undefined = classAxisOf(loss, shape(loss.output, batch), positions);
    for (const step of after.toReversed()) {
      const [from, to] = [step.inputs[0] ?? "", step.outputs[0] ?? ""].map((value) =>
        shape(value, batch),
      ) as [Shape, Shape];
      axis = axis === undefined ? undefined : axisBefore(step, axis, from, to);
    }
    const own = shape(node.outputs[0] ?? "", batch);
    const softmax = intAttribute(node, "axis", -1);
    return axis === (softmax < 0 ? softmax + own.length : softmax);
  });
}

/** The axis of a moving operator's input that became an axis of its output, whole and with nothing mixed in. */
function axisBefore(node: Node, axis: number, from: Shape, to: Shape): number | undefined {
  if (node.op === "Transpose") {
    return intsAttribute(node, "perm")?.[axis] ?? from.length - 1 - axis;
  }
  if (!reshaping.has(node.op)) {
    return undefined;
  }
  const same = from.findIndex(
    (size, index) =>
      size === to[axis] && sizeOf(from.slice(index + 1)) === sizeOf(to.slice(axis + 1)),
  );
  return same === -1 ? undefined : same;
}
