import { intAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  expandTo,
  floats,
  input,
  inputShape,
  mask,
  onlyGradient,
  output,
  outputShape,
  padOrCrop,
  scalar,
  whereWanted,
  zeros,
} from "./rule.ts";
import {
  offsets,
  poolWindow,
  transposedConvolution,
  type WindowGeometry,
  windowSlice,
} from "./window.ts";

/** Rules of pooling over the spatial axes of [batch, channels, ...size]. */
export const pooling: Readonly<Record<string, GradientRule>> = {
  /** y = maximum of each window: dx = g at the FIRST maximum of the window in row-major order, as PyTorch does. */
  MaxPool: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const window = poolWindow(c);
      return prefersSlices(window)
        ? addWindows(c, window, firstMaximum(c, g, window))
        : scatterByIndex(c, g);
    });
  },

  /** y = mean of each window: dx = g / (elements that the window counts), added over the windows that cover an element. */
  AveragePool: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const window = poolWindow(c);
      const channels = inputShape(c, 0)[1] ?? 1;
      const counts = windowCounts(window, intAttribute(c.node, "count_include_pad", 0) !== 0);
      const share = c.builder.div(g, floats(c, window.out, counts));
      const weight = [channels, 1, ...window.kernel];
      const ones = floats(c, weight, new Float64Array(sizeOf(weight)).fill(1));
      return transposedConvolution(c, share, ones, window, channels);
    });
  },

  /** y = mean over all positions: dx = g / positions, everywhere. */
  GlobalAveragePool: (c) => {
    const g = onlyGradient(c);
    const x = inputShape(c, 0);
    const share = () => c.builder.div(g, scalar(c, sizeOf(x.slice(2))));
    return whereWanted(c, () => expandTo(c, share(), outputShape(c), x));
  },

  /** y = maximum over all positions: dx = g at the first maximum. */
  GlobalMaxPool: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const { builder } = c;
      const x = inputShape(c, 0);
      const positions = sizeOf(x.slice(2));
      const flat = [x[0] ?? 1, x[1] ?? 1, positions];
      const first = builder.op("ArgMax", [builder.reshape(input(c, 0), flat)], {
        axis: 2,
        keepdims: 1,
      });
      const numbers = builder.ints(Array.from({ length: positions }, (_, index) => index));
      const share = builder.mul(
        mask(c, builder.op("Equal", [numbers, first])),
        builder.reshape(g, [flat[0] ?? 1, flat[1] ?? 1, 1]),
      );
      return builder.reshape(share, x);
    });
  },
};

/** onnxruntime's Col2Im is wrong for dilated windows of several channels unless there are two spatial axes. */
function prefersSlices({ kernel, dilations }: WindowGeometry): boolean {
  const sound = kernel.length === 2 || dilations.every((dilation) => dilation === 1);
  return sound && sizeOf(kernel) <= mostSlices;
}

/**
 * Up to this many elements in a window, slices of the input compared with the maximum are faster on onnxruntime (1.5 to
 * 1.8 times for 2 x 2) than a MaxPool that returns indices; for 3 x 3 the indices win (by up to 1.6 times).
 */
const mostSlices = 6;

/** The forward pool again, with the places of its maxima, to which g is added. */
function scatterByIndex(c: RuleContext, g: string): string {
  const { builder } = c;
  const x = inputShape(c, 0);
  const name = builder.unique("MaxPool");
  const indices = builder.unique("MaxPool.indices");
  const { storage_order: _, ...attributes } = c.node.attributes;
  builder.add({
    op: "MaxPool",
    name,
    inputs: c.node.inputs,
    outputs: [name, indices],
    attributes,
  });
  const scattered = builder.op(
    "ScatterElements",
    [zeros(c, [sizeOf(x)]), builder.reshape(indices, [-1]), builder.reshape(g, [-1])],
    { axis: 0, reduction: "add" },
  );
  return builder.reshape(scattered, x);
}

/** g split by the window offset that holds the first maximum: one value of the output's shape per offset. */
function firstMaximum(c: RuleContext, g: string, window: WindowGeometry): string[] {
  const { builder } = c;
  const { kernel, before, reach } = window;
  const padded = padOrCrop(
    c,
    input(c, 0),
    inputShape(c, 0),
    [0, 0, ...before],
    [0, 0, ...reach.map((count) => Math.max(0, count))],
    Number.NEGATIVE_INFINITY,
  );
  let rest = g;
  return offsets(kernel).map((offset, index, all) => {
    if (index === all.length - 1) {
      return rest;
    }
    const elements = windowSlice(builder, padded, window, offset);
    const isMaximum = mask(c, builder.op("Equal", [elements, output(c)]));
    const part = builder.mul(isMaximum, rest);
    rest = builder.sub(rest, part);
    return part;
  });
}

/** Adds one value per window offset (each of the output's shape) to the places of x that they come from. */
function addWindows(c: RuleContext, window: WindowGeometry, parts: readonly string[]): string {
  const { builder } = c;
  const { kernel, strides, dilations, before, reach, after, size, out } = window;
  const [batch = 1, channels = 1] = inputShape(c, 0);
  const positions = sizeOf(out);
  const columns = builder.op(
    "Concat",
    parts.map((part) => builder.reshape(part, [batch, channels, 1, positions])),
    { axis: 2 },
  );
  return builder.op(
    "Col2Im",
    [
      builder.reshape(columns, [batch, channels * sizeOf(kernel), positions]),
      builder.ints(size),
      builder.ints(kernel),
    ],
    {
      strides,
      dilations,
      pads: [...before, ...reach.map((count, axis) => Math.max(count, after[axis] ?? 0))],
    },
  );
}

/** How many elements each window of an average counts: those inside x, or inside its stated padding too. */
function windowCounts(window: WindowGeometry, includePadding: boolean): Float64Array {
  const { kernel, strides, dilations, before, after, size, out } = window;
  const along = out.map((count, axis) =>
    Array.from({ length: count }, (_, index) => {
      const low = includePadding ? -(before[axis] ?? 0) : 0;
      const high = (size[axis] ?? 0) + (includePadding ? (after[axis] ?? 0) : 0);
      const start = index * (strides[axis] ?? 1) - (before[axis] ?? 0);
      return Array.from(
        { length: kernel[axis] ?? 1 },
        (_, step) => start + step * (dilations[axis] ?? 1),
      ).filter((place) => place >= low && place < high).length;
    }),
  );
  return Float64Array.from(
    offsets(out).map((position) =>
      position.reduce((product, index, axis) => product * (along[axis]?.[index] ?? 1), 1),
    ),
  );
}
