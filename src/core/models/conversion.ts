import type { Attribute, Attributes, Graph, Node } from "../graph/graph.ts";
import { float32, int64, type Tensor } from "../graph/tensor.ts";

/** What replaces one node may ask of the graph and add to it. */
export interface Replacing {
  readonly node: Node;
  /** Operator set of the file. */
  readonly from: number;
  /** The value as a constant, if it is one. */
  constant(value: string): Tensor | undefined;
  /** Stores a constant of this node and returns its name. */
  add(suffix: string, tensor: Tensor): string;
  /** Name for a value between the nodes that replace this one. */
  value(suffix: string): string;
}

/** What the conversion of one node to our operator set may ask and add. */
export interface Conversion extends Replacing {
  fail(message: string, remedy?: string): never;
}

/** The nodes that say in our operator set what a node says in the file's. */
export type Convert = (conversion: Conversion) => readonly Node[];

/** Several nodes in the place of one. */
export class Replacement {
  private readonly nodes: Node[] = [];
  private readonly constants = new Map<string, string>();

  constructor(private readonly conversion: Conversion) {}

  /** Appends a node with one output and returns the name of its value. */
  apply(op: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = this.conversion.value(`${op.toLowerCase()}${this.nodes.length}`);
    this.nodes.push({ op, name: output, inputs, outputs: [output], attributes });
    return output;
  }

  /** Parts of a value along an axis, one after the other. */
  split(value: string, axis: number, sizes: readonly number[]): readonly string[] {
    if (sizes.length === 1) {
      return [value];
    }
    const stem = `split${this.nodes.length}`;
    const outputs = sizes.map((_, index) => this.conversion.value(`${stem}:${index}`));
    this.nodes.push({
      op: "Split",
      name: this.conversion.value(stem),
      inputs: [value, this.ints("split", sizes)],
      outputs,
      attributes: { axis: int(axis) },
    });
    return outputs;
  }

  scalar(suffix: string, value: number): string {
    return this.once(`${suffix}: ${value}`, suffix, () => float32([], [value]));
  }

  ints(suffix: string, values: readonly number[]): string {
    return this.once(`${suffix}: [${values}]`, suffix, () => int64([values.length], values));
  }

  private once(key: string, suffix: string, make: () => Tensor): string {
    const name = this.constants.get(key) ?? this.conversion.add(suffix, make());
    this.constants.set(key, name);
    return name;
  }

  /** The nodes so far. */
  made(): readonly Node[] {
    return [...this.nodes];
  }

  /** All nodes, with a last one that has the name and the outputs of the node that they replace. */
  end(op: string, inputs: readonly string[], attributes: Attributes = {}): readonly Node[] {
    const { name, outputs } = this.conversion.node;
    return [...this.nodes, { op, name, inputs, outputs, attributes }];
  }
}

/** Shorthand for an integer attribute. */
export function int(value: number): Attribute {
  return { type: "int", value };
}

/** Shorthand for an integer-list attribute. */
export function ints(value: readonly number[]): Attribute {
  return { type: "ints", value };
}

/** Attributes with some left out. */
export function without(attributes: Attributes, ...names: readonly string[]): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));
}

/** The graph with each node replaced by what `replace` gives for it; undefined keeps the node. */
export function replaceNodes(
  graph: Graph,
  replace: (replacing: Replacing) => readonly Node[] | undefined,
): Graph {
  const initializers = new Map(graph.initializers);
  const names = namer(graph);
  const nodes = graph.nodes.flatMap((node) => {
    const value = (suffix: string): string => names(`${node.name}/${suffix}`);
    const replacing: Replacing = {
      node,
      from: graph.opset,
      constant: (name) => initializers.get(name),
      value,
      add(suffix, tensor) {
        const name = value(suffix);
        initializers.set(name, tensor);
        return name;
      },
    };
    return replace(replacing) ?? [node];
  });
  return { ...graph, nodes, initializers };
}

/** Gives names that no value of the graph has, nor any that it gave before. */
function namer(graph: Graph): (wish: string) => string {
  const taken = new Set([
    ...graph.initializers.keys(),
    ...graph.inputs.map((input) => input.name),
    ...graph.nodes.flatMap((node) => node.outputs),
  ]);
  const counts = new Map<string, number>();
  return (wish) => {
    let name = wish;
    let count = counts.get(wish) ?? 0;
    for (; taken.has(name); name = `${wish}_${count}`) {
      count++;
    }
    counts.set(wish, count);
    taken.add(name);
    return name;
  };
}
