import type { LayerContext, LayerFamily } from "../layer.ts";
import { tensorsIn } from "../references.ts";
import { theInput } from "../shapes.ts";

/** Layers that the models of `keras.applications` have beside those that Keras documents. */
export const applications: LayerFamily = {
  /** ConvNeXt: y = gamma x, gamma along the last axis. */
  LayerScale: (context) => {
    const { builder, layer } = context;
    layer.ignore("init_values");
    const x = theInput(context);
    const gamma = context.weight("gamma", [layer.int("projection_dim")]);
    const order = x.shape.map((_, axis) => axis);
    return context.like({ ...x, order }, builder.mul(context.plain(x), gamma));
  },

  /** ConvNeXt: paths that are dropped in training. */
  StochasticDepth: (context) => {
    context.layer.ignore("drop_path_rate");
    return theInput(context);
  },

  /** Inception-ResNet: y = a + scale b. */
  CustomScaleLayer: (context) => {
    const { builder } = context;
    const [a, b] = bothInputs(context);
    const scaled = builder.mul(context.plain(b), builder.scalar(context.layer.number("scale")));
    const order = a.shape.map((_, axis) => axis);
    return context.like({ ...a, order }, builder.add2(context.plain(a), scaled));
  },
};

function bothInputs(context: LayerContext) {
  const [a, b, ...others] = tensorsIn(context.call.args[0] ?? null);
  if (a === undefined || b === undefined || others.length > 0) {
    throw context.error("The layer is not called with two values.");
  }
  return [a, b] as const;
}
