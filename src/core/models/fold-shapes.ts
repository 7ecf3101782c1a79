import type { Attributes, Node } from "../graph/graph.ts";
import { int64, type Shape, sameShape, type Tensor, toNumbers } from "../graph/tensor.ts";
import type { Observation, Pair } from "./observation.ts";

/** Operators that broadcast their inputs against each other, so that an expanded input need not be expanded. */
const broadcasting = new Set(
  "Add Sub Mul Div Pow Min Max Sum Mean Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Mod".split(
    " ",
  ),
);

/** The nodes with what is expanded taken unexpanded wherever the broadcast result is the same. */
export function useBroadcasting(nodes: readonly Node[], observation: Observation): readonly Node[] {
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
function staticTarget(node: Node, { known, observation }: Scope): Shape | undefined {
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

/** What is known of the graph whose shapes are simplified. */
interface Scope {
  /** Values that depend neither on the inputs' data nor on weights. */
  readonly known: ReadonlySet<string>;
  readonly observation: Observation;
  /** Names of the model's inputs. */
  readonly inputs: readonly string[];
}

/** Nodes, with the constants and values that are new. */
interface Simplified {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly values: ReadonlyMap<string, Pair>;
}

/**
 * The nodes with the targets of Reshape and Expand as constants where they can be, and every other vector of sizes
 * that holds the batch size as `Concat` of constants and the batch size of an input.
 */
export function simplifyTargets(nodes: readonly Node[], scope: Scope): Simplified {
  const { observation } = scope;
  const constants = new Map<string, Tensor>();
  const constant = (stem: string, values: Shape): string => {
    let name = stem;
    while (observation.has(name) || constants.has(name)) {
      name = `${name}_`;
    }
    constants.set(name, int64([values.length], values));
    return name;
  };
  const batch = batchSize(scope);
  const simple = nodes.map((node) => {
    const target = staticTarget(node, scope);
    if (target) {
      const inputs = [node.inputs[0] ?? "", constant(`${node.name}/shape`, target)];
      return { ...node, inputs, attributes: {} };
    }
    const parts = batch && batchVector(node, scope);
    if (!parts) {
      return node;
    }
    const inputs = parts.map((part, index) =>
      part === "batch" ? batch.value : constant(`${node.name}/sizes${index}`, part),
    );
    return inputs.length === 1
      ? { ...batch.node, name: node.name, outputs: node.outputs }
      : { ...node, op: "Concat", inputs, attributes: axis0 };
  });
  return batch
    ? { nodes: [batch.node, ...simple], constants, values: new Map([[batch.value, batch.pair]]) }
    : { nodes: simple, constants, values: new Map() };
}

const axis0: Attributes = { axis: { type: "int", value: 0 } };

interface BatchSize {
  readonly node: Node;
  /** Name of the value, `[1]`. */
  readonly value: string;
  readonly pair: Pair;
}

/** The node that reads the batch size from the first input that has it. */
function batchSize({ inputs, observation }: Scope): BatchSize | undefined {
  for (const input of inputs) {
    const pair = observation.get(input);
    const axis = pair?.atTwo.shape.findIndex(
      (size, index) => size === 2 && pair.atThree.shape[index] === 3,
    );
    if (axis !== undefined && axis >= 0) {
      let value = "/batch";
      while (observation.has(value)) {
        value = `${value}_`;
      }
      const node: Node = {
        op: "Shape",
        name: value,
        inputs: [input],
        outputs: [value],
        attributes: { start: { type: "int", value: axis }, end: { type: "int", value: axis + 1 } },
      };
      return { node, value, pair: { atTwo: int64([1], [2]), atThree: int64([1], [3]) } };
    }
  }
  return undefined;
}

/** The runs of constant sizes and the batch sizes in a vector of sizes that a node makes, if it is one. */
function batchVector(
  node: Node,
  { known, observation }: Scope,
): readonly (readonly number[] | "batch")[] | undefined {
  const [output = ""] = node.outputs;
  const pair = observation.get(output);
  if (
    node.outputs.length !== 1 ||
    !known.has(output) ||
    pair?.atTwo.dtype !== "int64" ||
    pair.atTwo.shape.length !== 1 ||
    !sameShape(pair.atTwo.shape, pair.atThree.shape)
  ) {
    return undefined;
  }
  const three = toNumbers(pair.atThree);
  const parts: (number[] | "batch")[] = [];
  for (const [index, size] of toNumbers(pair.atTwo).entries()) {
    const last = parts.at(-1);
    if (size === three[index]) {
      if (Array.isArray(last)) {
        last.push(size);
      } else {
        parts.push([size]);
      }
    } else if (size === 2 && three[index] === 3) {
      parts.push("batch");
    } else {
      return undefined;
    }
  }
  return parts;
}
