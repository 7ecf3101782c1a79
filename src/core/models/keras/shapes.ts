import type { CallArgument, KerasShape, KerasTensor, LayerContext } from "./layer.ts";
import { isTensor, tensorsIn } from "./references.ts";

/** The one tensor that a layer is called with; a mask may be another argument of the call. */
export function theInput(context: LayerContext): KerasTensor {
  const { args, kwargs } = context.call;
  const { mask, ...others } = kwargs;
  const [x] = tensorsIn(args[0] ?? Object.values(others));
  if (x === undefined) {
    throw context.error(
      "The layer is called without a tensor.",
      "Save the model again with Keras.",
    );
  }
  return isTensor(mask) ? { ...x, mask: context.plain(mask) } : x;
}

/**
 * Refuses arguments of a call that are not known, so that none is ignored in silence. What is null or false is off.
 * `training` may be told to be false.
 * @throws kind `model` naming the argument
 */
export function checkKeywords(context: LayerContext, known: readonly string[]): void {
  for (const [name, value] of Object.entries(context.call.kwargs)) {
    if (value !== null && value !== false && !known.includes(name)) {
      throw context.error(
        `The layer is called with ${name}=${describe(value)}, which is not read.`,
        "Build the model without this argument and save it again.",
      );
    }
  }
}

function describe(value: CallArgument): string {
  return isTensor(value) ? "a tensor" : JSON.stringify(value).slice(0, 80);
}

/** An axis counted from the front. */
export function positiveAxis(context: LayerContext, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) {
    throw context.error(`The axis ${axis} does not exist in a value of ${rank} axes.`);
  }
  return positive;
}

/** A size that has to be known, such as the width of a matrix. */
export function fixedSize(context: LayerContext, x: KerasTensor, axis: number): number {
  const size = x.shape[axis];
  if (typeof size !== "number") {
    throw context.error(
      `The size of axis ${axis} of the layer's input is open.`,
      "Build the model with a fixed size there (keras.Input(shape=...)) and save it again.",
    );
  }
  return size;
}

/** The value in another shape with the same elements; at most one size besides the batch may be open. */
export function reshaped(context: LayerContext, value: string, shape: KerasShape): string {
  const open = shape.slice(1).filter((size) => size === null).length;
  if (open > 1) {
    throw context.error(
      "More than one size of the layer's output is open.",
      "Build the model with inputs of a fixed size (keras.Input(shape=...)) and save it again.",
    );
  }
  const target = shape.map((size, axis) => size ?? (axis === 0 && open === 1 ? 0 : -1));
  return context.builder.reshape(value, target);
}

/** Images and sequences with their channels: where the axes are, and how the layer orders them. */
export interface Spatial {
  readonly x: KerasTensor;
  readonly channelsFirst: boolean;
  readonly channels: number;
  /** Number of spatial axes. */
  readonly rank: number;
  /** Keras axes that are spatial. */
  readonly axes: readonly number[];
  /** Sizes of the spatial axes; null where open. */
  readonly sizes: readonly (number | null)[];
  /** The value as [batch, channels, ...spatial]. */
  readonly value: string;
  /** An output of the same arrangement, from a value [batch, channels, ...spatial]. */
  output(value: string, channels: number, sizes: readonly (number | null)[]): KerasTensor;
}

/** The input of a layer on spatial data, by the layer's `data_format`. */
export function spatialInput(context: LayerContext, x: KerasTensor = theInput(context)): Spatial {
  const formats = ["channels_last", "channels_first"] as const;
  const channelsFirst =
    context.layer.choice("data_format", formats, "channels_last") === "channels_first";
  const rank = x.shape.length - 2;
  if (rank < 1) {
    throw context.error("The layer needs an input with channels and positions.");
  }
  const all = x.shape.map((_, axis) => axis);
  const axes = channelsFirst ? all.slice(2) : all.slice(1, -1);
  const channelAxis = channelsFirst ? 1 : rank + 1;
  const order = [0, channelAxis, ...axes];
  return {
    x,
    channelsFirst,
    channels: fixedSize(context, x, channelAxis),
    rank,
    axes,
    sizes: axes.map((axis) => x.shape[axis] ?? null),
    value: context.ordered(x, order),
    output: (value, channels, sizes) =>
      context.tensor(
        value,
        channelsFirst ? [null, channels, ...sizes] : [null, ...sizes, channels],
        { order },
      ),
  };
}

/** A value with axes of size 1 put in at the given places of the result. */
export function unsqueezed(context: LayerContext, value: string, axes: readonly number[]): string {
  return axes.length === 0
    ? value
    : context.builder.op("Unsqueeze", [value, context.builder.ints(axes)]);
}

/** The shape that broadcasting gives; sizes that are open anywhere and 1 elsewhere stay open. */
export function broadcastShape(shapes: readonly KerasShape[]): KerasShape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length]);
    const fixed = sizes.find((size) => typeof size === "number" && size !== 1);
    return fixed ?? (sizes.includes(null) ? null : 1);
  });
}
