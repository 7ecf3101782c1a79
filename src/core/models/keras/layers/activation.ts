import { float } from "../../../graph/builder.ts";
import { applyActivation, softmax } from "../activations.ts";
import type { KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { fixedSize, positiveAxis, theInput } from "../shapes.ts";

/** Layers of activations. */
export const activation: LayerFamily = {
  Activation: (context) =>
    applyActivation(context, theInput(context), context.layer.raw("activation") ?? "linear"),

  /** max_value for x >= max_value, x from threshold up to it, negative_slope (x - threshold) below. */
  ReLU: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const slope = layer.number("negative_slope", 0);
    const threshold = layer.number("threshold", 0);
    const most = layer.raw("max_value") === undefined ? undefined : layer.number("max_value");
    if (slope === 0 && threshold === 0 && most !== undefined) {
      return context.like(
        x,
        builder.op("Clip", [x.value, builder.scalar(0), builder.scalar(most)]),
      );
    }
    let value =
      threshold === 0
        ? builder.op("Relu", [x.value])
        : builder.op("Where", [
            builder.op("Greater", [x.value, builder.scalar(threshold)]),
            x.value,
            builder.scalar(0),
          ]);
    if (most !== undefined) {
      value = builder.op("Min", [value, builder.scalar(most)]);
    }
    if (slope !== 0) {
      const below = builder.op("Relu", [builder.sub(builder.scalar(threshold), x.value)]);
      value = builder.sub(value, builder.mul(below, builder.scalar(slope)));
    }
    return context.like(x, value);
  },

  /** x, or slope x where x < 0. */
  LeakyReLU: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const slope = layer.number("negative_slope", layer.number("alpha", 0.3));
    return context.like(x, builder.op("LeakyRelu", [x.value], { alpha: float(slope) }));
  },

  /** x, or alpha (exp(x) - 1) where x < 0. */
  ELU: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const alpha = layer.number("alpha", 1);
    return context.like(x, builder.op("Elu", [x.value], { alpha: float(alpha) }));
  },

  /** x, or 0 where x <= theta. */
  ThresholdedReLU: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const isAbove = builder.op("Greater", [x.value, builder.scalar(layer.number("theta", 1))]);
    return context.like(x, builder.op("Where", [isAbove, x.value, builder.scalar(0)]));
  },

  /** relu(x) - alpha relu(-x), alpha for each element, or one along the shared axes. */
  PReLU: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const shared = layer.raw("shared_axes") === undefined ? [] : layer.ints("shared_axes");
    const shape = x.shape
      .slice(1)
      .map((_, index) => (shared.includes(index + 1) ? 1 : fixedSize(context, x, index + 1)));
    const alpha = context.weight("alpha", shape);
    const value = context.plain(x);
    const below = builder.op("Relu", [builder.op("Neg", [value])]);
    const y = builder.sub(builder.op("Relu", [value]), builder.mul(alpha, below));
    return context.tensor(y, x.shape, { mask: x.mask });
  },

  Softmax: (context) => {
    const x = theInput(context);
    const rank = x.shape.length;
    const axes = context.layer
      .ints("axis", undefined, -1)
      .map((axis) => positiveAxis(context, axis, rank));
    const [axis = rank - 1] = axes;
    if (axes.length > 1) {
      throw context.error("A Softmax over more than one axis is not read.", "Reshape to one axis.");
    }
    return x.mask === undefined
      ? softmax(context, x, "Softmax", axis)
      : maskedSoftmax(context, x, x.mask, axis);
  },
};

/** What the mask leaves out takes no part, and comes out as 0. */
function maskedSoftmax(
  context: LayerContext,
  x: KerasTensor,
  mask: string,
  axis: number,
): KerasTensor {
  const { builder } = context;
  if (x.shape.length !== 2) {
    throw context.error(
      "A Softmax over a masked sequence is read for inputs [batch, time] alone.",
      "Remove the mask (mask_zero=False) before this layer.",
    );
  }
  const open = builder.op("Where", [mask, context.plain(x), builder.scalar(-1e9)]);
  const y = builder.op("Softmax", [open], { axis });
  return context.tensor(builder.op("Where", [mask, y, builder.scalar(0)]), x.shape, { mask });
}
