import { TracInError } from "../../errors.ts";
import { placeOfNode } from "../../graph/place.ts";
import { type Shape, sameShape, sizeOf, type Tensor, toNumbers } from "../../graph/tensor.ts";
import type { RuleContext } from "../gradient.ts";

/** The name of input `index`; the rule needs it to be there. */
export function input(context: RuleContext, index: number): string {
  const name = context.node.inputs[index];
  if (name === undefined || name === "") {
    throw unsupported(context, `its input ${index} is missing`);
  }
  return name;
}

/** Shape of input `index`. */
export function inputShape(context: RuleContext, index: number): Shape {
  return context.type(input(context, index)).shape;
}

/** The name of output `index`. */
export function output(context: RuleContext, index = 0): string {
  const name = context.node.outputs[index];
  if (name === undefined || name === "") {
    throw unsupported(context, `its output ${index} is missing`);
  }
  return name;
}

/** Shape of output `index`. */
export function outputShape(context: RuleContext, index = 0): Shape {
  return context.type(output(context, index)).shape;
}

/** The gradient of the first output; a loss that depends on any other output is not supported by the rule. */
export function onlyGradient(context: RuleContext): string {
  const [first, ...others] = context.outputGradients;
  if (first === undefined || others.some((gradient) => gradient !== undefined)) {
    throw unsupported(context, "the loss depends on an output other than its first");
  }
  return first;
}

/** Gradients of the inputs by position: computes only those that are wanted. */
export function whereWanted(
  context: RuleContext,
  ...gradients: readonly (() => string)[]
): (string | undefined)[] {
  return context.node.inputs.map((_, index) => {
    if (context.wanted[index] !== true) {
      return undefined;
    }
    const gradient = gradients[index];
    if (gradient === undefined) {
      throw unsupported(context, `the gradient of its input ${index} is not known`);
    }
    return gradient();
  });
}

/** An error that says what of a node the rule cannot differentiate. */
export function unsupported(context: RuleContext, what: string): TracInError {
  return new TracInError(
    "model",
    `The gradient of ${context.node.op} is not supported here: ${what}`,
    placeOfNode(context.node),
    "Choose layers after this node, or export the model with other operators.",
  );
}

/** Integer elements of input `index`, which must be a constant; `undefined` when the input is absent. */
export function constantInts(context: RuleContext, index: number): readonly number[] | undefined {
  const name = context.node.inputs[index];
  if (name === undefined || name === "") {
    return undefined;
  }
  const tensor = context.constant(name);
  if (tensor === undefined) {
    throw unsupported(context, `its input ${index} is not a constant`);
  }
  return toNumbers(tensor);
}

/** A scalar constant of the floating type that the node computes in. */
export function scalar(context: RuleContext, value: number): string {
  return floats(context, [], [value]);
}

/** A constant of the floating type that the node computes in. */
export function floats(context: RuleContext, shape: Shape, values: ArrayLike<number>): string {
  const { builder } = context;
  const { dtype } = context.type(input(context, 0));
  if (dtype === "float32") {
    return builder.constant({ dtype, shape, data: Float32Array.from(values) });
  }
  if (dtype === "float64") {
    return builder.constant({ dtype, shape, data: Float64Array.from(values) });
  }
  throw unsupported(context, `its input is ${dtype}`);
}

/** Zeros of any shape, made at run time. */
export function zeros(context: RuleContext, shape: Shape): string {
  const { dtype } = context.type(input(context, 0));
  const value: Tensor =
    dtype === "float64"
      ? { dtype, shape: [1], data: new Float64Array(1) }
      : { dtype: "float32", shape: [1], data: new Float32Array(1) };
  return context.builder.op("ConstantOfShape", [context.builder.ints(shape)], {
    value: { type: "tensor", value },
  });
}

