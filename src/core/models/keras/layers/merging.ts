import { counted } from "../../../counted.ts";
import type {
  KerasShape,
  KerasTensor,
  LayerContext,
  LayerFamily,
  LayerTranslator,
} from "../layer.ts";
import { tensorsIn } from "../references.ts";
import { broadcastShape, fixedSize, positiveAxis, reshaped, unsqueezed } from "../shapes.ts";
import { unitLength } from "./normalisation.ts";

/** Layers that merge several values. */
export const merging: LayerFamily = {
  Add: elementwise("Add"),
  Subtract: elementwise("Sub"),
  Multiply: elementwise("Mul"),
  Maximum: elementwise("Max"),
  Minimum: elementwise("Min"),
  Average: (context) => {
    const sum = merge(context, "Add");
    const count = tensorsIn(context.call.args[0]).length;
    return context.like(sum, context.builder.mul(sum.value, context.builder.scalar(1 / count)));
  },
  Concatenate: concatenate,
  Dot: dot,
};

function elementwise(op: string): LayerTranslator {
  return (context) => merge(context, op);
}

function inputsOf(context: LayerContext, least: number): readonly KerasTensor[] {
  const { args, kwargs } = context.call;
  const list = args[0] ?? kwargs["inputs"];
  const inputs = Array.isArray(list) && args.length < 2 ? tensorsIn(list) : [];
  if (inputs.length < least) {
    throw context.error(
      `The layer is called with ${counted(inputs.length, "value")} instead of ${least} or more.`,
    );
  }
  return inputs;
}

/** The operator on all inputs, axes of size 1 repeated; a value with fewer axes gets them behind the batch. */
function merge(context: LayerContext, op: string): KerasTensor {
  const inputs = inputsOf(context, op === "Sub" ? 2 : 1);
  const [first] = inputs as readonly [KerasTensor];
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  const masks = inputs.flatMap(({ mask }) => (mask === undefined ? [] : [mask]));
  if (masks.length > 0 && context.version === 3 && (op === "Mul" || op === "Max" || op === "Min")) {
    throw context.error(
      `Keras 3 leaves masked positions out of a layer of the class "${context.layer.className}", which is not read.`,
      "Remove the mask before this layer (mask_zero=False), or use keras.ops.multiply instead of the layer.",
    );
  }
  const isAlike = inputs.every(({ order }) => order.join() === first.order.join());
  const order = isAlike ? first.order : Array.from({ length: rank }, (_, axis) => axis);
  const values = inputs.map((input) =>
    isAlike
      ? input.value
      : unsqueezed(
          context,
          context.plain(input),
          Array.from({ length: rank - input.shape.length }, (_, index) => index + 1),
        ),
  );
  const value = values.reduce((left, right) => context.builder.op(op, [left, right]));
  const shape = broadcastShape(
    inputs.map((input) => [
      ...input.shape.slice(0, 1),
      ...Array.from({ length: rank - input.shape.length }, () => 1),
      ...input.shape.slice(1),
    ]),
  );
  // Keras 3 takes no mask where an input has none, Keras 2 those that there are.
  const isMasked = context.version === 3 ? masks.length === inputs.length : masks.length > 0;
  const mask = isMasked ? combined(context, masks) : undefined;
  return context.tensor(value, shape, { order, mask, dtype: first.dtype });
}

/** Keras 3 takes a position that any input counts, Keras 2 one that all count. */
function combined({ builder, version }: LayerContext, masks: readonly string[]): string {
  const op = version === 3 ? "Or" : "And";
  return masks.reduce((left, right) => (left === right ? left : builder.op(op, [left, right])));
}

function concatenate(context: LayerContext): KerasTensor {
  const inputs = inputsOf(context, 1);
  const [first] = inputs as readonly [KerasTensor];
  const rank = first.shape.length;
  const axis = positiveAxis(context, context.layer.int("axis", -1), rank);
  const isAlike = inputs.every(({ order }) => order.join() === first.order.join());
  const order = isAlike ? first.order : first.shape.map((_, index) => index);
  const value = context.builder.op(
    "Concat",
    inputs.map((input) => context.ordered(input, order)),
    { axis: order.indexOf(axis) },
  );
  const sizes = inputs.map(({ shape }) => shape[axis] ?? null);
  const total = sizes.includes(null)
    ? null
    : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const shape = broadcastShape(inputs.map((input) => input.shape)).with(axis, total);
  return context.tensor(value, shape, {
    order,
    mask: concatenatedMask(context, inputs, axis),
    dtype: first.dtype,
  });
}

/** Masks one after the other along time, or combined where other axes are joined; an input without one counts everywhere. */
function concatenatedMask(
  context: LayerContext,
  inputs: readonly KerasTensor[],
  axis: number,
): string | undefined {
  const { builder, version } = context;
  const masks = inputs.flatMap(({ mask }) => (mask === undefined ? [] : [mask]));
  if (masks.length === 0) {
    return undefined;
  }
  if (axis !== 1) {
    // Keras 3: any input that counts a position, and one without a mask counts all; Keras 2: all that have one.
    return version === 3 && masks.length < inputs.length ? undefined : combined(context, masks);
  }
  const each = inputs.map((input) => {
    if (input.mask !== undefined) {
      return input.mask;
    }
    const plain = context.plain(input);
    const places = builder.op("Slice", [
      plain,
      builder.ints([0]),
      builder.ints([1]),
      builder.ints([2]),
    ]);
    const flat = builder.op("Squeeze", [places, builder.ints([2])]);
    return builder.op("Equal", [flat, flat]);
  });
  return builder.op("Concat", each, { axis: 1 });
}

/** Products of two values for each example, summed over one axis of each. */
function dot(context: LayerContext): KerasTensor {
  const { builder, layer } = context;
  const [left, right] = inputsOf(context, 2) as readonly [KerasTensor, KerasTensor];
  const setting = layer.raw("axes");
  const [a = -1, b = -1] = typeof setting === "number" ? [setting, setting] : layer.ints("axes", 2);
  const leftAxis = positiveAxis(context, a, left.shape.length);
  const rightAxis = positiveAxis(context, b, right.shape.length);
  const isNormalised = layer.bool("normalize", false);
  const epsilon = context.version === 2 ? 1e-6 : 1e-7;
  const arranged = (x: KerasTensor, axis: number, isLast: boolean) => {
    const plain = context.plain(x);
    const value = isNormalised ? unitLength(context, plain, [axis], epsilon) : plain;
    const others = x.shape.flatMap((_, index) => (index === 0 || index === axis ? [] : [index]));
    const turned = builder.transpose(value, isLast ? [0, ...others, axis] : [0, axis, ...others]);
    const rest = others.map((index) => x.shape[index] ?? null);
    const size = fixedSize(context, x, axis);
    const flat = rest.length === 1 ? (rest[0] ?? null) : rest.reduce(product, 1);
    const matrix: KerasShape = isLast ? [null, flat, size] : [null, size, flat];
    return { value: rest.length === 1 ? turned : reshaped(context, turned, matrix), rest };
  };
  const first = arranged(left, leftAxis, true);
  const second = arranged(right, rightAxis, false);
  const result = builder.matmul(first.value, second.value);
  const rest = [...first.rest, ...second.rest];
  const shape: KerasShape = [null, ...(rest.length === 0 ? [1] : rest)];
  return context.tensor(reshaped(context, result, shape), shape);
}

function product(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a * b;
}
