import { intAttribute, intsAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { resizedShape, resizeMaps } from "../../graph/resize.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { paddedPlaces } from "../reference/shape.ts";
import { around, axisOf, broadcastShape } from "../reference/value.ts";
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
  cannot,
  type Kernels,
  like,
  need,
  numbers,
  type Run,
  reshape,
  type TfTensor,
  Value,
} from "./value.ts";

/** Operators that move elements. */
export const shape: Kernels = {
  Reshape: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const given = numbers(need(inputs, 1, node)) ?? [];
    return like(run, x, reshape(run, x.device, reshapedSize(node, x.shape, given)));
  },

  Flatten: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return like(run, x, reshape(run, x.device, flattenedSize(node, x.shape)));
  },

  Squeeze: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return like(run, x, reshape(run, x.device, squeezedSize(node, x.shape, numbers(inputs[1]))));
  },

  Unsqueeze: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return like(run, x, reshape(run, x.device, unsqueezedSize(node, x.shape, numbers(inputs[1]))));
  },

  Transpose: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const axes = x.shape.map((_, axis) => axis);
    const permutation = intsAttribute(node, "perm") ?? axes.toReversed();
    return like(run, x, transpose(run, x.device, permutation));
  },

  Expand: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const size = broadcastShape([x.shape, numbers(need(inputs, 1, node)) ?? []], node);
    return like(run, x, run.tf.broadcastTo(x.device, [...size]));
  },

  Tile: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const repeats = numbers(need(inputs, 1, node)) ?? [];
    return like(run, x, x.shape.length === 0 ? x.device : run.tf.tile(x.device, repeats));
  },

  Concat: (inputs, node, run) => {
    const parts = inputs.map((_, index) => need(inputs, index, node));
    const first = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", 0), first.shape.length, node);
    return like(
      run,
      first,
      run.tf.concat(
        parts.map((part) => part.device),
        axis,
      ),
    );
  },

  Split: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return splitCuts(node, x.shape, numbers(inputs[1])).map((cut) =>
      like(run, x, slice(run, x.device, [cut])),
    );
  },

  Slice: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const cuts = sliceCuts(node, x.shape, {
      starts: numbers(need(inputs, 1, node)) ?? [],
      ends: numbers(need(inputs, 2, node)) ?? [],
      axes: numbers(inputs[3]),
      steps: numbers(inputs[4]),
    });
    return like(run, x, slice(run, x.device, cuts));
  },

  Pad: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const mode = stringAttribute(node, "mode", "constant");
    const source = paddedPlaces[mode];
    if (source === undefined) {
      throw cannot(node, `its mode is "${mode}"`);
    }
    const pads = numbers(need(inputs, 1, node)) ?? [];
    const { before, after } = padCounts(node, x.shape, pads, numbers(inputs[3]));
    if (mode === "constant") {
      return like(run, x, pad(run, x.device, before, after, numbers(inputs[2])?.[0] ?? 0));
    }
    const padded = x.shape.reduce((tensor, size, axis) => {
      const [first = 0, last = 0] = [before[axis], after[axis]];
      const places = Int32Array.from({ length: size + first + last }, (_, index) =>
        source(index - first, size),
      );
      return first === 0 && last === 0
        ? tensor
        : run.tf.gather(tensor, run.tf.tensor1d(places, "int32"), axis);
    }, x.device);
    return like(run, x, padded);
  },

  Trilu: (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const [rows = 1, columns = 1] = x.shape.slice(-2);
    const k = numbers(inputs[1])?.[0] ?? 0;
    const isUpper = intAttribute(node, "upper", 1) !== 0;
    const kept = run.constant(`Trilu ${rows} ${columns} ${k} ${isUpper}`, () => {
      const mask = Uint8Array.from({ length: rows * columns }, (_, at) => {
        const distance = (at % columns) - Math.floor(at / columns) - k;
        return Number(isUpper ? distance >= 0 : distance <= 0);
      });
      return tf.tensor(mask, [rows, columns], "bool");
    });
    return like(run, x, tf.where(kept, x.device, tf.zeros([], x.device.dtype)));
  },

  DepthToSpace: blocks,
  SpaceToDepth: blocks,

  Resize: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const targets = { scales: numbers(inputs[2]), sizes: numbers(inputs[3]) };
    const maps = resizeMaps(node, x.shape, resizedShape(node, x.shape, targets), targets);
    if (typeof maps === "string") {
      throw cannot(node, maps);
    }
    const resized = maps.reduce((tensor, map, axis) => {
      if (map === undefined) {
        return tensor;
      }
      const [before, from, after] = around(tensor.shape, axis);
      const weights = run.tf.tensor2d(Float32Array.from(map.weights), [map.to, from]);
      const lines = reshape(run, tensor, [before, from, after]);
      const size = tensor.shape.with(axis, map.to);
      // The same weights for all: where nothing stands behind the axis, one product does.
      return reshape(
        run,
        after === 1
          ? run.tf.matMul(reshape(run, lines, [before, from]), weights, false, true)
          : run.tf.matMul(reshape(run, weights, [1, map.to, from]), lines),
        size,
      );
    }, x.device);
    return like(run, x, resized);
  },

  Shape: (inputs, node, { tf }) => {
    const x = need(inputs, 0, node);
    const rank = x.shape.length;
    const sizes = x.shape.slice(intAttribute(node, "start", 0), intAttribute(node, "end", rank));
    const data = Float64Array.from(sizes);
    return Value.ofHost(tf, { dtype: "int64", shape: [sizes.length], data });
  },

  Size: (inputs, node, { tf }) => {
    const data = Float64Array.of(sizeOf(need(inputs, 0, node).shape));
    return Value.ofHost(tf, { dtype: "int64", shape: [], data });
  },
};

