import { float } from "../../../graph/builder.ts";
import { float32 } from "../../../graph/tensor.ts";
import type { KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { fixedSize, positiveAxis, reshaped, theInput } from "../shapes.ts";

/** Layers of normalisation, in evaluation mode. */
export const normalisation: LayerFamily = {
  /** y = gamma (x - moving_mean) / sqrt(moving_variance + epsilon) + beta along an axis. */
  BatchNormalization: batchNormalization,
  SyncBatchNormalization: batchNormalization,

  /** y = gamma (x - mean) / sqrt(variance + epsilon) + beta, the statistics over some axes of x. */
  LayerNormalization: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const axes = axesOf(context, x);
    const epsilon = layer.number("epsilon", 1e-3);
    const isRms = layer.bool("rms_scaling", false);
    const normal = isRms
      ? builder.div(
          context.plain(x),
          // Keras divides x itself by the deviation here.
          deviation(context, meanAndVariance(context, context.plain(x), axes).variance, epsilon),
        )
      : normalised(context, context.plain(x), axes, epsilon);
    const shape = axes.map((axis) => fixedSize(context, x, axis));
    const isScaled = layer.bool("scale", true) || isRms;
    const gamma = isScaled ? context.weight("gamma", shape) : undefined;
    const isCentred = layer.bool("center", true) && !isRms;
    const beta = isCentred ? context.weight("beta", shape) : undefined;
    return scaleAndShift(context, x, normal, axes, gamma, beta);
  },

  /** y = scale x / sqrt(mean(x^2) + epsilon). */
  RMSNormalization: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const axes = axesOf(context, x);
    const value = context.plain(x);
    const square = builder.op("ReduceMean", [builder.mul(value, value), builder.ints(axes)], {
      keepdims: 1,
    });
    const normal = builder.div(value, deviation(context, square, layer.number("epsilon", 1e-6)));
    const shape = axes.map((axis) => fixedSize(context, x, axis));
    return scaleAndShift(context, x, normal, axes, context.weight("scale", shape), undefined);
  },

  /** The channels in groups, each normalised over its channels and all positions. */
  GroupNormalization: (context) => {
    const { layer } = context;
    const x = theInput(context);
    const rank = x.shape.length;
    const axis = positiveAxis(context, layer.int("axis", -1), rank);
    const channels = fixedSize(context, x, axis);
    const groups = layer.int("groups", 32);
    const count = groups === -1 ? channels : groups;
    const grouped = [
      ...x.shape.slice(0, axis),
      count,
      channels / count,
      ...x.shape.slice(axis + 1),
    ];
    const value = reshaped(context, context.plain(x), grouped);
    const axes = grouped.map((_, index) => index).filter((index) => index !== 0 && index !== axis);
    const normal = normalised(context, value, axes, layer.number("epsilon", 1e-3));
    const back = reshaped(context, normal, x.shape);
    const gamma = layer.bool("scale", true) ? context.weight("gamma", [channels]) : undefined;
    const beta = layer.bool("center", true) ? context.weight("beta", [channels]) : undefined;
    return scaleAndShift(context, x, back, [axis], gamma, beta);
  },

  /** y = x / max(|x|, epsilon); Keras 2 has 1e-6 for epsilon, Keras 3 1e-12. */
  UnitNormalization: (context) => {
    const x = theInput(context);
    return context.like(
      { ...x, order: x.shape.map((_, axis) => axis) },
      unitLength(
        context,
        context.plain(x),
        axesOf(context, x),
        context.version === 2 ? 1e-6 : 1e-12,
      ),
    );
  },

  /** The layer inside; only training divides its kernel by the norm. */
  SpectralNormalization: (context) => {
    const { layer } = context;
    layer.ignore("power_iterations");
    const inner = layer.layer("layer");
    const [y] = context.apply(
      inner,
      { attributes: ["layer"], names: [inner.name, ""] },
      context.call,
    );
    if (y === undefined) {
      throw context.error("The layer inside gives nothing.");
    }
    // Its own `vector_u` is for training alone.
    return y;
  },
};