/** The one place that undoes broadcasting: sums a gradient of shape `from` back to the shape `to` that was broadcast to it. */
export function sumTo(context: RuleContext, gradient: string, from: Shape, to: Shape): string {
  if (sameShape(from, to)) {
    return gradient;
  }
  const extra = from.length - to.length;
  const axes = from.flatMap((size, axis) =>
    axis < extra || (to[axis - extra] === 1 && size !== 1) ? [axis] : [],
  );
  const summed = context.builder.reduceSum(gradient, axes);
  const left = from.filter((_, axis) => !axes.includes(axis));
  return sameShape(left, to) ? summed : context.builder.reshape(summed, to);
}

/** Broadcasts a value of shape `from` (same rank) to the shape `to`. */
export function expandTo(context: RuleContext, value: string, from: Shape, to: Shape): string {
  return sameShape(from, to)
    ? value
    : context.builder.op("Expand", [value, context.builder.ints(to)]);
}

/**
 * 1 where a condition holds, else 0, as floats; a number counts as true where it is not 0. Products with it stand where
 * `Where` would read better: onnxruntime's takes five to ten times as long.
 */
export function mask(context: RuleContext, condition: string): string {
  const { dtype } = context.type(input(context, context.node.op === "Where" ? 1 : 0));
  return context.builder.op("Cast", [condition], { to: dtype === "float64" ? 11 : 1 });
}

/** Reverses the order of elements along axes. */
export function flip(context: RuleContext, value: string, axes: readonly number[]): string {
  if (axes.length === 0) {
    return value;
  }
  const { builder } = context;
  return builder.op("Slice", [
    value,
    builder.ints(axes.map(() => -1)),
    builder.ints(axes.map(() => Number.MIN_SAFE_INTEGER)),
    builder.ints(axes),
    builder.ints(axes.map(() => -1)),
  ]);
}

/**
 * Puts zeros around a value (negative counts cut instead), one count per axis.
 */
export function padOrCrop(
  context: RuleContext,
  value: string,
  shape: Shape,
  before: readonly number[],
  after: readonly number[],
  fill = 0,
): string {
  const { builder } = context;
  const axes = shape.map((_, axis) => axis);
  const cut = axes.filter((axis) => (before[axis] ?? 0) < 0 || (after[axis] ?? 0) < 0);
  let result = value;
  if (cut.length > 0) {
    result = builder.op("Slice", [
      result,
      builder.ints(cut.map((axis) => Math.max(0, -(before[axis] ?? 0)))),
      builder.ints(cut.map((axis) => (shape[axis] ?? 0) - Math.max(0, -(after[axis] ?? 0)))),
      builder.ints(cut),
    ]);
  }
  const pads = [before, after].flatMap((counts) =>
    axes.map((axis) => Math.max(0, counts[axis] ?? 0)),
  );
  return pads.every((count) => count === 0)
    ? result
    : builder.op("Pad", [result, builder.ints(pads), scalar(context, fill)]);
}

/** Puts `step - 1` zeros between the elements along an axis: size n becomes (n - 1) * step + 1. */
export function spread(
  context: RuleContext,
  value: string,
  shape: Shape,
  axis: number,
  step: number,
): { readonly value: string; readonly shape: Shape } {
  const size = shape[axis] ?? 0;
  if (step === 1 || size <= 1) {
    return { value, shape };
  }
  const { builder } = context;
  const before = shape.slice(0, axis);
  const after = shape.slice(axis + 1);
  const apart = [sizeOf(before) * size, 1, sizeOf(after)];
  const padded = padOrCrop(
    context,
    builder.reshape(value, apart),
    apart,
    [0, 0, 0],
    [0, step - 1, 0],
  );
  const long = builder.reshape(padded, [...before, size * step, ...after]);
  const result = [...before, (size - 1) * step + 1, ...after];
  const cut = builder.op("Slice", [
    long,
    builder.ints([0]),
    builder.ints([(size - 1) * step + 1]),
    builder.ints([axis]),
  ]);
  return { value: cut, shape: result };
}

/** An axis attribute as a non-negative number. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}
