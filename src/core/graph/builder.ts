import type { Attribute, Attributes, Graph, Node, ValueInfo } from "./graph.ts";
import { opset } from "./graph.ts";
import { float32, int64, type Shape, type Tensor } from "./tensor.ts";

/** Shorthand for attributes: integers are `int`, use {@link float} for floats. */
export type AttributeShorthand = number | readonly number[] | string | Attribute;

/** A float attribute. */
export function float(value: number): Attribute {
  return { type: "float", value };
}

/**
 * Appends nodes to a graph under construction. Every method returns the name of the value that it makes.
 * Constants that are equal are stored once.
 */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly initializers = new Map<string, Tensor>();
  private readonly inputs: ValueInfo[] = [];
  private readonly outputs: ValueInfo[] = [];
  private readonly constants = new Map<string, string>();
  private readonly taken = new Set<string>();
  private counter = 0;
  /** Stands in front of the names of new nodes: the path of the layer that they belong to, such as `encoder/dense/`. */
  scope = "";

  /** Starts empty, or from the nodes and initializers of `base` (its inputs are kept, its outputs are not). */
  constructor(base?: Graph) {
    for (const node of base?.nodes ?? []) {
      this.add(node);
    }
    for (const [name, tensor] of base?.initializers ?? []) {
      this.initializer(name, tensor);
    }
    for (const input of base?.inputs ?? []) {
      this.input(input);
    }
  }

  /** Declares a graph input and returns its name. */
  input(info: ValueInfo): string {
    this.taken.add(info.name);
    this.inputs.push(info);
    return info.name;
  }

  /** Declares a value as graph output. */
  output(info: ValueInfo): void {
    this.outputs.push(info);
  }

  /** Appends an existing node as it is. */
  add(node: Node): void {
    this.taken.add(node.name);
    for (const output of node.outputs) {
      this.taken.add(output);
    }
    this.nodes.push(node);
  }

  /** Stores a named initializer and returns its name. */
  initializer(name: string, tensor: Tensor): string {
    this.taken.add(name);
    this.initializers.set(name, tensor);
    return name;
  }

  /** Stores a small constant under a name of its own, once for equal contents. */
  constant(tensor: Tensor): string {
    const key = `${tensor.dtype}:${tensor.shape.join()}:${tensor.data.length > 64 ? `#${this.counter++}` : tensor.data.join()}`;
    const known = this.constants.get(key);
    if (known !== undefined) {
      return known;
    }
    const name = this.unique("constant");
    this.constants.set(key, name);
    return this.initializer(name, tensor);
  }

  /** An int64 vector constant, as shape-like inputs want it. */
  ints(values: readonly number[]): string {
    return this.constant(int64([values.length], values));
  }

  /** A float32 scalar constant. */
  scalar(value: number): string {
    return this.constant(float32([], [value]));
  }

  /** Appends a node with one output. */
  op(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeShorthand>> = {},
  ): string {
    return this.ops(op, inputs, 1, attributes)[0] as string;
  }

  /** Appends a node with `count` outputs. */
  ops(
    op: string,
    inputs: readonly string[],
    count: number,
    attributes: Readonly<Record<string, AttributeShorthand>> = {},
  ): string[] {
    const name = this.unique(this.scope + op);
    const outputs = Array.from({ length: count }, (_, index) => {
      const output = count === 1 ? name : `${name}:${index}`;
      this.taken.add(output);
      return output;
    });
    this.nodes.push({ op, name, inputs, outputs, attributes: expand(attributes) });
    return outputs;
  }

  /** Reshape to a static shape (one entry may be -1). */
  reshape(value: string, shape: Shape): string {
    return this.op("Reshape", [value, this.ints(shape)]);
  }

  /** Sum over `axes`; `axes` empty returns the value itself. */
  reduceSum(value: string, axes: readonly number[], keepdims = false): string {
    return axes.length === 0
      ? value
      : this.op("ReduceSum", [value, this.ints(axes)], { keepdims: keepdims ? 1 : 0 });
  }

  transpose(value: string, permutation: readonly number[]): string {
    return permutation.every((axis, index) => axis === index)
      ? value
      : this.op("Transpose", [value], { perm: permutation });
  }

  add2(a: string, b: string): string {
    return this.op("Add", [a, b]);
  }

  sub(a: string, b: string): string {
    return this.op("Sub", [a, b]);
  }

  mul(a: string, b: string): string {
    return this.op("Mul", [a, b]);
  }

  div(a: string, b: string): string {
    return this.op("Div", [a, b]);
  }

  matmul(a: string, b: string): string {
    return this.op("MatMul", [a, b]);
  }

  /** A name that no value or node has yet. */
  unique(stem: string): string {
    let name = `${stem}.${this.counter++}`;
    while (this.taken.has(name)) {
      name = `${stem}.${this.counter++}`;
    }
    this.taken.add(name);
    return name;
  }

  build(): Graph {
    return {
      inputs: this.inputs,
      outputs: this.outputs,
      nodes: this.nodes,
      initializers: this.initializers,
      opset,
    };
  }
}

function expand(attributes: Readonly<Record<string, AttributeShorthand>>): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]): [string, Attribute] => {
      if (typeof value === "number") {
        return [name, { type: "int", value }];
      }
      if (typeof value === "string") {
        return [name, { type: "string", value }];
      }
      return [name, isList(value) ? { type: "ints", value } : value];
    }),
  );
}

function isList(value: readonly number[] | Attribute): value is readonly number[] {
  return Array.isArray(value);
}
