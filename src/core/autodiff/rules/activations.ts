import { floatAttribute } from "../../graph/graph.ts";
import type { GradientRule } from "../gradient.ts";
import { between, bySign, keepWhere, reduced, unary } from "./pointwise.ts";
import { input, onlyGradient, output, scalar, whereWanted } from "./rule.ts";

/** Rules of activation functions. g is the gradient of the output y. */
export const activations: Readonly<Record<string, GradientRule>> = {
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

  /** y = gamma elu(x; alpha): dx = g gamma where x > 0, else g (y + gamma alpha). */
  Selu: unary((c, g) => {
    const [above, below] = bySign(c, g);
    const gamma = floatAttribute(c.node, "gamma", 1.0507009873554805);
    const alpha = floatAttribute(c.node, "alpha", 1.6732632423543772);
    return c.builder.add2(
      c.builder.mul(above, scalar(c, gamma)),
      c.builder.mul(below, c.builder.add2(output(c), scalar(c, gamma * alpha))),
    );
  }),

  /** y = x where x > 0, else alpha (exp(x / alpha) - 1): dx = g where x > 0, else g (y / alpha + 1). */
  Celu: unary((c, g) => {
    const [above, below] = bySign(c, g);
    const alpha = scalar(c, floatAttribute(c.node, "alpha", 1));
    const slope = c.builder.add2(c.builder.div(output(c), alpha), scalar(c, 1));
    return c.builder.add2(above, c.builder.mul(below, slope));
  }),

  /** y = x where x > alpha, else 0: dx = g where x > alpha. */
  ThresholdedRelu: unary((c, g) => {
    const alpha = scalar(c, floatAttribute(c.node, "alpha", 1));
    return keepWhere(c, c.builder.op("Greater", [input(c, 0), alpha]), g);
  }),

  /** y = x / (1 + |x|): dx = g / (1 + |x|)^2. */
  Softsign: unary((c, g) => {
    const size = c.builder.add2(c.builder.op("Abs", [input(c, 0)]), scalar(c, 1));
    return c.builder.div(g, c.builder.mul(size, size));
  }),

  /** y = x t with t = tanh(log(1 + exp(x))): dx = g (t + x (1 - t^2) sigmoid(x)). */
  Mish: unary((c, g) => {
    const { builder } = c;
    const x = input(c, 0);
    const t = builder.op("Tanh", [builder.op("Softplus", [x])]);
    const slope = builder.mul(
      builder.sub(scalar(c, 1), builder.mul(t, t)),
      builder.op("Sigmoid", [x]),
    );
    return builder.mul(g, builder.add2(t, builder.mul(x, slope)));
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
};
