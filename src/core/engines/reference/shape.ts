import { intAttribute, intsAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { formatShape, sizeOf } from "../../graph/tensor.ts";
import {
  type Cut,
  flattenedSize,
  movedBlocks,
  padCounts,
  reshapedSize,
  sliceCuts,
  splitCuts,
  squeezedSize,
  unsqueezedSize,
} from "../sizes.ts";
import {
  around,
  axisOf,
  broadcastShape,
  broadcastTo,
  cannot,
  type Kernels,
  need,
  numbers,
  strided,
  stridesOf,
  type Value,
  value,
} from "./value.ts";

/** Operators that move elements. */
export const shape: Kernels = {
  Reshape: (inputs, node) => {
    const x = need(inputs, 0, node);
    const given = numbers(need(inputs, 1, node)) ?? [];
    return { ...x, shape: reshapedSize(node, x.shape, given) };
  },

  Flatten: (inputs, node) => {
    const x = need(inputs, 0, node);
    return { ...x, shape: flattenedSize(node, x.shape) };
  },

  Squeeze: (inputs, node) => {
    const x = need(inputs, 0, node);
    return { ...x, shape: squeezedSize(node, x.shape, numbers(inputs[1])) };
  },

  Unsqueeze: (inputs, node) => {
    const x = need(inputs, 0, node);
    return { ...x, shape: unsqueezedSize(node, x.shape, numbers(inputs[1])) };
  },

  Transpose: (inputs, node) => {
    const x = need(inputs, 0, node);
    const axes = x.shape.map((_, axis) => axis);
    return transposed(x, intsAttribute(node, "perm") ?? axes.toReversed());
  },

  Expand: (inputs, node) => {
    const x = need(inputs, 0, node);
    const size = broadcastShape([x.shape, numbers(need(inputs, 1, node)) ?? []], node);
    return value(x.dtype, size, broadcastTo(x, size));
  },

  Tile: (inputs, node) => {
    const x = need(inputs, 0, node);
    const repeats = numbers(need(inputs, 1, node)) ?? [];
    const own = stridesOf(x.shape);
    const pairs = x.shape.flatMap((size, axis) => [repeats[axis] ?? 1, size]);
    const steps = x.shape.flatMap((_, axis) => [0, own[axis] ?? 1]);
    return value(
      x.dtype,
      x.shape.map((size, axis) => size * (repeats[axis] ?? 1)),
      strided(x.data, pairs, steps),
    );
  },

  Concat: (inputs, node) => {
    const parts = inputs.map((_, index) => need(inputs, index, node));
    const first = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", 0), first.shape.length, node);
    const total = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
    const size = first.shape.map((own, index) => (index === axis ? total : own));
    const [before, , after] = around(size, axis);
    const out = new Float64Array(sizeOf(size));
    let start = 0;
    for (const part of parts) {
      const width = (part.shape[axis] ?? 0) * after;
      if (part.data.length !== before * width) {
        throw cannot(node, `the part ${formatShape(part.shape)} does not fit ${formatShape(size)}`);
      }
      for (let row = 0; row < before; row++) {
        out.set(part.data.subarray(row * width, (row + 1) * width), row * total * after + start);
      }
      start += width;
    }
    return value(first.dtype, size, out);
  },

  Split: (inputs, node) => {
    const x = need(inputs, 0, node);
    return splitCuts(node, x.shape, numbers(inputs[1])).map((cut) => sliced(x, [cut]));
  },

  Slice: (inputs, node) => {
    const x = need(inputs, 0, node);
    const cuts = sliceCuts(node, x.shape, {
      starts: numbers(need(inputs, 1, node)) ?? [],
      ends: numbers(need(inputs, 2, node)) ?? [],
      axes: numbers(inputs[3]),
      steps: numbers(inputs[4]),
    });
    return sliced(x, cuts);
  },

  Pad: (inputs, node) => {
    const x = need(inputs, 0, node);
    const mode = stringAttribute(node, "mode", "constant");
    const source = paddedPlaces[mode];
    if (source === undefined) {
      throw cannot(node, `its mode is "${mode}"`);
    }
    const pads = numbers(need(inputs, 1, node)) ?? [];
    const { before, after } = padCounts(node, x.shape, pads, numbers(inputs[3]));
    const size = x.shape.map((own, axis) => own + (before[axis] ?? 0) + (after[axis] ?? 0));
    const own = stridesOf(size);
    const from = stridesOf(x.shape);
    const out = new Float64Array(sizeOf(size));
    for (let at = 0; at < out.length; at++) {
      const place = own.reduce((sum, stride, axis) => {
        const index = (Math.floor(at / stride) % (size[axis] ?? 1)) - (before[axis] ?? 0);
        return sum + source(index, x.shape[axis] ?? 1) * (from[axis] ?? 1);
      }, 0);
      out[at] = (Number.isNaN(place) ? inputs[2]?.data[0] : x.data[place]) ?? 0;
    }
    return value(x.dtype, size, out);
  },

  Trilu: (inputs, node) => {
    const x = need(inputs, 0, node);
    const [rows = 1, columns = 1] = x.shape.slice(-2);
    const k = inputs[1]?.data[0] ?? 0;
    const upper = intAttribute(node, "upper", 1) !== 0;
    return {
      ...x,
      data: x.data.map((element, at) => {
        const distance = (at % columns) - (Math.floor(at / columns) % rows) - k;
        return (upper ? distance >= 0 : distance <= 0) ? element : 0;
      }),
    };
  },

  DepthToSpace: blocks,
  SpaceToDepth: blocks,

  Shape: (inputs, node) => {
    const x = need(inputs, 0, node);
    const rank = x.shape.length;
    const sizes = x.shape.slice(intAttribute(node, "start", 0), intAttribute(node, "end", rank));
    return value("int64", [sizes.length], Float64Array.from(sizes));
  },

  Size: (inputs, node) => value("int64", [], Float64Array.of(need(inputs, 0, node).data.length)),
};

/** Which element stands at a place before or behind an axis of some size; NaN where a constant does. */
export const paddedPlaces: Readonly<Record<string, (index: number, size: number) => number>> = {
  constant: (index, size) => (index >= 0 && index < size ? index : Number.NaN),
  edge: (index, size) => Math.min(Math.max(index, 0), size - 1),
  reflect: (index, size) => {
    const period = Math.max(1, 2 * (size - 1));
    const turn = ((index % period) + period) % period;
    return turn < size ? turn : period - turn;
  },
  wrap: (index, size) => ((index % size) + size) % size,
};

function blocks(inputs: readonly (Value | undefined)[], node: Node): Value {
  const x = need(inputs, 0, node);
  const { split, order, out } = movedBlocks(node, x.shape);
  return { ...transposed({ ...x, shape: split }, order), shape: out };
}

function transposed(x: Value, permutation: readonly number[]): Value {
  const own = stridesOf(x.shape);
  const size = permutation.map((axis) => x.shape[axis] ?? 1);
  const steps = permutation.map((axis) => own[axis] ?? 1);
  return value(x.dtype, size, strided(x.data, size, steps));
}

function sliced(x: Value, cuts: readonly Cut[]): Value {
  const own = stridesOf(x.shape);
  const steps = [...own];
  const size = [...x.shape];
  let offset = 0;
  for (const { axis, start, step, count } of cuts) {
    offset += start * (own[axis] ?? 1);
    steps[axis] = step * (own[axis] ?? 1);
    size[axis] = count;
  }
  return value(x.dtype, size, strided(x.data, size, steps, offset));
}
