import { floatAttribute } from "../../graph/graph.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  floats,
  input,
  inputShape,
  mask,
  onlyGradient,
  output,
  outputShape,
  scalar,
  sumTo,
  unsupported,
  whereWanted,
} from "./rule.ts";

/** Rules of operators that work element by element, with broadcasting. g is the gradient of the output y. */
export const elementwise: Readonly<Record<string, GradientRule>> = {
  /** y = a + b: da = g, db = g. */
  Add: (c) => {
    const g = onlyGradient(c);
    return whereWanted(
      c,
      () => reduced(c, g, 0),
      () => reduced(c, g, 1),
    );
  },

  /** y = a - b: da = g, db = -g. */
  Sub: (c) => {
    const g = onlyGradient(c);
    return whereWanted(
      c,
      () => reduced(c, g, 0),
      () => c.builder.op("Neg", [reduced(c, g, 1)]),
    );
  },

  /** y = a b: da = g b, db = g a. */
  Mul: (c) => {
    const g = onlyGradient(c);
    return whereWanted(
      c,
      () => reduced(c, c.builder.mul(g, input(c, 1)), 0),
      () => reduced(c, c.builder.mul(g, input(c, 0)), 1),
    );
  },

  /** y = a / b: da = g / b, db = -g y / b. */
  Div: (c) => {
    const g = onlyGradient(c);
    const quotient = (value: string) => c.builder.div(value, input(c, 1));
    return whereWanted(
      c,
      () => reduced(c, quotient(g), 0),
      () => c.builder.op("Neg", [reduced(c, quotient(c.builder.mul(g, output(c))), 1)]),
    );
  },

  /** y = sum of all inputs: each gets g. */
  Sum: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, ...c.node.inputs.map((_, index) => () => reduced(c, g, index)));
  },

  /** y = -x: dx = -g. */
  Neg: unary((c, g) => c.builder.op("Neg", [g])),

  /** y = max(x, 0): dx = g where y > 0. */
  Relu: unary((c, g) => keepWhere(c, c.builder.op("Cast", [output(c)], { to: 9 }), g)),

  /** y = x or alpha x: dx = g where x > 0, else alpha g. */
  LeakyRelu: unary((c, g) => {
    const [above, below] = bySign(c, g);
    const alpha = scalar(c, floatAttribute(c.node, "alpha", 0.01));
    return c.builder.add2(above, c.builder.mul(below, alpha));
  }),

  /** y = x where x > 0, else s x: dx = g where x > 0, else s g; ds = g x where x <= 0. */
  PRelu: (c) => {
    const [above, below] = bySign(c, onlyGradient(c));
    return whereWanted(
      c,
      () => c.builder.add2(above, c.builder.mul(below, input(c, 1))),
      () => reduced(c, c.builder.mul(below, input(c, 0)), 1),
    );
  },

  /** y = x where x > 0, else alpha (exp(x) - 1): dx = g where x > 0, else g (y + alpha). */
  Elu: unary((c, g) => {
    const [above, below] = bySign(c, g);
    const alpha = scalar(c, floatAttribute(c.node, "alpha", 1));
    return c.builder.add2(above, c.builder.mul(below, c.builder.add2(output(c), alpha)));
  }),

  /** y = 1 / (1 + exp(-x)): dx = g y (1 - y). */
  Sigmoid: unary((c, g) =>
    c.builder.mul(g, c.builder.mul(output(c), c.builder.sub(scalar(c, 1), output(c)))),
  ),

  /** y = tanh(x): dx = g (1 - y^2). */
  Tanh: unary((c, g) =>
    c.builder.mul(g, c.builder.sub(scalar(c, 1), c.builder.mul(output(c), output(c)))),
  ),

  /** y = log(1 + exp(x)): dx = g sigmoid(x). */
  Softplus: unary((c, g) => c.builder.mul(g, c.builder.op("Sigmoid", [input(c, 0)]))),

  /**
   * y = min(max(x, low), high): dx = g where low < x < high. Strict, because networks write ReLU6 and hard tanh
   * with it, and PyTorch and TensorFlow give those no gradient on the bounds.
   */
  Clip: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const [x, low, high] = [input(c, 0), c.node.inputs[1], c.node.inputs[2]];
      const above = low ? keepWhere(c, c.builder.op("Greater", [x, low]), g) : g;
      return high ? keepWhere(c, c.builder.op("Less", [x, high]), above) : above;
    });
  },

  /** y = min(max(alpha x + beta, 0), 1): dx = g alpha where 0 < y < 1. */
  HardSigmoid: unary((c, g) => {
    const alpha = scalar(c, floatAttribute(c.node, "alpha", 0.2));
    return keepWhere(c, between(c, output(c), 0, 1), c.builder.mul(g, alpha));
  }),

  /** y = x min(max(x / 6 + 1/2, 0), 1): dx = g where x >= 3, g (x / 3 + 1/2) where -3 < x < 3, else 0. */
  HardSwish: unary((c, g) => {
    const x = input(c, 0);
    const slope = c.builder.add2(c.builder.div(x, scalar(c, 3)), scalar(c, 0.5));
    const middle = keepWhere(c, between(c, x, -3, 3), c.builder.mul(g, slope));
    const top = keepWhere(c, c.builder.op("GreaterOrEqual", [x, scalar(c, 3)]), g);
    return c.builder.add2(middle, top);
  }),

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
    const bell = c.builder.op("Exp", [c.builder.op("Neg", [c.builder.mul(x, x)])]);
    return c.builder.mul(g, c.builder.mul(bell, scalar(c, 2 / Math.sqrt(Math.PI))));
  }),

  /** y = x^p with constant p: dx = g p x^(p-1), and 0 where p = 0. */
  Pow: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const exponent = c.constant(input(c, 1));
      if (exponent === undefined) {
        throw unsupported(c, "its exponent is not a constant");
      }
      const powers = Array.from<number | bigint, number>(exponent.data, Number);
      const lower = powers.map((power) => (power === 0 ? 0 : power - 1));
      const slope = powers.every((power) => power === 2)
        ? input(c, 0)
        : c.builder.op("Pow", [input(c, 0), floats(c, exponent.shape, lower)]);
      return reduced(
        c,
        c.builder.mul(g, c.builder.mul(slope, floats(c, exponent.shape, powers))),
        0,
      );
    });
  },

  /** y = a where the condition holds, else b: da = g where it holds, db = g where it does not. */
  Where: (c) => {
    const g = onlyGradient(c);
    const where = (condition: string) => c.builder.mul(g, mask(c, condition));
    return whereWanted(
      c,
      () => {
        throw unsupported(c, "its condition has no gradient");
      },
      () => reduced(c, where(input(c, 0)), 1),
      () => reduced(c, where(c.builder.op("Not", [input(c, 0)])), 2),
    );
  },

  /** y = x: dx = g. */
  Identity: unary((_, g) => g),

  /** In evaluation mode y = x: dx = g. */
  Dropout: (c) => {
    const training = c.node.inputs[2];
    if (training && c.constant(training)?.data[0] !== 0) {
      throw unsupported(c, "it is in training mode");
    }
    const g = onlyGradient(c);
    return whereWanted(c, () => g);
  },

  /** y = x in another floating type: dx = g in the type of x. */
  Cast: unary((c, g) => {
    const { dtype } = c.type(input(c, 0));
    const to = { float32: 1, float16: 10, float64: 11, bfloat16: 16 } as const;
    if (dtype in to) {
      return c.builder.op("Cast", [g], { to: to[dtype as keyof typeof to] });
    }
    throw unsupported(c, `its input is ${dtype}`);
  }),
};

/** A rule for y = f(x) with y in the shape of x. */
function unary(gradient: (context: RuleContext, g: string) => string): GradientRule {
  return (context) => {
    const g = onlyGradient(context);
    return whereWanted(context, () => gradient(context, g));
  };
}

/** A gradient in the shape of the output, summed to the shape of input `index`. */
function reduced(context: RuleContext, gradient: string, index: number): string {
  return sumTo(context, gradient, outputShape(context), inputShape(context, index));
}

function keepWhere(context: RuleContext, condition: string, g: string): string {
  return context.builder.mul(g, mask(context, condition));
}

function between(context: RuleContext, value: string, low: number, high: number): string {
  const { builder } = context;
  const above = builder.op("Greater", [value, scalar(context, low)]);
  return builder.op("And", [above, builder.op("Less", [value, scalar(context, high)])]);
}

/** g split in two: where x > 0, and the rest. */
function bySign(context: RuleContext, g: string): [string, string] {
  const { builder } = context;
  const isPositive = builder.op("Greater", [input(context, 0), scalar(context, 0)]);
  const above = keepWhere(context, isPositive, g);
  return [above, builder.sub(g, above)];
}
