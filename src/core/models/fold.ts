import type { Graph, Node } from "../graph/graph.ts";
import { pruneGraph } from "../graph/prune.ts";
import { int64, type Shape, sameShape, type Tensor, toNumbers } from "../graph/tensor.ts";
import type { Model } from "./model.ts";

/** One value, as it was at two batch sizes. */
export interface Pair {
  readonly atTwo: Tensor;
  readonly atThree: Tensor;
}

/** Every value of a model's graph at batch sizes 2 and 3. */
export type Observation = ReadonlyMap<string, Pair>;

/**
 * The model's graph without shape arithmetic: a value that depends neither on the inputs' data nor on weights,
 * and is the same at both batch sizes, becomes an initializer; the target of a Reshape that differs in one entry
 * gets -1 there, the target of an Expand whose input has that size already gets 1; Identity, Dropout and everything
 * that changes neither data nor shape disappear; so does an Expand that broadcasting makes anyway. What depends on
 * the batch in another way (one token expanded to all examples, a range over the batch) stays as it is, on constants
 * where it can. Nodes on weights alone (Transpose of a weight) stay.
 * Names of outputs do not change.
 */
export function foldGraph(model: Model, observation: Observation): Graph {
  const { graph } = model;
  const known = knownValues(model);
  const constants = new Map<string, Tensor>();
  const aliases = new Map<string, string>();
  const resolve = (value: string): string => aliases.get(value) ?? value;
  const taken = new Set([...graph.initializers.keys(), ...observation.keys()]);
  const used = new Set(graph.nodes.flatMap((node) => node.inputs.filter((input) => input !== "")));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const fixed = node.outputs.every((output) => known.has(output) && isFixed(output, observation));
    const [output = ""] = node.outputs;
    if (fixed) {
      for (const value of node.outputs) {
        const pair = observation.get(value);
        if (pair) {
          constants.set(value, pair.atTwo);
        }
      }
    } else if (changesNothing(node, observation) && !used.has(node.outputs[1] ?? "")) {
      aliases.set(output, resolve(node.inputs[0] ?? ""));
    } else {
      nodes.push({ ...node, inputs: node.inputs.map(resolve) });
    }
  }
  const named = keepOutputNames(graph, nodes, aliases);
  const simple = dropExpands(named, observation).map((node) => {
    const target = staticTarget(node, known, observation);
    if (!target) {
      return node;
    }
    let name = `${node.name}/shape`;
    while (taken.has(name)) {
      name = `${name}_`;
    }
    taken.add(name);
    constants.set(name, int64([target.length], target));
    const inputs = [node.inputs[0] ?? "", name];
    return { ...node, inputs, attributes: {} };
  });
  const initializers = new Map([...graph.initializers, ...constants]);
  return pruneGraph({ ...graph, nodes: simple, initializers });
}

/** Operators whose result is not determined by their inputs. */
const random = new Set([
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
  "Multinomial",
  "Bernoulli",
]);

/** Values that depend neither on the data of the model's inputs nor on weights: constants, shapes, and what follows. */
function knownValues({ graph, weights }: Model): ReadonlySet<string> {
  const live = new Set(
    weights.filter(({ role }) => role !== "constant").map((weight) => weight.name),
  );
  const known = new Set([...graph.initializers.keys()].filter((name) => !live.has(name)));
  for (const node of graph.nodes) {
    const ofShape = node.op === "Shape" || node.op === "Size";
    const inputsKnown = node.inputs.every((input) => input === "" || known.has(input));
    if (ofShape || (inputsKnown && !random.has(node.op))) {
      for (const output of node.outputs) {
        known.add(output);
      }
    }
  }
  return known;
}

function isFixed(value: string, observation: Observation): boolean {
  const pair = observation.get(value);
  return (
    value === "" ||
    (pair !== undefined &&
      sameShape(pair.atTwo.shape, pair.atThree.shape) &&
      sameBytes(pair.atTwo.data, pair.atThree.data))
  );
}

function sameBytes(a: Tensor["data"], b: Tensor["data"]): boolean {
  const view = ({ buffer, byteOffset, byteLength }: Tensor["data"]): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  return view(a).equals(view(b));
}

/** Operators that give back their input when the shape does not change. */
const reshaping = new Set(["Reshape", "Flatten", "Expand", "Squeeze", "Unsqueeze"]);

/** A slice in steps forward that keeps the shape keeps everything. */
function isForwardSlice(node: Node, observation: Observation): boolean {
  const steps = observation.get(node.inputs[4] ?? "")?.atTwo;
  return node.op === "Slice" && (steps === undefined || toNumbers(steps).every((step) => step > 0));
}

