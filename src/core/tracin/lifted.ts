import { activations } from "../autodiff/rules/activations.ts";
import { elementwise } from "../autodiff/rules/elementwise.ts";
import { functions } from "../autodiff/rules/functions.ts";
import { reduce } from "../autodiff/rules/reduce.ts";
import { intAttribute, intsAttribute, type Node, type ValueType } from "../graph/graph.ts";
import { int64, type Shape, sizeOf, type Tensor, toNumbers } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";

/** Values of the parameter-only part of a graph with one more axis in front, along which the examples lie. */
export class Lifted {
  private readonly names = new Map<string, string>();
  private readonly types = new Map<string, ValueType>();

  constructor(readonly forward: Forward) {}

  /** A value repeated for each example: [batch, ...shape]. */
  value(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) {
      return known;
    }
    const { builder, batch } = this.forward;
    const { dtype, shape } = this.forward.type(name);
    const wide = [batch, ...shape];
    const made = builder.op("Expand", [name, builder.ints(wide)]);
    this.names.set(name, made);
    this.types.set(made, { dtype, shape: wide });
    return made;
  }

  type(value: string): ValueType {
    return this.types.get(value) ?? this.forward.type(value);
  }

  /** A new value of the lifted graph, with its shape. */
  typed(value: string, shape: Shape, like: string): string {
    this.types.set(value, { dtype: this.type(like).dtype, shape });
    return value;
  }

  ints(values: readonly number[]): string {
    return this.constant(int64([values.length], values));
  }

  constant(tensor: Tensor): string {
    const name = this.forward.builder.constant(tensor);
    this.types.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** Floats of all lifted values for one example. */
  floatsPerExample(): number {
    const sizes = [...this.names.keys()].map((name) => sizeOf(this.forward.type(name).shape));
    return sizes.reduce((total, size) => total + size, 0);
  }

  /** The numbers of a constant input, if it has that input and it is constant. */
  numbers(node: Node, index: number): readonly number[] | undefined {
    const tensor = this.forward.graph.initializers.get(node.inputs[index] ?? "");
    return tensor && toNumbers(tensor);
  }

  /** Shape of an input without the examples' axis. */
  shape(node: Node, index: number): Shape {
    return this.forward.type(node.inputs[index] ?? "").shape;
  }

  /** The node with other inputs and attributes, and its outputs for each example. */
  node(
    node: Node,
    inputs: readonly string[],
    attributes: Node["attributes"] = node.attributes,
  ): Node {
    const outputs = node.outputs.map((output) => (output === "" ? "" : this.value(output)));
    return { ...node, inputs, outputs, attributes };
  }
}

/** Says a node for values with the examples' axis in front; undefined for a form that it cannot say. */
type Lift = (lifted: Lifted, node: Node) => readonly Node[] | undefined;

/** Operators that broadcast need all their lifted inputs to have the same rank; others stand behind. */
const broadcast: Lift = (lifted, node) => {
  const rank = lifted.forward.type(node.outputs[0] ?? "").shape.length;
  const reshapes: Node[] = [];
  const inputs = node.inputs.map((input) => aligned(lifted, input, rank, reshapes));
  return [...reshapes, lifted.node(node, inputs)];
};

/** An input of a broadcasting operator: as it is where it is no parameter's, else with ones behind the examples' axis. */
function aligned(lifted: Lifted, input: string, rank: number, reshapes: Node[]): string {
  const { builder, carriers, type, batch } = lifted.forward;
  if (!carriers.has(input)) {
    return input;
  }
  const { shape } = type(input);
  const value = lifted.value(input);
  if (shape.length === rank) {
    return value;
  }
  const ones = Array.from({ length: rank - shape.length }, () => 1);
  const wide = [batch, ...ones, ...shape];
  const reshaped = builder.reshape(value, wide);
  reshapes.push(builder.nodes.at(-1) as Node);
  return lifted.typed(reshaped, wide, value);
}

const reshaped: Lift = (lifted, node) => {
  const [x = ""] = node.inputs;
  return [{ ...lifted.node(node, [lifted.value(x), ""], {}), op: "Reshape" }];
};

/** Operators along one axis, which an attribute names. */
const alongAxis =
  (fallback: number): Lift =>
  (lifted, node) => {
    const axis = behind(intAttribute(node, "axis", fallback));
    const [x = "", ...others] = node.inputs;
    const attributes = { ...node.attributes, axis: { type: "int", value: axis } } as const;
    return [lifted.node(node, [lifted.value(x), ...others], attributes)];
  };

