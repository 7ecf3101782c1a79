import { toNumbers } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import { keepWhere, nonZero, reduced, unary } from "./pointwise.ts";
import {
  floats,
  input,
  mask,
  onlyGradient,
  output,
  scalar,
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

  /** y = the mean of all n inputs: each gets g / n. */
  Mean: (c) => {
    const share = c.builder.div(onlyGradient(c), scalar(c, c.node.inputs.length));
    return whereWanted(c, ...c.node.inputs.map((_, index) => () => reduced(c, share, index)));
  },

  /** y = the largest input: g to that one, shared evenly at ties, as torch.maximum does. */
  Max: extreme("Greater"),

  /** y = the smallest input: g to that one, shared evenly at ties, as torch.minimum does. */
  Min: extreme("Less"),

  /** y = a - b floor(a / b), or with trunc for `fmod`: da = g, db = -g floor(a / b) = g (y - a) / b. */
  Mod: (c) => {
    const g = onlyGradient(c);
    return whereWanted(
      c,
      () => reduced(c, g, 0),
      () => {
        const { builder } = c;
        const multiple = builder.div(builder.sub(output(c), input(c, 0)), input(c, 1));
        return reduced(c, builder.mul(g, multiple), 1);
      },
    );
  },

  /**
   * y = x^p: dx = g p x^(p-1), and 0 where p = 0; dp = g y log x, and 0 where x = 0. For x < 0 the power exists only
   * for whole p, and dp is not a number, as in PyTorch.
   */
  Pow: (c) => {
    const g = onlyGradient(c);
    return whereWanted(
      c,
      () => reduced(c, c.builder.mul(g, powerSlope(c)), 0),
      () => {
        const log = c.builder.op("Log", [nonZero(c, input(c, 0))]);
        return reduced(c, c.builder.mul(g, c.builder.mul(output(c), log)), 1);
      },
    );
  },

  /** y = a where the condition holds, else b: da = g where it holds, db = g where it does not. */
  Where: (c) => {
    const g = onlyGradient(c);
    const where = (condition: string) => keepWhere(c, condition, g);
    return whereWanted(
      c,
      () => {
        throw unsupported(c, "its condition has no gradient");
      },
      () => reduced(c, where(input(c, 0)), 1),
      () => reduced(c, where(c.builder.op("Not", [input(c, 0)])), 2),
    );
  },

  /** y = -x: dx = -g. */
  Neg: unary((c, g) => c.builder.op("Neg", [g])),

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

/** The rule of Max and Min. */
function extreme(better: "Greater" | "Less"): GradientRule {
  return (c) => {
    const g = onlyGradient(c);
    const { builder } = c;
    const [a, b] = c.node.inputs;
    if (c.node.inputs.length === 2 && a !== undefined && b !== undefined) {
      // Half for being at least as good, half for being better.
      const half = builder.mul(g, scalar(c, 0.5));
      const share = (own: string, other: string) =>
        builder.add2(
          keepWhere(c, builder.op(better, [own, other]), half),
          keepWhere(c, builder.op(`${better}OrEqual`, [own, other]), half),
        );
      return whereWanted(
        c,
        () => reduced(c, share(a, b), 0),
        () => reduced(c, share(b, a), 1),
      );
    }
    const chosen = c.node.inputs.map((name) => mask(c, builder.op("Equal", [name, output(c)])));
    const even = builder.div(g, chosen.length === 1 ? scalar(c, 1) : builder.op("Sum", chosen));
    return whereWanted(
      c,
      ...chosen.map((isChosen, index) => () => reduced(c, builder.mul(even, isChosen), index)),
    );
  };
}

/** p x^(p-1), and 0 where p = 0. */
function powerSlope(c: RuleContext): string {
  const { builder } = c;
  const [x, p] = [input(c, 0), input(c, 1)];
  const constant = c.constant(p);
  if (constant === undefined) {
    // Where p = 0, x^0 stands for x^-1, which x = 0 does not have.
    const isZero = mask(c, builder.op("Equal", [p, scalar(c, 0)]));
    const lower = builder.add2(builder.sub(p, scalar(c, 1)), isZero);
    return builder.mul(p, builder.op("Pow", [x, lower]));
  }
  const powers = toNumbers(constant);
  const factor = floats(c, constant.shape, powers);
  if (powers.every((power) => power === 2)) {
    return builder.mul(x, factor);
  }
  const lower = powers.map((power) => (power === 0 ? 0 : power - 1));
  return builder.mul(builder.op("Pow", [x, floats(c, constant.shape, lower)]), factor);
}
