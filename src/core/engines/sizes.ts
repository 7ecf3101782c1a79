import { intAttribute, intsAttribute, type Node, stringAttribute } from "../graph/graph.ts";
import { formatShape, type Shape, sizeOf } from "../graph/tensor.ts";
import { axisOf, cannot } from "./reference/value.ts";

/** The shape that Reshape gives: 0 keeps a size, -1 takes what is left. */
export function reshapedSize(node: Node, shape: Shape, given: readonly number[]): Shape {
  const keepZero = intAttribute(node, "allowzero", 0) !== 0;
  const wanted = given.map((size, axis) => (size === 0 && !keepZero ? (shape[axis] ?? 0) : size));
  const known = sizeOf(wanted.filter((size) => size !== -1));
  return sameCount(
    node,
    shape,
    wanted.map((size) => (size === -1 ? (known === 0 ? 0 : sizeOf(shape) / known) : size)),
  );
}

/** The two sizes that Flatten gives. */
export function flattenedSize(node: Node, shape: Shape): Shape {
  const axis = intAttribute(node, "axis", 1);
  const cut = axis < 0 ? axis + shape.length : axis;
  return [sizeOf(shape.slice(0, cut)), sizeOf(shape.slice(cut))];
}

/** The shape without the named axes, or without all of size 1. */
export function squeezedSize(node: Node, shape: Shape, given?: readonly number[]): Shape {
  const named = given ?? intsAttribute(node, "axes");
  const axes = named?.map((axis) => axisOf(axis, shape.length, node));
  const kept = shape.filter((size, axis) => !(axes?.includes(axis) ?? size === 1));
  return sameCount(node, shape, kept);
}

/** The shape with new axes of size 1. */
export function unsqueezedSize(node: Node, shape: Shape, given?: readonly number[]): Shape {
  const named = given ?? intsAttribute(node, "axes") ?? [];
  const rank = shape.length + named.length;
  const axes = named.map((axis) => axisOf(axis, rank, node));
  const rest = [...shape];
  return Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : (rest.shift() ?? 1)));
}

/** Elements `start`, `start + step`, ... of one axis. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  /** Negative goes backwards. */
  readonly step: number;
  readonly count: number;
}

/** What Split cuts, one part for each output. */
export function splitCuts(node: Node, shape: Shape, given?: readonly number[]): readonly Cut[] {
  const axis = axisOf(intAttribute(node, "axis", 0), shape.length, node);
  const length = shape[axis] ?? 0;
  const chunk = Math.ceil(length / node.outputs.length);
  const sizes =
    given ?? node.outputs.map((_, index) => Math.max(0, Math.min(chunk, length - index * chunk)));
  let start = 0;
  return sizes.map((count) => {
    const cut = { axis, start, step: 1, count };
    start += count;
    return cut;
  });
}

/** What Slice cuts: negative places count from the end, and what lies beyond is cut off. */
export function sliceCuts(
  node: Node,
  shape: Shape,
  given: {
    readonly starts: readonly number[];
    readonly ends: readonly number[];
    readonly axes: readonly number[] | undefined;
    readonly steps: readonly number[] | undefined;
  },
): readonly Cut[] {
  const { starts, ends } = given;
  const axes = given.axes ?? starts.map((_, axis) => axis);
  return axes.map((named, index) => {
    const axis = axisOf(named, shape.length, node);
    const length = shape[axis] ?? 0;
    const step = given.steps?.[index] ?? 1;
    if (step === 0) {
      throw cannot(node, "a step is 0");
    }
    const bound = (place: number) =>
      step > 0
        ? Math.min(Math.max(place < 0 ? place + length : place, 0), length)
        : Math.min(Math.max(place < 0 ? place + length : place, -1), length - 1);
    const start = bound(starts[index] ?? 0);
    const count = Math.max(0, Math.ceil((bound(ends[index] ?? 0) - start) / step));
    return { axis, start, step, count };
  });
}

/** What Pad puts before and after each axis; negative counts cut. */
export function padCounts(
  node: Node,
  shape: Shape,
  pads: readonly number[],
  given?: readonly number[],
): { readonly before: readonly number[]; readonly after: readonly number[] } {
  const axes = given ?? shape.map((_, axis) => axis);
  const [before, after] = [shape.map(() => 0), shape.map(() => 0)];
  axes.forEach((named, index) => {
    const axis = axisOf(named, shape.length, node);
    before[axis] = pads[index] ?? 0;
    after[axis] = pads[axes.length + index] ?? 0;
  });
  return { before, after };
}

/** How DepthToSpace and SpaceToDepth move blocks of [batch, channels, height, width]: split axes, their order, the result. */
export function movedBlocks(
  node: Node,
  shape: Shape,
): { readonly split: Shape; readonly order: readonly number[]; readonly out: Shape } {
  const [n = 1, channels = 1, height = 1, width = 1] = shape;
  const block = intAttribute(node, "blocksize", 1);
  if (node.op === "SpaceToDepth") {
    const [rows, columns] = [height / block, width / block];
    return {
      split: sameCount(node, shape, [n, channels, rows, block, columns, block]),
      order: [0, 3, 5, 1, 2, 4],
      out: [n, channels * block ** 2, rows, columns],
    };
  }
  const inner = channels / block ** 2;
  const isChannelMajor = stringAttribute(node, "mode", "DCR") === "CRD";
  const blocks = isChannelMajor ? [inner, block, block] : [block, block, inner];
  return {
    split: sameCount(node, shape, [n, ...blocks, height, width]),
    order: isChannelMajor ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2],
    out: [n, inner, height * block, width * block],
  };
}

/** Sizes of a convolution's input [batch, channels, ...size] and weight [outputs, inner, ...kernel]. */
export function convolutionSizes(node: Node, x: Shape, w: Shape) {
  const [batch = 1, channels = 1, ...size] = x;
  const [outputs = 1, inner = 1, ...kernel] = w;
  const groups = intAttribute(node, "group", 1);
  if (inner * groups !== channels || outputs % groups !== 0) {
    throw cannot(node, `the weight ${formatShape(w)} does not fit ${formatShape(x)}`);
  }
  return { batch, channels, size, outputs, inner, kernel, groups };
}

/** Sizes of a transposed convolution's input [batch, channels, ...size] and weight [channels, height, ...kernel]. */
export function transposedSizes(node: Node, x: Shape, w: Shape) {
  const [batch = 1, channels = 1, ...size] = x;
  const [channelsW = 1, height = 1, ...kernel] = w;
  const groups = intAttribute(node, "group", 1);
  if (channels !== channelsW || channels % groups !== 0) {
    throw cannot(node, `the weight ${formatShape(w)} does not fit ${formatShape(x)}`);
  }
  return { batch, channels, size, height, kernel, groups, outputs: height * groups };
}

function sameCount(node: Node, shape: Shape, size: Shape): Shape {
  if (sizeOf(size) !== sizeOf(shape)) {
    throw cannot(node, `${formatShape(shape)} cannot be seen as ${formatShape(size)}`);
  }
  return size;
}
