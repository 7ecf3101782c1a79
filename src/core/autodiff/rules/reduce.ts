import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { type Shape, sameShape, sizeOf } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
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

/** Rules of reductions and softmax. g is the gradient of the output. */
export const reduce: Readonly<Record<string, GradientRule>> = {
  /** y = sum of x over axes: dx = g repeated. */
  ReduceSum: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => repeated(c, g));
  },

  /** y = mean of x over axes, of n elements each: dx = g / n repeated. */
  ReduceMean: (c) => {
    const g = onlyGradient(c);
    const count = sizeOf(inputShape(c, 0)) / Math.max(1, sizeOf(outputShape(c)));
    return whereWanted(c, () => repeated(c, c.builder.div(g, scalar(c, count))));
  },

  /** y = maximum of x over axes: dx = g shared equally by the elements that are the maximum (as torch.amax and TensorFlow do). */
  ReduceMax: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const kept = keptShape(c);
      const isMaximum = c.builder.op("Equal", [input(c, 0), withAxes(c, output(c), kept)]);
      const share = mask(c, isMaximum);
      const axes = kept.flatMap((size, axis) => (size === inputShape(c, 0)[axis] ? [] : [axis]));
      const ties = c.builder.reduceSum(share, axes, true);
      return c.builder.mul(share, c.builder.div(withAxes(c, g, kept), ties));
    });
  },

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
};

function repeated(context: RuleContext, g: string): string {
  const kept = keptShape(context);
  return expandTo(context, withAxes(context, g, kept), kept, inputShape(context, 0));
}

function withAxes(context: RuleContext, value: string, kept: Shape): string {
  return sameShape(kept, outputShape(context)) ? value : context.builder.reshape(value, kept);
}

/** Shape of the output with the reduced axes kept as 1. */
function keptShape(context: RuleContext): Shape {
  const x = inputShape(context, 0);
  if (outputShape(context).length === x.length) {
    return outputShape(context);
  }
  const given = constantInts(context, 1) ?? intsAttribute(context.node, "axes") ?? [];
  const axes = given.map((axis) => positiveAxis(axis, x.length));
  return x.map((size, axis) => (axes.length === 0 || axes.includes(axis) ? 1 : size));
}
