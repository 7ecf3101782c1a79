import type { WindowGeometry } from "../autodiff/rules/window.ts";
import { offsets } from "../autodiff/rules/window.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { intsAttribute } from "../graph/graph.ts";
import { type Shape, sizeOf, toNumbers } from "../graph/tensor.ts";
import { patches } from "./patches.ts";

/** A gradient [images, channels, ...size] that is put together from windows that do not overlap, as a max pool's is. */
export interface Tiles {
  /** [images, channels * elements of a window, windows], before it is put together. */
  readonly columns: string;
  readonly kernel: Shape;
  /** Windows along each axis. */
  readonly out: Shape;
  /** Elements of a channel that a window covers; all others are 0. */
  readonly covered: number;
}

/** The tiles of a gradient, if it has them. */
export function tilesOf(builder: GraphBuilder, gradient: string): Tiles | undefined {
  const node = builder.nodes.findLast(({ outputs }) => outputs[0] === gradient);
  if (node?.op !== "Col2Im") {
    return undefined;
  }
  const [columns = "", ...shapes] = node.inputs;
  const [size = [], kernel = []] = shapes.map((name) => {
    const tensor = builder.initializers.get(name);
    return tensor === undefined ? [] : toNumbers(tensor);
  });
  const strides = intsAttribute(node, "strides");
  const isTiled =
    kernel.every((length, axis) => strides?.[axis] === length) &&
    (intsAttribute(node, "dilations") ?? []).every((dilation) => dilation === 1) &&
    (intsAttribute(node, "pads") ?? []).every((pad) => pad === 0);
  const out = size.map((length, axis) => Math.floor(length / (kernel[axis] ?? 1)));
  return isTiled ? { columns, kernel, out, covered: sizeOf(kernel) * sizeOf(out) } : undefined;
}

/**
 * What a convolution sees at the elements of the tiles, in their order: [images, taps * channels, covered].
 * @param window of the convolution whose output the tiles cover
 */
export function tiledPatches(
  builder: GraphBuilder,
  image: string,
  shape: Shape,
  window: WindowGeometry,
  { kernel, out }: Tiles,
): string {
  const [images = 1, channels = 1] = shape;
  const rows = sizeOf(window.kernel) * channels;
  const phases = offsets(kernel).map((offset) => {
    const strides = window.strides.map((stride, axis) => stride * (kernel[axis] ?? 1));
    const before = window.before.map(
      (pad, axis) => pad - (offset[axis] ?? 0) * (window.strides[axis] ?? 1),
    );
    const reach = window.size.map(
      (length, axis) =>
        ((out[axis] ?? 1) - 1) * (strides[axis] ?? 1) +
        (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) +
        1 -
        length -
        (before[axis] ?? 0),
    );
    const seen = patches(builder, image, shape, {
      ...window,
      strides,
      before,
      after: reach,
      reach,
      out,
    });
    const stacked = builder.op("Concat", seen, { axis: 1 });
    return builder.reshape(stacked, [images, rows, sizeOf(out)]);
  });
  return builder.op("Concat", phases, { axis: 2 });
}