const reduction: Lift = (lifted, node) => {
  const [x = ""] = node.inputs;
  const given = lifted.numbers(node, 1) ?? intsAttribute(node, "axes") ?? [];
  const isNoop = intAttribute(node, "noop_with_empty_axes", 0) !== 0;
  const every = isNoop ? [] : lifted.shape(node, 0).map((_, axis) => axis);
  const axes = (given.length === 0 ? every : given).map(behind);
  const attributes = {
    keepdims: { type: "int", value: intAttribute(node, "keepdims", 1) },
    // Without axes there is nothing to reduce (a scalar); the examples' axis is never reduced.
    noop_with_empty_axes: { type: "int", value: 1 },
  } as const;
  return [lifted.node(node, [lifted.value(x), lifted.ints(axes)], attributes)];
};

/** How the operators between parameters and computed weights are said for every example at once. */
export const lifts: ReadonlyMap<string, Lift> = new Map<string, Lift>([
  ...[elementwise, functions, activations]
    .flatMap((family) => Object.keys(family))
    .map((op): [string, Lift] => [op, broadcast]),
  ["MatMul", broadcast],
  ...["Reshape", "Flatten", "Squeeze", "Unsqueeze"].map((op): [string, Lift] => [op, reshaped]),
  ...Object.keys(reduce)
    .filter((op) => op.startsWith("Reduce"))
    .map((op): [string, Lift] => [op, reduction]),
  ["Softmax", alongAxis(-1)],
  ["LogSoftmax", alongAxis(-1)],
  ["Split", alongAxis(0)],
  ["Gather", alongAxis(0)],
  // Its scale and shift are constants here: those that count stand behind it.
  ["LayerNormalization", alongAxis(-1)],

  [
    "Concat",
    (lifted, node) => {
      const axis = behind(intAttribute(node, "axis", 0));
      const inputs = node.inputs.map((input) => lifted.value(input));
      return [lifted.node(node, inputs, { axis: { type: "int", value: axis } })];
    },
  ],

  [
    "CumSum",
    (lifted, node) => {
      const [x = ""] = node.inputs;
      const axis = lifted.numbers(node, 1)?.[0];
      return axis === undefined
        ? undefined
        : [lifted.node(node, [lifted.value(x), lifted.constant(int64([], [behind(axis)]))])];
    },
  ],

  [
    "Transpose",
    (lifted, node) => {
      const [x = ""] = node.inputs;
      const axes = lifted.shape(node, 0).map((_, axis) => axis);
      const permutation = intsAttribute(node, "perm") ?? axes.toReversed();
      const perm = { type: "ints", value: [0, ...permutation.map((axis) => axis + 1)] } as const;
      return [lifted.node(node, [lifted.value(x)], { perm })];
    },
  ],

  [
    "Expand",
    (lifted, node) => {
      const [output = ""] = node.outputs;
      const { shape } = lifted.forward.type(output);
      const reshapes: Node[] = [];
      const x = aligned(lifted, node.inputs[0] ?? "", shape.length, reshapes);
      return [...reshapes, lifted.node(node, [x, lifted.ints([lifted.forward.batch, ...shape])])];
    },
  ],

  [
    "Tile",
    (lifted, node) => {
      const [x = ""] = node.inputs;
      const repeats = lifted.numbers(node, 1);
      return repeats && [lifted.node(node, [lifted.value(x), lifted.ints([1, ...repeats])])];
    },
  ],

  [
    "Trilu",
    (lifted, node) => {
      const [x = "", ...k] = node.inputs;
      return [lifted.node(node, [lifted.value(x), ...k])];
    },
  ],

  [
    "Slice",
    (lifted, node) => {
      const [x = "", ...bounds] = node.inputs;
      const starts = lifted.numbers(node, 1);
      const axes = lifted.numbers(node, 3) ?? starts?.map((_, axis) => axis);
      return (
        axes && [
          lifted.node(node, [
            lifted.value(x),
            ...bounds.slice(0, 2),
            lifted.ints(axes.map(behind)),
            ...bounds.slice(3),
          ]),
        ]
      );
    },
  ],

  [
    "Pad",
    (lifted, node) => {
      const [x = "", , value = ""] = node.inputs;
      const pads = lifted.numbers(node, 1);
      if (pads === undefined) {
        return undefined;
      }
      const every = lifted.shape(node, 0).map((_, axis) => axis);
      const axes = (lifted.numbers(node, 3) ?? every).map(behind);
      return [lifted.node(node, [lifted.value(x), lifted.ints(pads), value, lifted.ints(axes)])];
    },
  ],

  [
    "Resize",
    (lifted, node) => {
      const [x = "", , scales = "", sizes = ""] = node.inputs;
      const every = lifted.shape(node, 0).map((_, axis) => axis);
      const axes = (intsAttribute(node, "axes") ?? every).map(behind);
      return [
        lifted.node(node, [lifted.value(x), "", scales, sizes], {
          ...node.attributes,
          axes: { type: "ints", value: axes },
        }),
      ];
    },
  ],
]);

/** An axis of a value, one further where the examples' axis is in front. */
function behind(axis: number): number {
  return axis < 0 ? axis : axis + 1;
}
