import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  flip,
  input,
  inputShape,
  onlyGradient,
  outputShape,
  padOrCrop,
  whereWanted,
} from "./rule.ts";
import { groupsOf, type WindowGeometry, windowOf } from "./window.ts";

/** Rules of convolutions: x is [batch, channels, ...size], w is [outputs, channels / groups, ...kernel]. */
export const convolution: Readonly<Record<string, GradientRule>> = {
  /**
   * y[n, m, i] = b[m] + sum over c, k of w[m, c, k] x[n, c, i stride + k dilation - pad]:
   * dx = g convolved with w turned round, dw = x convolved with g (batch and channels swap, stride and dilation swap), db = sum g.
   */
  Conv: (c) => {
    const g = onlyGradient(c);
    const window = windowOf(c, inputShape(c, 1).slice(2));
    return whereWanted(
      c,
      () =>
        window.strides.every((stride) => stride === 1)
          ? inputOfUnit(c, g, window)
          : inputOfStrided(c, g, window),
      () => weight(c, g, window),
      () =>
        c.builder.reduceSum(
          g,
          outputShape(c).flatMap((_, axis) => (axis === 1 ? [] : [axis])),
        ),
    );
  },
};

/** Stride 1: an ordinary convolution of g, padded by dilation (kernel - 1) - pad, with the turned weight. */
function inputOfUnit(c: RuleContext, g: string, window: WindowGeometry): string {
  const { kernel, dilations, before, reach } = window;
  const whole = kernel.map((size, axis) => (dilations[axis] ?? 1) * (size - 1));
  const start = whole.map((size, axis) => size - (before[axis] ?? 0));
  const end = whole.map((size, axis) => size - (reach[axis] ?? 0));
  // An operator's pads cannot be negative: what is beyond the padding is cut first.
  const cut = padOrCrop(
    c,
    g,
    outputShape(c),
    [0, 0, ...start.map((size) => Math.min(0, size))],
    [0, 0, ...end.map((size) => Math.min(0, size))],
  );
  return c.builder.op("Conv", [cut, turnedWeight(c)], {
    kernel_shape: kernel,
    dilations,
    pads: [...start, ...end].map((size) => Math.max(0, size)),
    group: groupsOf(c),
  });
}

/** w [G outputs, channels, ...] as [G channels, outputs, ...] with every spatial axis reversed. */
function turnedWeight(c: RuleContext): string {
  const [outputs = 1, channels = 1, ...kernel] = inputShape(c, 1);
  const groups = groupsOf(c);
  const flipped = flip(
    c,
    input(c, 1),
    kernel.flatMap((size, axis) => (size > 1 ? [axis + 2] : [])),
  );
  const spatial = kernel.map((_, axis) => axis);
  if (groups === 1) {
    return c.builder.transpose(flipped, [1, 0, ...spatial.map((axis) => axis + 2)]);
  }
  const apart = c.builder.reshape(flipped, [groups, outputs / groups, channels, ...kernel]);
  const swapped = c.builder.transpose(apart, [0, 2, 1, ...spatial.map((axis) => axis + 3)]);
  return c.builder.reshape(swapped, [groups * channels, outputs / groups, ...kernel]);
}

/** Any stride: the transposed convolution of g with w. */
function inputOfStrided(c: RuleContext, g: string, window: WindowGeometry): string {
  const { kernel, strides, dilations, before, reach } = window;
  // Elements behind the last window are reached by nothing: zeros at the end.
  const left = reach.map((size) => Math.max(0, -size));
  return c.builder.op("ConvTranspose", [g, input(c, 1)], {
    kernel_shape: kernel,
    strides,
    dilations,
    pads: [...before, ...reach.map((size) => Math.max(0, size))],
    output_padding: left,
    group: groupsOf(c),
  });
}

/**
 * x as [channels / groups, groups batch, ...size] convolved with g as [outputs, batch, ...out] gives
 * [channels / groups, outputs, ...kernel].
 */
function weight(c: RuleContext, g: string, window: WindowGeometry): string {
  const { builder } = c;
  const { strides, dilations, before, reach, size, out } = window;
  const [batch = 1, channels = 1] = inputShape(c, 0);
  const groups = groupsOf(c);
  const spatial = size.map((_, axis) => axis);
  const inner = channels / groups;
  const x =
    groups === 1
      ? builder.transpose(input(c, 0), [1, 0, ...spatial.map((axis) => axis + 2)])
      : builder.reshape(
          builder.transpose(builder.reshape(input(c, 0), [batch, groups, inner, ...size]), [
            2,
            1,
            0,
            ...spatial.map((axis) => axis + 3),
          ]),
          [inner, groups * batch, ...size],
        );
  // Leftover elements would add windows: cut them, so that exactly `kernel` windows fit.
  const cut = padOrCrop(
    c,
    x,
    [inner, groups * batch, ...size],
    [],
    [0, 0, ...reach.map((count) => Math.min(0, count))],
  );
  const result = builder.op(
    "Conv",
    [cut, builder.transpose(g, [1, 0, ...spatial.map((axis) => axis + 2)])],
    {
      kernel_shape: out,
      strides: dilations,
      dilations: strides,
      pads: [...before, ...reach.map((count) => Math.max(0, count))],
      group: groups,
    },
  );
  return builder.transpose(result, [1, 0, ...spatial.map((axis) => axis + 2)]);
}
