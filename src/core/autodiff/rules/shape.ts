import { intAttribute, intsAttribute, stringAttribute } from "../../graph/graph.ts";
import type { GradientRule } from "../gradient.ts";
import { padding } from "./padding.ts";
import {
  constantInts,
  flip,
  inputShape,
  onlyGradient,
  outputShape,
  padOrCrop,
  positiveAxis,
  spread,
  sumTo,
  whereWanted,
  zeros,
} from "./rule.ts";

/** y holds the elements of x in the same order: dx = g in the shape of x. */
const reshaped: GradientRule = (c) => {
  const g = onlyGradient(c);
  return whereWanted(c, () => c.builder.reshape(g, inputShape(c, 0)));
};

/** Rules of operators that move elements. g is the gradient of the output. */
export const shape: Readonly<Record<string, GradientRule>> = {
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: reshaped,
  Unsqueeze: reshaped,

  /** y = x with permuted axes: dx = g with the inverse permutation. */
  Transpose: (c) => {
    const g = onlyGradient(c);
    const rank = inputShape(c, 0).length;
    const axes = Array.from({ length: rank }, (_, axis) => axis);
    const permutation = intsAttribute(c.node, "perm") ?? axes.toReversed();
    return whereWanted(c, () =>
      c.builder.transpose(
        g,
        axes.map((axis) => permutation.indexOf(axis)),
      ),
    );
  },

  /** y = x repeated along axes of size 1: dx = g summed over the repeats. */
  Expand: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => sumTo(c, g, outputShape(c), inputShape(c, 0)));
  },

  /** y = x several times along axes: dx = g summed over the repeats. */
  Tile: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const x = inputShape(c, 0);
      const pairs = outputShape(c).flatMap((size, axis) => [size / (x[axis] ?? 1), x[axis] ?? 1]);
      const repeats = x.flatMap((_, axis) => (pairs[2 * axis] === 1 ? [] : [2 * axis]));
      const summed = c.builder.reduceSum(c.builder.reshape(g, pairs), repeats);
      return c.builder.reshape(summed, x);
    });
  },

  /** y = the upper or lower triangle of x, else 0: dx = that of g. */
  Trilu: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () =>
      c.builder.op("Trilu", c.node.inputs.with(0, g), {
        upper: intAttribute(c.node, "upper", 1),
      }),
    );
  },

  /** y = blocks of channels as blocks of pixels: dx = the other way round. */
  DepthToSpace: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const [n = 1, channels = 1, height = 1, width = 1] = inputShape(c, 0);
      const block = intAttribute(c.node, "blocksize", 1);
      const apart = c.builder.reshape(g, [n, channels / block ** 2, height, block, width, block]);
      const isColumnFirst = stringAttribute(c.node, "mode", "DCR") === "CRD";
      const order = isColumnFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
      return c.builder.reshape(c.builder.transpose(apart, order), inputShape(c, 0));
    });
  },

  /** y = blocks of pixels as blocks of channels: dx = the other way round. */
  SpaceToDepth: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () =>
      c.builder.op("DepthToSpace", [g], {
        blocksize: intAttribute(c.node, "blocksize", 1),
        mode: "DCR",
      }),
    );
  },

  /** y = the inputs one after the other along an axis: each gets its part of g. */
  Concat: (c) => {
    const g = onlyGradient(c);
    const axis = positiveAxis(intAttribute(c.node, "axis", 0), outputShape(c).length);
    let start = 0;
    const parts = c.node.inputs.map((_, index) => {
      const from = start;
      start += inputShape(c, index)[axis] ?? 0;
      const to = start;
      return () =>
        c.builder.op("Slice", [
          g,
          c.builder.ints([from]),
          c.builder.ints([to]),
          c.builder.ints([axis]),
        ]);
    });
    return whereWanted(c, ...parts);
  },

  /** The outputs are parts of x along an axis: dx = their gradients one after the other, 0 for parts without one. */
  Split: (c) =>
    whereWanted(c, () =>
      c.builder.op(
        "Concat",
        c.outputGradients.map((gradient, index) => gradient ?? zeros(c, outputShape(c, index))),
        { axis: positiveAxis(intAttribute(c.node, "axis", 0), inputShape(c, 0).length) },
      ),
    ),

  /** y = x[start:end:step] along some axes: dx = g spread by |step| (turned round where step < 0) among zeros. */
  Slice: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const x = inputShape(c, 0);
      const starts = constantInts(c, 1) ?? [];
      const axes = (constantInts(c, 3) ?? starts.map((_, axis) => axis)).map((axis) =>
        positiveAxis(axis, x.length),
      );
      const steps = constantInts(c, 4) ?? starts.map(() => 1);
      let part = {
        value: flip(
          c,
          g,
          axes.filter((_, index) => (steps[index] ?? 1) < 0),
        ),
        shape: outputShape(c),
      };
      const before = x.map(() => 0);
      axes.forEach((axis, index) => {
        const size = x[axis] ?? 0;
        const step = steps[index] ?? 1;
        const start = starts[index] ?? 0;
        const first = clamp(start < 0 ? start + size : start, 0, step < 0 ? size - 1 : size);
        const count = part.shape[axis] ?? 0;
        part = spread(c, part.value, part.shape, axis, Math.abs(step));
        before[axis] = step < 0 ? first + (count - 1) * step : first;
      });
      if (part.shape.includes(0)) {
        return zeros(c, x);
      }
      const after = x.map((size, axis) => size - (before[axis] ?? 0) - (part.shape[axis] ?? 0));
      return padOrCrop(c, part.value, part.shape, before, after);
    });
  },

  ...padding,
};

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