function batchNormalization(context: LayerContext): KerasTensor {
  const { builder, layer } = context;
  const x = theInput(context);
  const rank = x.shape.length;
  if (layer.bool("renorm", false)) {
    throw context.error(
      "Batch renormalisation is not read.",
      "Train with renorm=False, or export the model to ONNX.",
    );
  }
  const axes = layer.ints("axis", undefined, -1).map((axis) => positiveAxis(context, axis, rank));
  const [axis = rank - 1] = axes;
  if (axes.length !== 1 || axis === 0) {
    throw context.error("Batch normalisation over more than one axis is not read.");
  }
  const channels = fixedSize(context, x, axis);
  const shape = [channels];
  const all = (value: number) =>
    builder.constant(float32(shape, new Float32Array(channels).fill(value)));
  const gamma = layer.bool("scale", true) ? context.weight("gamma", shape) : all(1);
  const beta = layer.bool("center", true) ? context.weight("beta", shape) : all(0);
  const mean = context.weight("moving_mean", shape, { trainable: false });
  const variance = context.weight("moving_variance", shape, { trainable: false });
  const order =
    x.order[0] === 0 && x.order[1] === axis
      ? x.order
      : [0, axis, ...x.shape.keys()].filter(
          (item, index) => index < 2 || !(item === 0 || item === axis),
        );
  const y = builder.op(
    "BatchNormalization",
    [context.ordered(x, order), gamma, beta, mean, variance],
    { epsilon: float(layer.number("epsilon", 1e-3)) },
  );
  return context.like({ ...x, order }, y);
}

/** Axes of a layer that normalises, counted from the front, in order. */
function axesOf(context: LayerContext, x: KerasTensor): readonly number[] {
  return context.layer
    .ints("axis", undefined, -1)
    .map((axis) => positiveAxis(context, axis, x.shape.length))
    .sort((a, b) => a - b);
}

function deviation({ builder }: LayerContext, variance: string, epsilon: number): string {
  return builder.op("Sqrt", [builder.add2(variance, builder.scalar(epsilon))]);
}

/** value gamma + beta, weights along some axes of a value in Keras's order. */
function scaleAndShift(
  context: LayerContext,
  x: KerasTensor,
  value: string,
  axes: readonly number[],
  gamma: string | undefined,
  beta: string | undefined,
): KerasTensor {
  const { builder } = context;
  const isTrailing = axes.every((axis, index) => axis === x.shape.length - axes.length + index);
  const along = (weight: string): string =>
    isTrailing
      ? weight
      : builder.reshape(
          weight,
          x.shape.map((size, axis) => (axes.includes(axis) ? (size ?? 1) : 1)),
        );
  const scaled = gamma === undefined ? value : builder.mul(value, along(gamma));
  const shifted = beta === undefined ? scaled : builder.add2(scaled, along(beta));
  return context.tensor(shifted, x.shape, { mask: x.mask });
}

interface Moments {
  readonly centred: string;
  readonly variance: string;
}

/** The value without its mean over some axes, and its variance there. */
function meanAndVariance(
  { builder }: LayerContext,
  value: string,
  axes: readonly number[],
): Moments {
  const mean = (x: string) => builder.op("ReduceMean", [x, builder.ints(axes)], { keepdims: 1 });
  const centred = builder.sub(value, mean(value));
  return { centred, variance: mean(builder.mul(centred, centred)) };
}

/** (value - mean) / sqrt(variance + epsilon) over some axes. */
function normalised(
  context: LayerContext,
  value: string,
  axes: readonly number[],
  epsilon: number,
): string {
  const { centred, variance } = meanAndVariance(context, value, axes);
  return context.builder.div(centred, deviation(context, variance, epsilon));
}

/** The value divided by its length over some axes: x / max(|x|, epsilon). */
export function unitLength(
  { builder }: LayerContext,
  value: string,
  axes: readonly number[],
  epsilon: number,
): string {
  const square = builder.reduceSum(builder.mul(value, value), axes, true);
  const bounded = builder.op("Max", [square, builder.scalar(epsilon ** 2)]);
  return builder.div(value, builder.op("Sqrt", [bounded]));
}