function changesNothing(node: Node, observation: Observation): boolean {
  if (node.op === "Identity" || node.op === "Dropout") {
    return true;
  }
  const [input, output] = [node.inputs[0], node.outputs[0]].map((value) =>
    observation.get(value ?? ""),
  );
  if (!input || !output) {
    return false;
  }
  if (node.op === "Cast") {
    return input.atTwo.dtype === output.atTwo.dtype;
  }
  return (
    (reshaping.has(node.op) || isForwardSlice(node, observation)) &&
    sameShape(input.atTwo.shape, output.atTwo.shape) &&
    sameShape(input.atThree.shape, output.atThree.shape)
  );
}

/** The nodes with the graph's outputs under their own names, where the node that made one was dropped. */
function keepOutputNames(
  graph: Graph,
  nodes: readonly Node[],
  aliases: ReadonlyMap<string, string>,
): readonly Node[] {
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const renamed = new Map<string, string>();
  const identities: Node[] = [];
  for (const output of outputs) {
    const source = aliases.get(output);
    if (source === undefined) {
      continue;
    }
    if (made.has(source) && !outputs.has(source) && !renamed.has(source)) {
      renamed.set(source, output);
    } else {
      identities.push({
        op: "Identity",
        name: output,
        inputs: [source],
        outputs: [output],
        attributes: {},
      });
    }
  }
  const rename = (value: string): string => renamed.get(value) ?? value;
  return [...nodes, ...identities].map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
}

/** Operators that broadcast their inputs against each other, so that an expanded input need not be expanded. */
const broadcasting = new Set(
  "Add Sub Mul Div Pow Min Max Sum Mean Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Mod".split(
    " ",
  ),
);

/** The nodes with what is expanded taken unexpanded wherever the broadcast result is the same. */
function dropExpands(nodes: readonly Node[], observation: Observation): readonly Node[] {
  const expanded = new Map(
    nodes.flatMap(({ op, inputs, outputs }): [string, string][] =>
      op === "Expand" ? [[outputs[0] ?? "", inputs[0] ?? ""]] : [],
    ),
  );
  return nodes.map((node) => {
    if (!broadcasting.has(node.op)) {
      return node;
    }
    const inputs = [...node.inputs];
    for (const [position, input] of inputs.entries()) {
      const narrow = expanded.get(input);
      if (narrow !== undefined) {
        const candidate = inputs.with(position, narrow);
        if (broadcastsTo(candidate, node.outputs[0] ?? "", observation)) {
          inputs[position] = narrow;
        }
      }
    }
    return { ...node, inputs };
  });
}

function broadcastsTo(
  inputs: readonly string[],
  output: string,
  observation: Observation,
): boolean {
  return (["atTwo", "atThree"] as const).every((batch) => {
    const shapes = inputs.map((input) => observation.get(input)?.[batch].shape);
    const result = observation.get(output)?.[batch].shape;
    const known = shapes.filter((shape) => shape !== undefined);
    return (
      result !== undefined &&
      known.length === shapes.length &&
      sameShape(broadcast(known, result.length), result)
    );
  });
}

function broadcast(shapes: readonly Shape[], rank: number): Shape {
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    return sizes.find((size) => size !== 1) ?? 1;
  });
}

/**
 * The target of a Reshape or Expand as a constant, if it can be said so: -1 for the one entry of a Reshape that
 * depends on the batch, 1 (keep the input's size) for an entry of an Expand that its input has already.
 */
function staticTarget(
  node: Node,
  known: ReadonlySet<string>,
  observation: Observation,
): Shape | undefined {
  const [input, result] = [node.inputs[0], node.outputs[0]].map((value) =>
    observation.get(value ?? ""),
  );
  if (!known.has(node.inputs[1] ?? "") || !input || !result) {
    return undefined;
  }
  const [two, three] = [result.atTwo.shape, result.atThree.shape];
  const isStatic = (axis: number): boolean => two[axis] === three[axis];
  const differing = two.flatMap((_, axis) => (isStatic(axis) ? [] : [axis]));
  if (node.op === "Reshape") {
    return differing.length <= 1 && !two.includes(0)
      ? two.map((size, axis) => (isStatic(axis) ? size : -1))
      : undefined;
  }
  if (node.op === "Expand") {
    const sizeBefore = (shape: Shape, axis: number): number =>
      shape[axis - two.length + shape.length] ?? 1;
    return differing.every(
      (axis) =>
        sizeBefore(input.atTwo.shape, axis) === two[axis] &&
        sizeBefore(input.atThree.shape, axis) === three[axis],
    )
      ? two.map((size, axis) => (isStatic(axis) ? size : 1))
      : undefined;
  }
  return undefined;
}
