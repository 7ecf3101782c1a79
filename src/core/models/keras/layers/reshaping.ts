import type { KerasShape, LayerContext, LayerFamily, LayerTranslator } from "../layer.ts";
import { reshaped, spatialInput, theInput } from "../shapes.ts";

/** Layers that move elements. */
export const reshaping: LayerFamily = {
  /** All axes but the batch as one; channels first are put last before. */
  Flatten: (context) => {
    const { layer } = context;
    const x = theInput(context);
    const formats = ["channels_last", "channels_first"] as const;
    const rank = x.shape.length;
    const isFirst =
      layer.choice("data_format", formats, "channels_last") === "channels_first" && rank > 1;
    const order = x.shape.map((_, axis) =>
      !isFirst || axis === 0 ? axis : axis === rank - 1 ? 1 : axis + 1,
    );
    const sizes = x.shape.slice(1);
    const size = sizes.includes(null)
      ? null
      : sizes.reduce<number>((product, item) => product * (item ?? 1), 1);
    const shape: KerasShape = [null, size];
    const value =
      size === null
        ? context.builder.op("Flatten", [context.ordered(x, order)], { axis: 1 })
        : reshaped(context, context.ordered(x, order), shape);
    return context.tensor(value, shape, { dtype: x.dtype });
  },

  Reshape: (context) => {
    const x = theInput(context);
    const target = context.layer.ints("target_shape");
    const shape: KerasShape = [null, ...resolved(context, x.shape.slice(1), target)];
    return context.tensor(reshaped(context, context.plain(x), shape), shape, { dtype: x.dtype });
  },

  Permute: (context) => {
    const x = theInput(context);
    const order = [0, ...context.layer.ints("dims", x.shape.length - 1)];
    return context.tensor(
      context.ordered(x, order),
      order.map((axis) => x.shape[axis] ?? null),
      { dtype: x.dtype },
    );
  },

  /** [batch, features] as [batch, n, features]. */
  RepeatVector: (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const count = layer.int("n");
    const row = builder.op("Unsqueeze", [context.plain(x), builder.ints([1])]);
    const value = builder.op("Expand", [row, builder.ints([1, count, 1])]);
    return context.tensor(value, [null, count, ...x.shape.slice(1)]);
  },

  ZeroPadding1D: padding(1),
  ZeroPadding2D: padding(2),
  ZeroPadding3D: padding(3),
  Cropping1D: cropping(1),
  Cropping2D: cropping(2),
  Cropping3D: cropping(3),
};

/** The target with its -1 worked out where all sizes are known. */
function resolved(context: LayerContext, from: KerasShape, target: readonly number[]): KerasShape {
  const known = target.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const total = from.includes(null)
    ? undefined
    : from.reduce<number>((product, size) => product * (size ?? 1), 1);
  const open = target.filter((size) => size === -1).length;
  if (open > 1 || (total !== undefined && (open === 1 ? total % known !== 0 : total !== known))) {
    throw context.error(
      `A value of shape [${from.join(", ")}] cannot be reshaped to [${target.join(", ")}].`,
      "Save the model again with Keras.",
    );
  }
  return target.map((size) => (size === -1 ? (total === undefined ? null : total / known) : size));
}

/** Pairs of whole numbers for each spatial axis: one number, one for each axis, or [before, after] for each. */
function pairsOf(context: LayerContext, key: string, rank: number): readonly (readonly number[])[] {
  const value = context.layer.raw(key);
  const isCount = (item: unknown): item is number =>
    typeof item === "number" && Number.isSafeInteger(item) && item >= 0;
  if (isCount(value)) {
    return Array.from({ length: rank }, () => [value, value]);
  }
  if (Array.isArray(value)) {
    if (rank === 1 && value.length === 2 && value.every(isCount)) {
      return [value];
    }
    const pairs = value.map((item: unknown) => (isCount(item) ? [item, item] : item));
    const isPair = (item: unknown): item is readonly number[] =>
      Array.isArray(item) && item.length === 2 && item.every(isCount);
    if (pairs.length === rank && pairs.every(isPair)) {
      return pairs;
    }
  }
  throw context.error(
    `The setting "${key}" must be whole numbers for ${rank} axes, not ${JSON.stringify(value ?? null).slice(0, 80)}.`,
    "Save the model again with Keras.",
  );
}

function padding(rank: number): LayerTranslator {
  return (context) => {
    const { builder } = context;
    const space = spatialInput(context);
    const pairs = pairsOf(context, "padding", rank);
    const before = [0, 0, ...pairs.map(([first = 0]) => first)];
    const after = [0, 0, ...pairs.map(([, second = 0]) => second)];
    const value = builder.op("Pad", [
      space.value,
      builder.ints([...before, ...after]),
      builder.scalar(0),
    ]);
    return space.output(
      value,
      space.channels,
      space.sizes.map((size, axis) =>
        size === null ? null : size + (before[axis + 2] ?? 0) + (after[axis + 2] ?? 0),
      ),
    );
  };
}

function cropping(rank: number): LayerTranslator {
  return (context) => {
    const space = spatialInput(context);
    const pairs = pairsOf(context, "cropping", rank);
    const starts = pairs.map(([first = 0]) => first);
    const ends = pairs.map(([, second = 0]) => (second === 0 ? largest : -second));
    return space.output(
      sliced(context, space.value, starts, ends),
      space.channels,
      space.sizes.map((size, axis) =>
        size === null ? null : size - (pairs[axis]?.[0] ?? 0) - (pairs[axis]?.[1] ?? 0),
      ),
    );
  };
}

/** Up to the end of an axis. */
const largest = 2 ** 31 - 1;

/** Part of the spatial axes of [batch, channels, ...spatial]. */
export function sliced(
  { builder }: LayerContext,
  value: string,
  starts: readonly number[],
  ends: readonly number[],
): string {
  const axes = starts.map((_, axis) => axis + 2);
  return builder.op("Slice", [value, builder.ints(starts), builder.ints(ends), builder.ints(axes)]);
}
