import { intAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { formatShape, sameShape, sizeOf } from "../../graph/tensor.ts";
import { around, axisOf, cannot, type Kernels, need, stridesOf, value } from "./value.ts";

/** Operators that pick or place elements by index. */
export const indexing: Kernels = {
  Gather: (inputs, node) => {
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const axis = axisOf(intAttribute(node, "axis", 0), x.shape.length, node);
    const [before, size, after] = around(x.shape, axis);
    const count = indices.data.length;
    const out = new Float64Array(before * count * after);
    indices.data.forEach((given, index) => {
      const from = within(given, size, node);
      for (let row = 0; row < before; row++) {
        const start = (row * size + from) * after;
        out.set(x.data.subarray(start, start + after), (row * count + index) * after);
      }
    });
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return value(x.dtype, shape, out);
  },

  GatherElements: (inputs, node) => {
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const place = elementPlaces(x.shape, indices.shape, node);
    return value(
      x.dtype,
      indices.shape,
      indices.data.map((given, at) => x.data[place(given, at)] ?? 0),
    );
  },

  ScatterElements: (inputs, node) => {
    const [x, indices, updates] = [
      need(inputs, 0, node),
      need(inputs, 1, node),
      need(inputs, 2, node),
    ];
    if (!sameShape(indices.shape, updates.shape)) {
      throw cannot(node, "its indices and updates have different shapes");
    }
    const place = elementPlaces(x.shape, indices.shape, node);
    const combine = reduction(node);
    const out = Float64Array.from(x.data);
    indices.data.forEach((given, at) => {
      const to = place(given, at);
      out[to] = combine(out[to] ?? 0, updates.data[at] ?? 0);
    });
    return { ...x, data: out };
  },

  GatherND: (inputs, node) => {
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const batch = intAttribute(node, "batch_dims", 0);
    const depth = indices.shape.at(-1) ?? 1;
    const rest = x.shape.slice(batch + depth);
    const width = sizeOf(rest);
    const lead = indices.shape.slice(0, -1);
    const perBatch = sizeOf(lead.slice(batch));
    const strides = stridesOf(x.shape);
    const out = new Float64Array(sizeOf(lead) * width);
    for (let row = 0; row * width < out.length; row++) {
      let start = Math.floor(row / perBatch) * sizeOf(x.shape.slice(batch));
      for (let axis = 0; axis < depth; axis++) {
        const given = indices.data[row * depth + axis] ?? 0;
        start += within(given, x.shape[batch + axis] ?? 0, node) * (strides[batch + axis] ?? 1);
      }
      out.set(x.data.subarray(start, start + width), row * width);
    }
    return value(x.dtype, [...lead, ...rest], out);
  },

  ScatterND: (inputs, node) => {
    const [x, indices, updates] = [
      need(inputs, 0, node),
      need(inputs, 1, node),
      need(inputs, 2, node),
    ];
    const depth = indices.shape.at(-1) ?? 1;
    const width = sizeOf(x.shape.slice(depth));
    const strides = stridesOf(x.shape);
    const combine = reduction(node);
    const out = Float64Array.from(x.data);
    for (let row = 0; row * depth < indices.data.length; row++) {
      let start = 0;
      for (let axis = 0; axis < depth; axis++) {
        const given = indices.data[row * depth + axis] ?? 0;
        start += within(given, x.shape[axis] ?? 0, node) * (strides[axis] ?? 1);
      }
      for (let at = 0; at < width; at++) {
        out[start + at] = combine(out[start + at] ?? 0, updates.data[row * width + at] ?? 0);
      }
    }
    return { ...x, data: out };
  },

  NonZero: (inputs, node) => {
    const x = need(inputs, 0, node);
    const places = Array.from(x.data.keys()).filter((at) => x.data[at] !== 0);
    const strides = stridesOf(x.shape);
    const indices = strides.flatMap((stride, axis) =>
      places.map((at) => Math.floor(at / stride) % (x.shape[axis] ?? 1)),
    );
    return value("int64", [x.shape.length, places.length], Float64Array.from(indices));
  },

  OneHot: (inputs, node) => {
    const [indices, values] = [need(inputs, 0, node), need(inputs, 2, node)];
    const depth = need(inputs, 1, node).data[0] ?? 0;
    const [off = 0, on = 1] = values.data;
    const rank = indices.shape.length + 1;
    const axis = axisOf(intAttribute(node, "axis", -1), rank, node);
    const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
    const [, , after] = around(shape, axis);
    const out = new Float64Array(sizeOf(shape)).fill(off);
    indices.data.forEach((given, at) => {
      const index = given < 0 ? given + depth : given;
      if (index >= 0 && index < depth) {
        out[(Math.floor(at / after) * depth + index) * after + (at % after)] = on;
      }
    });
    return value(values.dtype, shape, out);
  },
};

/** A non-negative index below `size`; throws when there is no such element. */
function within(given: number, size: number, node: Node): number {
  const index = given < 0 ? given + size : given;
  if (!(index >= 0 && index < size)) {
    throw cannot(node, `the index ${given} is not below ${size}`);
  }
  return index;
}

/** Where element `at` of an index tensor points to in a tensor of shape `shape`, along the node's axis. */
function elementPlaces(
  shape: readonly number[],
  indices: readonly number[],
  node: Node,
): (given: number, at: number) => number {
  if (shape.length !== indices.length) {
    throw cannot(node, `${formatShape(indices)} indices do not fit ${formatShape(shape)}`);
  }
  const axis = axisOf(intAttribute(node, "axis", 0), shape.length, node);
  const strides = stridesOf(shape);
  const own = stridesOf(indices);
  return (given, at) =>
    strides.reduce((place, stride, each) => {
      const here = Math.floor(at / (own[each] ?? 1)) % (indices[each] ?? 1);
      return place + stride * (each === axis ? within(given, shape[axis] ?? 0, node) : here);
    }, 0);
}

function reduction(node: Node): (old: number, update: number) => number {
  const name = stringAttribute(node, "reduction", "none");
  switch (name) {
    case "none":
      return (_, update) => update;
    case "add":
      return (old, update) => old + update;
    case "mul":
      return (old, update) => old * update;
    case "min":
      return Math.min;
    case "max":
      return Math.max;
    default:
      throw cannot(node, `its reduction is "${name}"`);
  }
}
