import type { Engine } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";

/** Operators that only move elements, keeping every one of them once. */
const bijective = new Set(["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"]);
/** Operators that move, drop or repeat elements. */
const moving = new Set([
  ...bijective,
  "Split",
  "Slice",
  "Gather",
  "GatherElements",
  "GatherND",
  "Concat",
  "Expand",
  "Tile",
  "Cast",
]);

/** How parameters become the weight of a site. */
export interface View {
  /** Parameter-only nodes that make the weight, in graph order. */
  readonly nodes: readonly Node[];
  /** Counted parameters that it holds. */
  readonly parameters: readonly string[];
  /** True when arithmetic makes it; otherwise its elements are those of parameters. */
  readonly isComputed: boolean;
  /** True when it is one parameter with its elements at most rearranged. */
  readonly isWhole: boolean;
  /** Whether it is one matrix, as it is stored or turned over. */
  readonly matrix: "stored" | "turned" | undefined;
}

export type Makers = ReadonlyMap<string, number>;

/** The place in the graph of the node that makes a value. */
export function makersOf({ graph }: Forward): Makers {
  return new Map(
    graph.nodes.flatMap(({ outputs }, index) => outputs.map((output) => [output, index] as const)),
  );
}

/** The nodes that lead from parameters to a site's weight, in graph order. */
export function weightNodes(forward: Forward, weight: string): readonly Node[] {
  return nodesBefore(forward, makersOf(forward), weight).nodes.filter((node) =>
    node.inputs.some((input) => forward.carriers.has(input)),
  );
}

/** The nodes that a value depends on, in graph order, and all values on the way. */
function nodesBefore(
  { graph }: Forward,
  makers: Makers,
  value: string,
): { readonly nodes: readonly Node[]; readonly needed: ReadonlySet<string> } {
  const needed = new Set([value]);
  const places = new Set<number>();
  for (const name of needed) {
    const place = makers.get(name);
    if (place !== undefined && !places.has(place)) {
      places.add(place);
      for (const input of (graph.nodes[place] as Node).inputs) {
        needed.add(input);
      }
    }
  }
  const nodes = [...places].sort((a, b) => a - b).map((place) => graph.nodes[place] as Node);
  return { nodes, needed };
}

/** How a site's weight is made of counted parameters. */
export function viewOf(
  forward: Forward,
  makers: Makers,
  weight: string,
  counted: ReadonlySet<string>,
): View {
  const { nodes, needed } = nodesBefore(forward, makers, weight);
  const parameters = [...needed].filter((name) => counted.has(name));
  const carrying = nodes.filter((node) => node.inputs.some((input) => forward.carriers.has(input)));
  const isComputed = carrying.some((node) => !moving.has(node.op));
  const isWhole = parameters.length === 1 && carrying.every((node) => bijective.has(node.op));
  const isMatrix =
    isWhole &&
    forward.type(weight).shape.length === 2 &&
    carrying.every(({ op }) => op === "Transpose" || op === "Identity");
  const turns = carrying.filter(({ op }) => op === "Transpose").length;
  return {
    nodes,
    parameters,
    isComputed,
    isWhole,
    matrix: isMatrix ? (turns % 2 === 0 ? "stored" : "turned") : undefined,
  };
}

/** Runs the parameter-only nodes on element numbers to learn which parameter element each weight element is. */
export async function trace(
  forward: Forward,
  weight: string,
  view: View,
  offsets: ReadonlyMap<string, number>,
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<Int32Array> {
  const { shape } = forward.type(weight);
  const numbered = (name: string): Tensor => {
    const parameterShape = forward.type(name).shape;
    const offset = offsets.get(name);
    const data = new Float64Array(sizeOf(parameterShape));
    if (offset !== undefined && counted.has(name)) {
      for (let index = 0; index < data.length; index++) {
        data[index] = offset + index + 1;
      }
    }
    return { dtype: "float64", shape: parameterShape, data };
  };
  if (view.nodes.length === 0) {
    return toElements(numbered(weight));
  }
  const initializers = new Map<string, Tensor>();
  for (const name of view.nodes.flatMap((node) => node.inputs)) {
    const constant = forward.graph.initializers.get(name);
    const isWeight = forward.carriers.has(name) || constant?.dtype === "float32";
    const isLeaf =
      constant !== undefined || forward.graph.inputs.some((input) => input.name === name);
    if (isLeaf && isWeight) {
      initializers.set(name, numbered(name));
    } else if (constant !== undefined) {
      initializers.set(name, constant);
    }
  }
  const graph: Graph = {
    inputs: [],
    outputs: [{ name: weight, dtype: "float64", shape }],
    nodes: view.nodes,
    initializers,
    opset: forward.graph.opset,
  };
  const program = await reference.compile(graph);
  const values = await program.run(new Map());
  await program.dispose();
  const traced = values.get(weight);
  if (traced === undefined) {
    throw new TracInError("internal", `The layout of "${weight}" could not be followed.`);
  }
  return toElements(traced);
}

function toElements(numbered: Tensor): Int32Array {
  const elements = new Int32Array(numbered.data.length);
  for (let index = 0; index < elements.length; index++) {
    elements[index] = Math.round(Number(numbered.data[index])) - 1;
  }
  return elements;
}
