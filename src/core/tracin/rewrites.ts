import type { GraphBuilder } from "../graph/builder.ts";
import { floatAttribute, intAttribute, type Node, type ValueType } from "../graph/graph.ts";
import { float32, type Shape, sizeOf } from "../graph/tensor.ts";
import type { BatchAxis } from "./batch-axis.ts";

/** What a rewrite may ask and record. */
export interface RewriteContext {
  readonly builder: GraphBuilder;
  type(value: string): ValueType;
  /** Values that depend on a counted parameter and on no model input. */
  readonly carriers: ReadonlySet<string>;
  /** Where the examples lie in a value. */
  batchAxis(value: string): BatchAxis;
  /** Records a new value and returns its name; the examples lie in it where `like` says: as in another value, or there. */
  record(value: string, type: ValueType, like: string | BatchAxis): string;
}

/**
 * Appends nodes that say the same as one node, in a form in which its use of a parameter is a site: lookups along other
 * axes, in tables of other ranks or by tuples are lookups of the rows of a matrix, a Gemm of which the parameter is
 * the first factor is a MatMul, and a Tile that repeats a parameter for the examples is an Expand.
 *
 * @returns whether it has appended them; otherwise the node stays as it is
 */
export function rewriteUse(context: RewriteContext, node: Node): boolean {
  const { carriers } = context;
  const [first = "", second = ""] = node.inputs;
  const isParameterOnly = carriers.has(node.outputs[0] ?? "");
  if (node.op === "Gemm") {
    const isTurned = intAttribute(node, "transA", 0) !== 0 && carriers.has(second);
    if (carriers.has(first) || isTurned) {
      matrixProduct(context, node);
      return true;
    }
  }
  if (isParameterOnly || !carriers.has(first)) {
    return false;
  }
  const isMatrix = context.type(first).shape.length === 2;
  if (node.op === "Gather" && !(isMatrix && intAttribute(node, "axis", 0) === 0)) {
    rowLookup(context, node);
    return true;
  }
  if (node.op === "GatherND" && intAttribute(node, "batch_dims", 0) === 0) {
    tupleLookup(context, node);
    return true;
  }
  return node.op === "Tile" && copies(context, node);
}

/**
 * Copies of a value along the axis where the examples lie, each with all of its entries there (the relative positions of
 * DeBERTa, which are repeated for each example's heads).
 */
