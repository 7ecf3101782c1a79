import { float32 } from "../../../graph/tensor.ts";
import type { KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { fixedSize, positiveAxis, theInput } from "../shapes.ts";

/** Layers that prepare numbers. */
export const preprocessing: LayerFamily = {
  /** y = x scale + offset; lists hold one number for each channel. */
  Rescaling: (context) => {
    const { builder } = context;
    const x = theInput(context);
    const scaled = builder.mul(context.plain(x), numbers(context, "scale"));
    const y = builder.add2(scaled, numbers(context, "offset", 0));
    return context.tensor(y, x.shape, { mask: x.mask });
  },

  /** y = (x - mean) / sqrt(variance), with statistics of the settings or of `adapt`. */
  Normalization: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const rank = x.shape.length;
    const axes = (
      layer.raw("axis") === undefined && "axis" in layer.settings
        ? []
        : layer.ints("axis", undefined, -1)
    )
      .map((axis) => positiveAxis(context, axis, rank))
      .sort((a, b) => a - b);
    const sizes = axes.map((axis) => fixedSize(context, x, axis));
    const statistic = (key: string): string =>
      layer.raw(key) === undefined
        ? context.weight(key, sizes, { trainable: false })
        : numbers(context, key);
    const isTrailing = axes.every((axis, index) => axis === rank - axes.length + index);
    const along = (value: string): string =>
      isTrailing
        ? value
        : builder.reshape(
            value,
            x.shape.map((size, axis) => (axes.includes(axis) ? (size ?? 1) : 1)),
          );
    const mean = along(statistic("mean"));
    const root = builder.op("Sqrt", [along(statistic("variance"))]);
    const deviation = builder.op("Max", [root, builder.scalar(1e-7)]);
    const value = context.plain(x);
    const y = layer.bool("invert", false)
      ? builder.add2(mean, builder.mul(value, deviation))
      : builder.div(builder.sub(value, mean), deviation);
    return context.tensor(y, x.shape, { mask: x.mask });
  },
};

/** A number or a (nested) list of numbers of the settings as a constant. */
function numbers(context: LayerContext, key: string, fallback?: number): string {
  const raw: unknown = context.layer.raw(key) ?? fallback;
  const value = unwrapped(raw);
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0]) {
    shape.push(inner.length);
  }
  const flat: unknown[] = Array.isArray(value) ? value.flat(8) : [value];
  if (!flat.every((item): item is number => typeof item === "number" && Number.isFinite(item))) {
    throw context.error(
      `The setting "${key}" holds no numbers.`,
      "Save the model again with Keras.",
    );
  }
  return context.builder.constant(float32(shape, flat));
}

/** Keras 3 wraps arrays: `{ class_name: "__numpy__", config: { value, dtype } }`. */
function unwrapped(value: unknown): unknown {
  if (typeof value === "object" && value !== null && "config" in value) {
    const { config } = value;
    return typeof config === "object" && config !== null && "value" in config
      ? config.value
      : value;
  }
  return value;
}

/** A value of whole numbers as floating-point ones. */
export function floating(context: LayerContext, x: KerasTensor): KerasTensor {
  return x.dtype === "float32"
    ? x
    : { ...context.like(x, context.builder.op("Cast", [x.value], { to: 1 })), dtype: "float32" };
}
