import { TracInError } from "../../errors.ts";
import type { Node } from "../../graph/graph.ts";
import { placeOfNode } from "../../graph/place.ts";
import {
  arrayClass,
  type DataType,
  formatShape,
  type Shape,
  sameShape,
  sizeOf,
  type Tensor,
} from "../../graph/tensor.ts";

/** A tensor while it is computed with: elements of every type are doubles, row-major. */
export interface Value {
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** One operator: values of its inputs (absent ones `undefined`) to values of its outputs. */
export type Kernel = (
  inputs: readonly (Value | undefined)[],
  node: Node,
) => Value | readonly Value[];

/** A table of kernels by operator. */
export type Kernels = Readonly<Record<string, Kernel>>;

export function value(dtype: DataType, shape: Shape, data: Float64Array): Value {
  return { dtype, shape, data };
}

/** Widens a tensor to doubles. */
export function fromTensor(tensor: Tensor): Value {
  const { dtype, shape } = tensor;
  if (dtype === "float64") {
    return value(dtype, shape, tensor.data);
  }
  const widen = dtype === "float16" ? halfToDouble : dtype === "bfloat16" ? brainToDouble : Number;
  return value(
    dtype,
    shape,
    Float64Array.from<number | bigint>(tensor.data as ArrayLike<number | bigint>, (element) =>
      widen(Number(element)),
    ),
  );
}

/** A computed value as a tensor: floating types come out as float64, the others in their own type. */
export function toTensor({ dtype, shape, data }: Value): Tensor {
  switch (dtype) {
    case "float32":
    case "float64":
    case "float16":
    case "bfloat16":
      return { dtype: "float64", shape, data };
    case "int64":
    case "uint64": {
      const big = arrayClass[dtype].from(Array.from(data, (element) => BigInt(element)));
      return { dtype, shape, data: big } as Tensor;
    }
    default:
      return { dtype, shape, data: arrayClass[dtype].from(data) } as Tensor;
  }
}

function halfToDouble(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  }
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function brainToDouble(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/** An error that says what of a node the interpreter cannot run. */
export function cannot(node: Node, what: string): TracInError {
  return new TracInError("engine", `${node.op} cannot run: ${what}`, placeOfNode(node));
}

/** Input `index`, which must be present. */
export function need(inputs: readonly (Value | undefined)[], index: number, node: Node): Value {
  const found = inputs[index];
  if (found === undefined) {
    throw cannot(node, `its input ${index} is missing`);
  }
  return found;
}

/** Elements of an optional integer input. */
export function numbers(found: Value | undefined): number[] | undefined {
  return found === undefined ? undefined : Array.from(found.data);
}

/** A non-negative axis; throws when there is no such axis. */
export function axisOf(axis: number, rank: number, node: Node): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(positive) && positive >= 0 && positive < Math.max(rank, 1))) {
    throw cannot(node, `there is no axis ${axis} in ${rank} axes`);
  }
  return positive;
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}

/** Reads `shape` elements of `data` from `offset`, `strides` apart (0 repeats, negative goes backwards). */
export function strided(
  data: Float64Array,
  shape: Shape,
  strides: readonly number[],
  offset = 0,
): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  const last = shape.length - 1;
  let at = 0;
  const walk = (axis: number, from: number): void => {
    const size = shape[axis] ?? 1;
    const stride = strides[axis] ?? 0;
    for (let index = 0; index < size; index++) {
      const place = from + index * stride;
      if (axis >= last) {
        out[at++] = data[place] ?? 0;
      } else {
        walk(axis + 1, place);
      }
    }
  };
  if (out.length > 0) {
    walk(0, offset);
  }
  return out;
}

/** The common shape of values that are broadcast together. */
export function broadcastShape(shapes: readonly Shape[], node: Node): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let size = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own !== 1 && size !== 1 && own !== size) {
        throw cannot(
          node,
          `the shapes ${shapes.map(formatShape).join(" and ")} do not fit together`,
        );
      }
      size = own === 1 ? size : own;
    }
    return size;
  });
}

/** Elements of a value repeated to a larger shape. */
export function broadcastTo(from: Value, shape: Shape): Float64Array {
  if (sameShape(from.shape, shape)) {
    return from.data;
  }
  const own = stridesOf(from.shape);
  const extra = shape.length - from.shape.length;
  const strides = shape.map((_, axis) =>
    axis < extra || from.shape[axis - extra] === 1 ? 0 : (own[axis - extra] ?? 0),
  );
  return strided(from.data, shape, strides);
}

/** A shape seen as [before, size, after] around one axis. */
export function around(shape: Shape, axis: number): readonly [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis] ?? 1, sizeOf(shape.slice(axis + 1))];
}
