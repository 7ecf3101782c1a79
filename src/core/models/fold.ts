import type { Graph, Node } from "../graph/graph.ts";
import { pruneGraph } from "../graph/prune.ts";
import { sameShape, type Tensor, toNumbers } from "../graph/tensor.ts";
import { useSplits } from "./fold-lookups.ts";
import { usePlainOperators } from "./fold-operators.ts";
import { simplifyTargets, useBroadcasting } from "./fold-shapes.ts";
import type { Model } from "./model.ts";
import type { Observation } from "./observation.ts";

/** A folded graph, with what its values were. */
export interface FoldedGraph {
  readonly graph: Graph;
  /** The observation, and the values that folding has added. */
  readonly values: Observation;
}

/**
 * The model's graph without shape arithmetic: a value that depends neither on the inputs' data nor on weights,
 * and is the same at both batch sizes, becomes an initializer; the target of a Reshape that differs in one entry
 * gets -1 there, the target of an Expand whose input has that size already gets 1; Identity, Dropout and everything
 * that changes neither data nor shape disappear; so does an Expand that broadcasting makes anyway. See
 * {@link useSplits} and {@link usePlainOperators} for operators that become others. A shape that
 * holds the batch size otherwise (the target of one token expanded to all examples) is put together from constants
 * and the batch size of an input; what depends on the batch in yet another way (a range over it) stays as it is.
 * Nodes on weights alone (Transpose of a weight) stay. Names of outputs do not change.
 */
export function foldGraph(model: Model, observation: Observation): FoldedGraph {
  const { graph } = model;
  const known = knownValues(model);
  const constants = new Map<string, Tensor>();
  const aliases = new Map<string, string>();
  const resolve = (value: string): string => aliases.get(value) ?? value;
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
  const apart = useSplits(named, known, observation);
  const plain = usePlainOperators(apart.nodes, observation);
  const simple = simplifyTargets(useBroadcasting(plain.nodes, observation), {
    known,
    observation,
    inputs: graph.inputs.map((input) => input.name),
  });
  const added = new Map([
    ...constants,
    ...apart.constants,
    ...plain.constants,
    ...simple.constants,
  ]);
  const initializers = new Map([...graph.initializers, ...added]);
  const values = new Map([...observation, ...apart.values, ...plain.values, ...simple.values]);
  for (const [name, tensor] of added) {
    values.set(name, { atTwo: tensor, atThree: tensor });
  }
  return { graph: pruneGraph({ ...graph, nodes: simple.nodes, initializers }), values };
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
  if (node.op === "Cast" || node.op === "CastLike") {
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
