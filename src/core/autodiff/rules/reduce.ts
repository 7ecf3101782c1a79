import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { type Shape, sameShape, sizeOf } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import { nonZero } from "./pointwise.ts";
import {
  constantInts,
  expandTo,
  input,
  inputShape,
  mask,
  onlyGradient,
  output,
  outputShape,
  positiveAxis,
  scalar,
  whereWanted,
} from "./rule.ts";

/** Maximum or minimum: g shared equally by the elements that are it (as torch.amax and TensorFlow do). */
const extreme = overAxes((c, g, y) => {
  const share = mask(c, c.builder.op("Equal", [input(c, 0), y]));
  const ties = c.builder.reduceSum(share, reducedAxes(c), true);
  return c.builder.mul(share, c.builder.div(g, ties));
});

/** Rules of reductions. g is the gradient of the output y. */
export const reduce: Readonly<Record<string, GradientRule>> = {
  /** y = sum of x over axes: dx = g repeated. */
  ReduceSum: overAxes(repeated),

  /** y = mean of x over axes, of n elements each: dx = g / n repeated. */
  ReduceMean: overAxes((c, g) => {
    const count = sizeOf(inputShape(c, 0)) / Math.max(1, sizeOf(outputShape(c)));
    return repeated(c, c.builder.div(g, scalar(c, count)));
  }),

  ReduceMax: extreme,
  ReduceMin: extreme,

  /** y = product of x over axes: dx = g times the product of the others, which is y / x unless there are zeros. */
  ReduceProd: overAxes((c, g) => {
    const { builder } = c;
    const isZero = mask(c, builder.op("Equal", [input(c, 0), scalar(c, 0)]));
    const others = builder.add2(input(c, 0), isZero);
    const axes = reducedAxes(c);
    const product =
      axes.length === 0
        ? others
        : builder.op("ReduceProd", [others, builder.ints(axes)], { keepdims: 1 });
    // An element matters only where no OTHER element is 0.
    const zeros = builder.reduceSum(isZero, axes, true);
    const matters = mask(c, builder.op("Equal", [zeros, isZero]));
    return builder.mul(builder.mul(g, matters), builder.div(product, others));
  }),

  /** y = sum of |x| over axes: dx = g sign(x). */
  ReduceL1: overAxes((c, g) => c.builder.mul(g, c.builder.op("Sign", [input(c, 0)]))),

  /** y = square root of the sum of x^2 over axes: dx = g x / y, and 0 where y = 0, as in PyTorch. */
  ReduceL2: overAxes((c, g, y) => c.builder.mul(input(c, 0), c.builder.div(g, nonZero(c, y)))),

  /** y = sum of x^2 over axes: dx = 2 g x. */
  ReduceSumSquare: overAxes((c, g) => c.builder.mul(c.builder.add2(g, g), input(c, 0))),

  /** y = log of the sum of x over axes: dx = g / exp(y) repeated. */
  ReduceLogSum: overAxes((c, g, y) => repeated(c, c.builder.div(g, c.builder.op("Exp", [y])))),

  /** y = log of the sum of exp(x) over axes: dx = g exp(x - y). */
  ReduceLogSumExp: overAxes((c, g, y) =>
    c.builder.mul(g, c.builder.op("Exp", [c.builder.sub(input(c, 0), y)])),
  ),

  /** y = softmax(x) along an axis: dx = y (g - sum(g y)). */
  Softmax: (c) => {
    const g = onlyGradient(c);
    const axis = positiveAxis(intAttribute(c.node, "axis", -1), inputShape(c, 0).length);
    return whereWanted(c, () => {
      const mean = c.builder.reduceSum(c.builder.mul(g, output(c)), [axis], true);
      return c.builder.mul(output(c), c.builder.sub(g, mean));
    });
  },

  /** y = log softmax(x) along an axis: dx = g - exp(y) sum(g). */
  LogSoftmax: (c) => {
    const g = onlyGradient(c);
    const axis = positiveAxis(intAttribute(c.node, "axis", -1), inputShape(c, 0).length);
    return whereWanted(c, () => {
      const sum = c.builder.reduceSum(g, [axis], true);
      return c.builder.sub(g, c.builder.mul(c.builder.op("Exp", [output(c)]), sum));
    });
  },

  /** y = sums of x up to each place along an axis: dx = the sums of g from the other end. */
  CumSum: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () =>
      c.builder.op("CumSum", [g, input(c, 1)], {
        exclusive: intAttribute(c.node, "exclusive", 0),
        reverse: 1 - intAttribute(c.node, "reverse", 0),
      }),
    );
  },
};

/** A rule for a reduction: `gradient` is given g and y with the reduced axes kept as 1, and returns dx. */
function overAxes(gradient: (context: RuleContext, g: string, y: string) => string): GradientRule {
  return (c) => {
    const g = onlyGradient(c);
    const kept = keptShape(c);
    return whereWanted(c, () => gradient(c, withAxes(c, g, kept), withAxes(c, output(c), kept)));
  };
}

/** A value that has the reduced axes as 1, in the shape of x. */
function repeated(context: RuleContext, value: string): string {
  return expandTo(context, value, keptShape(context), inputShape(context, 0));
}

function withAxes(context: RuleContext, value: string, kept: Shape): string {
  return sameShape(kept, outputShape(context)) ? value : context.builder.reshape(value, kept);
}

/** Shape of the output with the reduced axes kept as 1. */
function keptShape(context: RuleContext): Shape {
  const axes = reducedAxes(context);
  return inputShape(context, 0).map((size, axis) => (axes.includes(axis) ? 1 : size));
}

/** The axes that a reduction runs over: those of its input or attribute; without any, all, or none if it says so. */
function reducedAxes(context: RuleContext): readonly number[] {
  const every = inputShape(context, 0).map((_, axis) => axis);
  const given = constantInts(context, 1) ?? intsAttribute(context.node, "axes") ?? [];
  if (given.length === 0) {
    return intAttribute(context.node, "noop_with_empty_axes", 0) === 0 ? every : [];
  }
  return given.map((axis) => positiveAxis(axis, every.length));
}
