import type { Shape } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import { input, inputShape, onlyGradient, outputShape, padOrCrop, whereWanted } from "./rule.ts";
import {
  groupsOf,
  transposedConvolution,
  transposedWindow,
  type WindowGeometry,
  windowOf,
} from "./window.ts";

/** Rules of convolutions: x is [batch, channels, ...size], w is [outputs, channels / groups, ...kernel]. */
export const convolution: Readonly<Record<string, GradientRule>> = {
  /**
   * y[n, m, i] = b[m] + sum over c, k of w[m, c, k] x[n, c, i stride + k dilation - pad]:
   * dx = the transposed convolution of g with w, dw = x convolved with g (batch and channels swap, stride and dilation swap), db = sum g.
   */
  Conv: (c) => {
    const g = onlyGradient(c);
    const window = windowOf(c, inputShape(c, 1).slice(2));
    return whereWanted(
      c,
      () => transposedConvolution(c, g, input(c, 1), window, groupsOf(c)),
      () => weight(c, input(c, 0), inputShape(c, 0), g, window),
      () => bias(c, g),
    );
  },

  /**
   * The transpose of a convolution whose input is y and whose output is x, with w [channels, outputs / groups, ...kernel]:
   * dx = that convolution of g, dw = as for that convolution, db = sum g.
   */
  ConvTranspose: (c) => {
    const g = onlyGradient(c);
    const window = transposedWindow(c, inputShape(c, 1).slice(2));
    const { kernel, strides, dilations, before, reach } = window;
    return whereWanted(
      c,
      () => {
        const cut = padOrCrop(
          c,
          g,
          outputShape(c),
          [],
          [0, 0, ...reach.map((n) => Math.min(0, n))],
        );
        return c.builder.op("Conv", [cut, input(c, 1)], {
          kernel_shape: kernel,
          strides,
          dilations,
          pads: [...before, ...reach.map((n) => Math.max(0, n))],
          group: groupsOf(c),
        });
      },
      () => weight(c, g, outputShape(c), input(c, 0), window),
      () => bias(c, g),
    );
  },
};

function bias(c: RuleContext, g: string): string {
  return c.builder.reduceSum(
    g,
    outputShape(c).flatMap((_, axis) => (axis === 1 ? [] : [axis])),
  );
}

/**
 * x as [channels / groups, groups batch, ...size] convolved with g as [outputs, batch, ...out] gives
 * [channels / groups, outputs, ...kernel].
 */
function weight(
  c: RuleContext,
  image: string,
  shape: Shape,
  g: string,
  window: WindowGeometry,
): string {
  const { builder } = c;
  const { strides, dilations, before, reach, size, out } = window;
  const [batch = 1, channels = 1] = shape;
  const groups = groupsOf(c);
  const spatial = size.map((_, axis) => axis);
  const inner = channels / groups;
  const x =
    groups === 1
      ? builder.transpose(image, [1, 0, ...spatial.map((axis) => axis + 2)])
      : builder.reshape(
          builder.transpose(builder.reshape(image, [batch, groups, inner, ...size]), [
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
