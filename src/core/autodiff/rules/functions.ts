import type { GradientRule, RuleContext } from "../gradient.ts";
import { unary } from "./pointwise.ts";
import { input, output, scalar } from "./rule.ts";

/** Constant between its steps: no gradient reaches x. */
const steps: GradientRule = (c) => c.node.inputs.map(() => undefined);

/** Rules of functions of one number. g is the gradient of the output y. */
export const functions: Readonly<Record<string, GradientRule>> = {
  /** y = exp(x): dx = g y. */
  Exp: unary((c, g) => c.builder.mul(g, output(c))),

  /** y = log(x): dx = g / x. */
  Log: unary((c, g) => c.builder.div(g, input(c, 0))),

  /** y = sqrt(x): dx = g / (2 y). */
  Sqrt: unary((c, g) => c.builder.div(g, c.builder.add2(output(c), output(c)))),

  /** y = |x|: dx = g sign(x). */
  Abs: unary((c, g) => c.builder.mul(g, c.builder.op("Sign", [input(c, 0)]))),

  /** y = 1 / x: dx = -g y^2. */
  Reciprocal: unary((c, g) =>
    c.builder.op("Neg", [c.builder.mul(g, c.builder.mul(output(c), output(c)))]),
  ),

  /** y = erf(x): dx = g 2 / sqrt(pi) exp(-x^2). */
  Erf: unary((c, g) => {
    const x = input(c, 0);
    // The factor is part of the exponent: a pass over all elements less.
    const exponent = c.builder.sub(
      scalar(c, Math.log(2 / Math.sqrt(Math.PI))),
      c.builder.mul(x, x),
    );
    return c.builder.mul(g, c.builder.op("Exp", [exponent]));
  }),

  Sign: steps,
  Floor: steps,
  Ceil: steps,
  Round: steps,

  /** y = sin(x): dx = g cos(x). */
  Sin: unary((c, g) => c.builder.mul(g, c.builder.op("Cos", [input(c, 0)]))),

  /** y = cos(x): dx = -g sin(x). */
  Cos: unary((c, g) => c.builder.op("Neg", [c.builder.mul(g, c.builder.op("Sin", [input(c, 0)]))])),

  /** y = tan(x): dx = g (1 + y^2). */
  Tan: unary((c, g) => c.builder.mul(g, c.builder.add2(scalar(c, 1), square(c, output(c))))),

  /** y = asin(x): dx = g / sqrt(1 - x^2). */
  Asin: unary((c, g) => c.builder.div(g, besideOne(c, "Sub"))),

  /** y = acos(x): dx = -g / sqrt(1 - x^2). */
  Acos: unary((c, g) => c.builder.op("Neg", [c.builder.div(g, besideOne(c, "Sub"))])),

  /** y = atan(x): dx = g / (1 + x^2). */
  Atan: unary((c, g) => c.builder.div(g, c.builder.add2(scalar(c, 1), square(c, input(c, 0))))),

  /** y = sinh(x): dx = g cosh(x). */
  Sinh: unary((c, g) => c.builder.mul(g, c.builder.op("Cosh", [input(c, 0)]))),

  /** y = cosh(x): dx = g sinh(x). */
  Cosh: unary((c, g) => c.builder.mul(g, c.builder.op("Sinh", [input(c, 0)]))),

  /** y = asinh(x): dx = g / sqrt(1 + x^2). */
  Asinh: unary((c, g) => c.builder.div(g, besideOne(c, "Add"))),

  /** y = acosh(x): dx = g / sqrt(x^2 - 1). */
  Acosh: unary((c, g) => {
    const below = c.builder.sub(square(c, input(c, 0)), scalar(c, 1));
    return c.builder.div(g, c.builder.op("Sqrt", [below]));
  }),

  /** y = atanh(x): dx = g / (1 - x^2). */
  Atanh: unary((c, g) => c.builder.div(g, c.builder.sub(scalar(c, 1), square(c, input(c, 0))))),
};

function square(c: RuleContext, value: string): string {
  return c.builder.mul(value, value);
}

/** sqrt(1 + x^2) or sqrt(1 - x^2). */
function besideOne(c: RuleContext, op: "Add" | "Sub"): string {
  return c.builder.op("Sqrt", [c.builder.op(op, [scalar(c, 1), square(c, input(c, 0))])]);
}
