import { float } from "../../../src/core/graph/builder.ts";
import { bool, sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import {
  awayFromZero,
  chance,
  integer,
  oneOf,
  positive,
  shape,
  small,
  smaller,
  tensor,
  withZeros,
} from "./draw.ts";
import { binary, unary } from "./generators.ts";
import { type Draw, float64, type OperatorCase } from "./harness.ts";

/** Operators that work element by element. */
export const pointwiseCases: Readonly<Record<string, (draw: Draw) => OperatorCase>> = {
  Add: binary(tensor),
  Sub: binary(tensor),
  Mul: binary(tensor),
  Div: binary(awayFromZero),
  Sum: (draw) => {
    const to = shape(draw);
    const inputs = [tensor(draw, to), tensor(draw, smaller(draw, to)), tensor(draw, to)];
    return { inputs, checked: [0, 1, 2] };
  },
  Mean: (draw) => {
    const to = shape(draw);
    const inputs = [tensor(draw, smaller(draw, to)), tensor(draw, to)];
    return { inputs, checked: [0, 1] };
  },
  Max: extreme,
  Min: extreme,
  Mod: (draw) => {
    const to = shape(draw);
    const inputs = [tensor(draw, to), shifted(awayFromZero(draw, smaller(draw, to)), 0.031)];
    // For fmod = 0 onnxruntime takes whole numbers alone.
    return { inputs, checked: [0, 1], attributes: { fmod: 1 } };
  },
  Neg: unary(tensor),
  Relu: unary(tensor),
  LeakyRelu: unary(tensor, (draw) => ({ alpha: float(integer(draw, 1, 8) / 16) })),
  Elu: unary(tensor, (draw) => ({ alpha: float(integer(draw, 1, 8) / 4) })),
  PRelu: (draw) => {
    const to = shape(draw, 2, 4);
    const slope = [to[1] ?? 1, ...to.slice(2).map(() => 1)];
    return { inputs: [tensor(draw, to), tensor(draw, slope)], checked: [0, 1] };
  },
  Selu: unary(tensor, (draw) =>
    chance(draw) ? {} : { alpha: float(integer(draw, 1, 8) / 4), gamma: float(1.25) },
  ),
  Celu: unary(tensor, (draw) => ({ alpha: float(integer(draw, 1, 8) / 4) })),
  ThresholdedRelu: unary(tensor, () => ({ alpha: float(0.4312345) })),
  Softsign: unary(tensor),
  Mish: unary(tensor),
  HardSigmoid: unary(tensor, () => ({ alpha: float(0.5), beta: float(0.4375) })),
  HardSwish: (draw) => {
    const x = tensor(draw, shape(draw));
    return {
      inputs: [
        float64(
          x.shape,
          x.data.map((element) => element * 2.123),
        ),
      ],
      checked: [0],
    };
  },
  Sigmoid: unary(tensor),
  Tanh: unary(tensor),
  Softplus: unary(tensor),
  Exp: unary(tensor),
  Log: unary(positive),
  Sqrt: unary(positive),
  Abs: unary(tensor),
  Reciprocal: unary(awayFromZero),
  Erf: unary(tensor),
  Sign: unary(tensor),
  Floor: unary(tensor),
  Ceil: unary(tensor),
  Round: unary(tensor),
  Sin: unary(tensor),
  Cos: unary(tensor),
  Tan: unary(small),
  Asin: unary(small),
  Acos: unary(small),
  Atan: unary(tensor),
  Sinh: unary(tensor),
  Cosh: unary(tensor),
  Asinh: unary(tensor),
  Acosh: unary((draw, of) => shifted(positive(draw, of), 1)),
  Atanh: unary(small),
  Identity: unary(tensor),
  Dropout: unary(tensor),
  Cast: unary(tensor, () => ({ to: 11 })),
  Clip: (draw) => {
    const low = chance(draw) ? float64([], [-0.7312345]) : undefined;
    const high = chance(draw) ? float64([], [0.9123456]) : undefined;
    return { inputs: [tensor(draw, shape(draw)), low, high], checked: [0] };
  },
  Pow: (draw) => {
    const to = shape(draw);
    const kind = integer(draw, 0, 2);
    if (kind === 0) {
      const exponents = tensor(draw, smaller(draw, to));
      return { inputs: [positive(draw, to), exponents], checked: [0, 1] };
    }
    if (kind === 1) {
      // As a value that something computes, the exponent is no constant for the rule.
      const exponents = withZeros(draw, smaller(draw, to));
      return { inputs: [positive(draw, to), exponents], checked: [0], computed: [1] };
    }
    const exponent = float64([], [oneOf(draw, [0, 1, 2, 3])]);
    return { inputs: [awayFromZero(draw, to), exponent], checked: [0] };
  },
  Where: (draw) => {
    const to = shape(draw);
    const where = smaller(draw, to);
    const holds = Array.from({ length: sizeOf(where) }, () => chance(draw));
    const inputs = [bool(where, holds), tensor(draw, to), tensor(draw, smaller(draw, to))];
    return { inputs, checked: [1, 2] };
  },
};

/** Two or three values that broadcast, without ties. */
function extreme(draw: Draw): OperatorCase {
  const to = shape(draw);
  const inputs = [tensor(draw, to), shifted(tensor(draw, smaller(draw, to)), 0.0123)];
  return chance(draw)
    ? { inputs, checked: [0, 1] }
    : { inputs: [...inputs, shifted(tensor(draw, to), -0.0071)], checked: [0, 1, 2] };
}

function shifted({ shape: of, data }: Tensor<"float64">, by: number): Tensor<"float64"> {
  return float64(
    of,
    data.map((x) => x + by),
  );
}
