import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  input,
  inputShape,
  mask,
  onlyGradient,
  outputShape,
  scalar,
  sumTo,
  whereWanted,
} from "./rule.ts";

/** A rule for y = f(x, ...) with y in the shape of x, of which x alone may want a gradient. */
export function unary(gradient: (context: RuleContext, g: string) => string): GradientRule {
  return (context) => {
    const g = onlyGradient(context);
    return whereWanted(context, () => gradient(context, g));
  };
}

/** A gradient in the shape of the output, summed to the shape of input `index`. */
export function reduced(context: RuleContext, gradient: string, index: number): string {
  return sumTo(context, gradient, outputShape(context), inputShape(context, index));
}

/** g where the condition holds, else 0. */
export function keepWhere(context: RuleContext, condition: string, g: string): string {
  return context.builder.mul(g, mask(context, condition));
}

/** Where low < value < high. */
export function between(context: RuleContext, value: string, low: number, high: number): string {
  const { builder } = context;
  const above = builder.op("Greater", [value, scalar(context, low)]);
  return builder.op("And", [above, builder.op("Less", [value, scalar(context, high)])]);
}

/** g split in two: where x > 0, and the rest. */
export function bySign(context: RuleContext, g: string): [string, string] {
  const { builder } = context;
  const isPositive = builder.op("Greater", [input(context, 0), scalar(context, 0)]);
  const above = keepWhere(context, isPositive, g);
  return [above, builder.sub(g, above)];
}

/** The value, with 1 where it is 0: a divisor or the argument of a logarithm where the term counts for nothing. */
export function nonZero(context: RuleContext, value: string): string {
  const isZero = context.builder.op("Equal", [value, scalar(context, 0)]);
  return context.builder.add2(value, mask(context, isZero));
}