function blocks(inputs: readonly (Value | undefined)[], node: Node, run: Run): Value {
  const x = need(inputs, 0, node);
  const { split, order, out } = movedBlocks(node, x.shape);
  const moved = transpose(run, reshape(run, x.device, split), order);
  return like(run, x, reshape(run, moved, out));
}

/** Orders axes anew. Axes that stay side by side move as one: backends are limited in rank, and faster for few axes. */
export function transpose(run: Run, x: TfTensor, permutation: readonly number[]): TfTensor {
  const shape = permutation.map((axis) => x.shape[axis] ?? 1);
  const groups: number[][] = [];
  for (const axis of permutation.filter((each) => x.shape[each] !== 1)) {
    const last = groups.at(-1);
    const previous = last?.at(-1) ?? Number.NaN;
    const isNext = x.shape.slice(previous + 1, axis).every((size) => size === 1);
    if (last !== undefined && axis > previous && isNext) {
      last.push(axis);
    } else {
      groups.push([axis]);
    }
  }
  const inOrder = groups.toSorted(([a = 0], [b = 0]) => a - b);
  const sizes = inOrder.map((group) => sizeOf(group.map((axis) => x.shape[axis] ?? 1)));
  const order = groups.map((group) => inOrder.indexOf(group));
  const moved = groups.length < 2 ? x : run.tf.transpose(reshape(run, x, sizes), order);
  return reshape(run, moved, shape);
}

/** Cuts along some axes. */
export function slice(run: Run, x: TfTensor, cuts: readonly Cut[]): TfTensor {
  const { tf } = run;
  const begin = x.shape.map(() => 0);
  const count: number[] = [...x.shape];
  const step = x.shape.map(() => 1);
  for (const cut of cuts) {
    const back = cut.step < 0 ? (cut.count - 1) * cut.step : 0;
    begin[cut.axis] = cut.start + back;
    count[cut.axis] = cut.count;
    step[cut.axis] = Math.abs(cut.step);
  }
  if (sizeOf(count) === 0) {
    return tf.zeros(count, x.dtype);
  }
  const isWhole = count.every((size, axis) => size === x.shape[axis]);
  const end = begin.map((from, axis) => from + ((count[axis] ?? 1) - 1) * (step[axis] ?? 1) + 1);
  const taken = isWhole
    ? x
    : step.every((each) => each === 1)
      ? tf.slice(x, begin, count)
      : tf.stridedSlice(x, begin, end, step);
  const backwards = cuts.flatMap((cut) => (cut.step < 0 && cut.count > 1 ? [cut.axis] : []));
  return backwards.length === 0 ? taken : tf.reverse(taken, backwards);
}

/** Puts a constant around a tensor; negative counts cut instead. */
export function pad(
  run: Run,
  x: TfTensor,
  before: readonly number[],
  after: readonly number[],
  fill: number,
): TfTensor {
  const cuts = x.shape.flatMap((size, axis): Cut[] => {
    const [start, end] = [Math.max(0, -(before[axis] ?? 0)), Math.max(0, -(after[axis] ?? 0))];
    const count = Math.max(0, size - start - end);
    return start + end === 0 ? [] : [{ axis, start, step: 1, count }];
  });
  const cut = cuts.length === 0 ? x : slice(run, x, cuts);
  const paddings = x.shape.map((_, axis): [number, number] => [
    Math.max(0, before[axis] ?? 0),
    Math.max(0, after[axis] ?? 0),
  ]);
  const isPadded = paddings.some(([front, back]) => front + back > 0);
  return isPadded ? run.tf.pad(cut, paddings, fill) : cut;
}
