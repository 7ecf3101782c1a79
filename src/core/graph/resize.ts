import {
  floatAttribute,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
} from "./graph.ts";
import type { Shape } from "./tensor.ts";

/** Weights of a linear map along one axis: row-major [out, in]. */
export interface AxisMap {
  readonly from: number;
  readonly to: number;
  readonly weights: Float64Array;
}

/** What a Resize is told besides its attributes, in the order of its `axes`; an empty list is none. */
export interface ResizeTargets {
  readonly scales?: readonly number[] | undefined;
  readonly sizes?: readonly number[] | undefined;
}

/** The shape of a Resize's output. */
export function resizedShape(node: Node, input: Shape, targets: ResizeTargets): Shape {
  const axes = axesOf(node, input);
  const { scales, sizes } = targets;
  const policy = stringAttribute(node, "keep_aspect_ratio_policy", "stretch");
  return input.map((from, axis) => {
    const index = axes.indexOf(axis);
    if (index === -1) {
      return from;
    }
    if (scales !== undefined && scales.length > 0) {
      return Math.floor(Math.fround(from * (scales[index] ?? 1)));
    }
    return policy === "stretch"
      ? (sizes?.[index] ?? from)
      : Math.round(from * commonScale(policy, input, axes, sizes ?? []));
  });
}

/**
 * Resize as one linear map per axis (they are applied one after the other); `undefined` where an axis stays as it is.
 * The result is a text that says what of the node is not supported (cropping to a region of interest).
 *
 * @see https://onnx.ai/onnx/operators/onnx__Resize.html
 */
export function resizeMaps(
  node: Node,
  input: Shape,
  output: Shape,
  { scales = [], sizes = [] }: ResizeTargets,
): readonly (AxisMap | undefined)[] | string {
  const transformation = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
  const toInput = transformations[transformation];
  if (toInput === undefined) {
    return `its coordinate_transformation_mode is "${transformation}"`;
  }
  const axes = axesOf(node, input);
  const policy = stringAttribute(node, "keep_aspect_ratio_policy", "stretch");
  if (policy !== "stretch" && scales.length === 0 && sizes.length === 0) {
    return `its keep_aspect_ratio_policy is "${policy}" and its sizes are not constant`;
  }
  return input.map((from, axis) => {
    const to = output[axis] ?? from;
    const index = axes.indexOf(axis);
    const fitted = policy === "stretch" ? to / from : commonScale(policy, input, axes, sizes);
    const scale = index === -1 ? 1 : (scales[index] ?? fitted);
    if (scale === 1 && from === to) {
      return undefined;
    }
    const weights = new Float64Array(to * from);
    for (let row = 0; row < to; row++) {
      const coordinate = (round: Rounding) => toInput(row, scale, from, to, round);
      for (const [place, weight] of tapsAt(node, coordinate, scale, from)) {
        const at = row * from + place;
        weights[at] = (weights[at] as number) + weight;
      }
    }
    return { from, to, weights };
  });
}

function axesOf(node: Node, input: Shape): readonly number[] {
  const axes = intsAttribute(node, "axes") ?? input.map((_, axis) => axis);
  return axes.map((axis) => (axis < 0 ? axis + input.length : axis));
}

/** The one scale of all axes that keeps the proportions. */
function commonScale(
  policy: string,
  input: Shape,
  axes: readonly number[],
  sizes: readonly number[],
): number {
  const ratios = axes.map((axis, index) => (sizes[index] ?? 1) / (input[axis] ?? 1));
  return policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
}

type Rounding = (x: number) => number;

/** Where an output place lies among the input's; every operation is rounded, because nearest neighbours hang on it. */
const transformations: Readonly<
  Record<string, (x: number, scale: number, from: number, to: number, round: Rounding) => number>
> = {
  half_pixel: (x, scale, _from, _to, round) => round(round((x + 0.5) / scale) - 0.5),
  half_pixel_symmetric: (x, scale, from, to, round) => {
    const offset = (from / 2) * (1 - to / (scale * from));
    return round(offset + round(round((x + 0.5) / scale) - 0.5));
  },
  pytorch_half_pixel: (x, scale, _from, to, round) =>
    to > 1 ? round(round((x + 0.5) / scale) - 0.5) : 0,
  align_corners: (x, _scale, from, to, round) =>
    to > 1 ? round(round(x * (from - 1)) / (to - 1)) : 0,
  asymmetric: (x, scale, _from, _to, round) => round(x / scale),
};

/** Places of the input with their weights for one output place. */
function tapsAt(
  node: Node,
  coordinate: (round: Rounding) => number,
  scale: number,
  size: number,
): readonly (readonly [number, number])[] {
  const mode = stringAttribute(node, "mode", "nearest");
  if (mode === "nearest") {
    // In single precision, as engines do, so that they choose the same neighbour.
    const x = coordinate(Math.fround);
    return [
      [inside(nearest(x, stringAttribute(node, "nearest_mode", "round_prefer_floor")), size), 1],
    ];
  }
  const x = coordinate((value) => value);
  const isSmoothed = intAttribute(node, "antialias", 0) !== 0 && scale < 1;
  const width = isSmoothed ? scale : 1;
  const a = floatAttribute(node, "cubic_coeff_a", -0.75);
  const kernel = mode === "cubic" ? (d: number) => cubic(d, a) : (d: number) => Math.max(0, 1 - d);
  const reach = (mode === "cubic" ? 2 : 1) / width;
  const isInsideOnly = intAttribute(node, "exclude_outside", 0) !== 0;
  const taps: [number, number][] = [];
  for (let place = Math.floor(x - reach) + 1; place < x + reach; place++) {
    const isOutside = place < 0 || place >= size;
    if (!(isInsideOnly && isOutside)) {
      taps.push([inside(place, size), kernel(Math.abs(place - x) * width)]);
    }
  }
  const total = taps.reduce((sum, [, weight]) => sum + weight, 0);
  return taps.map(([place, weight]) => [place, weight / total]);
}

function inside(place: number, size: number): number {
  return Math.min(Math.max(place, 0), size - 1);
}

function nearest(x: number, mode: string): number {
  switch (mode) {
    case "floor":
      return Math.floor(x);
    case "ceil":
      return Math.ceil(x);
    case "round_prefer_ceil":
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

/** The cubic convolution kernel (Keys) at distance d. */
function cubic(d: number, a: number): number {
  if (d <= 1) {
    return ((a + 2) * d - (a + 3)) * d * d + 1;
  }
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}