function copies({ builder, type, batchAxis, record }: RewriteContext, node: Node): boolean {
  const [value = "", counts = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const { dtype, shape } = type(value);
  const whole = type(y).shape;
  const { axis, positions, inner } = batchAxis(y);
  const size = shape[axis] ?? 1;
  if (inner !== positions || positions % size !== 0) {
    return false;
  }
  const repeats = whole.map((length, index) => (index === axis ? 1 : length / (shape[index] ?? 1)));
  const wide = repeats.every((count) => count === 1)
    ? value
    : record(
        builder.op("Tile", [value, builder.ints(repeats)]),
        { dtype, shape: whole.with(axis, size) },
        y,
      );
  const apart = [...whole.slice(0, axis), 1, size, ...whole.slice(axis + 1)];
  const many = apart.with(axis, (whole[axis] ?? 1) / size);
  const single = record(builder.reshape(wide, apart), { dtype, shape: apart }, y);
  const each = positions / size;
  // Their number comes from the data, so that this is where the parameter meets it.
  const whole64 = (length: number) => ({ dtype: "int64", shape: [length] }) as const;
  const count = record(builder.op("Gather", [counts, builder.ints([axis])]), whole64(1), y);
  const ones = (length: number) => builder.ints(Array.from({ length }, () => 1));
  const sizes = builder.op("Concat", [ones(axis), count, ones(whole.length - axis)], { axis: 0 });
  record(sizes, whole64(many.length), y);
  const copied = builder.op("Expand", [single, sizes]);
  record(copied, { dtype, shape: many }, { axis, positions: each, inner: each });
  const inputs = [copied, builder.ints(whole)];
  builder.add({ op: "Reshape", name: node.name, inputs, outputs: [y], attributes: {} });
  return true;
}

/** Y = alpha A' B' + beta C with a MatMul. */
function matrixProduct({ builder, type, record }: RewriteContext, node: Node): void {
  const [a = "", b = "", c = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const { dtype, shape } = type(y);
  const turned = (value: string, attribute: string): string => {
    if (intAttribute(node, attribute, 0) === 0) {
      return value;
    }
    const [rows = 1, columns = 1] = type(value).shape;
    const result = builder.transpose(value, [1, 0]);
    // Of the two axes the examples lie on the other one: no site is at this value.
    return record(result, { dtype, shape: [columns, rows] }, y);
  };
  const scaled = (value: string, attribute: string): string => {
    const factor = floatAttribute(node, attribute, 1);
    if (factor === 1) {
      return value;
    }
    const result = builder.mul(value, builder.constant(float32([], [factor])));
    return record(result, type(value), value);
  };
  const product = builder.matmul(turned(a, "transA"), turned(b, "transB"));
  record(product, { dtype, shape }, y);
  const first = scaled(product, "alpha");
  if (c === "") {
    builder.add({ op: "Identity", name: node.name, inputs: [first], outputs: [y], attributes: {} });
  } else {
    const inputs = [first, scaled(c, "beta")];
    builder.add({ op: "Add", name: node.name, inputs, outputs: [y], attributes: {} });
  }
}

/** Rows along any axis of a table of any rank, as rows of a matrix. */
function rowLookup({ builder, type, record }: RewriteContext, node: Node): void {
  const [table = "", ids = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const { dtype, shape } = type(table);
  const given = intAttribute(node, "axis", 0);
  const axis = given < 0 ? given + shape.length : given;
  const others = shape.map((_, index) => index).filter((index) => index !== axis);
  const rest = others.map((index) => shape[index] ?? 1);
  const typed = (value: string, to: Shape, like: string) =>
    record(value, { dtype, shape: to }, like);

  const front = typed(builder.transpose(table, [axis, ...others]), [shape[axis] ?? 1, ...rest], y);
  const matrix = [shape[axis] ?? 1, sizeOf(rest)];
  const rows = typed(builder.reshape(front, matrix), matrix, y);
  const idsShape = type(ids).shape;
  const found = typed(builder.op("Gather", [rows, ids]), [...idsShape, sizeOf(rest)], ids);
  const wide = [...idsShape, ...rest];
  const apart = typed(builder.reshape(found, wide), wide, ids);
  const places = idsShape.map((_, index) => index);
  const features = rest.map((_, index) => index + idsShape.length);
  const perm = [...features.slice(0, axis), ...places, ...features.slice(axis)];
  builder.add({
    op: "Transpose",
    name: node.name,
    inputs: [apart],
    outputs: [y],
    attributes: { perm: { type: "ints", value: perm } },
  });
}

/** Parts at index tuples, as rows of a matrix. */
function tupleLookup({ builder, type, record }: RewriteContext, node: Node): void {
  const [table = "", tuples = ""] = node.inputs;
  const [y = ""] = node.outputs;
  const { dtype, shape } = type(table);
  const where = type(tuples).shape;
  const depth = where.at(-1) ?? 1;
  const sizes = shape.slice(0, depth);
  const strides = sizes.map((_, axis) => sizeOf(sizes.slice(axis + 1)));
  const matrix = [sizeOf(sizes), sizeOf(shape.slice(depth))];
  const rows = record(builder.reshape(table, matrix), { dtype, shape: matrix }, y);
  const whole = (value: string) => record(value, { dtype: "int64", shape: where }, tuples);
  const isNegative = builder.op("Less", [tuples, builder.ints([0])]);
  record(isNegative, { dtype: "bool", shape: where }, tuples);
  const counted = whole(builder.op("Cast", [isNegative], { to: 7 }));
  const behind = whole(builder.mul(counted, builder.ints(sizes)));
  const places = whole(builder.mul(whole(builder.add2(tuples, behind)), builder.ints(strides)));
  const lead = where.slice(0, -1);
  const ids = record(
    builder.reduceSum(places, [lead.length]),
    { dtype: "int64", shape: lead },
    tuples,
  );
  const wide = [...lead, matrix[1] ?? 1];
  const found = record(builder.op("Gather", [rows, ids]), { dtype, shape: wide }, tuples);
  builder.add({
    op: "Reshape",
    name: node.name,
    inputs: [found, builder.ints(type(y).shape)],
    outputs: [y],
    attributes: {},
  });
}
