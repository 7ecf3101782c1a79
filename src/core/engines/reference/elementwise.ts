import { floatAttribute, intAttribute, type Node } from "../../graph/graph.ts";
import { type DataType, isFloat } from "../../graph/tensor.ts";
import {
  broadcastShape,
  broadcastTo,
  cannot,
  type Kernel,
  type Kernels,
  need,
  type Value,
  value,
} from "./value.ts";

/** Operators that work element by element, with broadcasting. */
export const elementwise: Kernels = {
  Identity: map((x) => x),
  Neg: map((x) => -x),
  Abs: map(Math.abs),
  Sign: map(Math.sign),
  Exp: map(Math.exp),
  Log: map(Math.log),
  Sqrt: map(Math.sqrt),
  Reciprocal: map((x) => 1 / x),
  Floor: map(Math.floor),
  Ceil: map(Math.ceil),
  Round: map(roundHalfToEven),
  Sin: map(Math.sin),
  Cos: map(Math.cos),
  Tan: map(Math.tan),
  Asin: map(Math.asin),
  Acos: map(Math.acos),
  Atan: map(Math.atan),
  Sinh: map(Math.sinh),
  Cosh: map(Math.cosh),
  Asinh: map(Math.asinh),
  Acosh: map(Math.acosh),
  Atanh: map(Math.atanh),
  Tanh: map(Math.tanh),
  Erf: map(erf),
  Sigmoid: map((x) => 1 / (1 + Math.exp(-x))),
  Softplus: map(softplus),
  Softsign: map((x) => x / (1 + Math.abs(x))),
  Mish: map((x) => x * Math.tanh(softplus(x))),
  Relu: map((x) => Math.max(x, 0)),
  LeakyRelu: map((x, node) => (x > 0 ? x : floatAttribute(node, "alpha", 0.01) * x)),
  Elu: map((x, node) => (x > 0 ? x : floatAttribute(node, "alpha", 1) * Math.expm1(x))),
  Selu: map((x, node) => {
    const gamma = floatAttribute(node, "gamma", 1.0507009873554805);
    return gamma * (x > 0 ? x : floatAttribute(node, "alpha", 1.6732632423543772) * Math.expm1(x));
  }),
  Celu: map((x, node) => {
    const alpha = floatAttribute(node, "alpha", 1);
    return x > 0 ? x : alpha * Math.expm1(x / alpha);
  }),
  ThresholdedRelu: map((x, node) => (x > floatAttribute(node, "alpha", 1) ? x : 0)),
  HardSigmoid: map((x, node) => {
    const line = floatAttribute(node, "alpha", 0.2) * x + floatAttribute(node, "beta", 0.5);
    return Math.min(Math.max(line, 0), 1);
  }),
  HardSwish: map((x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  Not: map((x) => (x === 0 ? 1 : 0)),

  IsNaN: test((x) => Number.isNaN(x)),
  IsInf: test((x, node) => {
    const positive = intAttribute(node, "detect_positive", 1) !== 0;
    const negative = intAttribute(node, "detect_negative", 1) !== 0;
    return (x === Infinity && positive) || (x === -Infinity && negative);
  }),

  Add: zip((a, b) => a + b),
  Sub: zip((a, b) => a - b),
  Mul: zip((a, b) => a * b),
  Div: (inputs, node) => {
    const divide = isFloat(need(inputs, 0, node).dtype)
      ? (a: number, b: number) => a / b
      : (a: number, b: number) => Math.trunc(a / b);
    return zip(divide)(inputs, node);
  },
  Pow: zip((a, b) => a ** b),
  Mod: (inputs, node) => {
    const remainder = (a: number, b: number) => a % b;
    const floored = (a: number, b: number) => {
      const rest = a % b;
      return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
    };
    return zip(intAttribute(node, "fmod", 0) === 1 ? remainder : floored)(inputs, node);
  },
  PRelu: zip((x, slope) => (x > 0 ? x : slope * x)),
  Min: zip(Math.min),
  Max: zip(Math.max),
  Sum: zip((a, b) => a + b),
  Mean: (inputs, node) => {
    const sum = zip((a, b) => a + b)(inputs, node) as Value;
    return { ...sum, data: sum.data.map((x) => x / inputs.length) };
  },

  Equal: zip((a, b) => Number(a === b), "bool"),
  Greater: zip((a, b) => Number(a > b), "bool"),
  GreaterOrEqual: zip((a, b) => Number(a >= b), "bool"),
  Less: zip((a, b) => Number(a < b), "bool"),
  LessOrEqual: zip((a, b) => Number(a <= b), "bool"),
  And: zip((a, b) => a & b, "bool"),
  Or: zip((a, b) => a | b, "bool"),
  Xor: zip((a, b) => a ^ b, "bool"),

  Where: (inputs, node) => {
    const [condition, x, y] = [need(inputs, 0, node), need(inputs, 1, node), need(inputs, 2, node)];
    const shape = broadcastShape([condition.shape, x.shape, y.shape], node);
    const [holds, a, b] = [condition, x, y].map((each) => broadcastTo(each, shape));
    return value(
      x.dtype,
      shape,
      (holds as Float64Array).map((yes, index) => (yes ? (a?.[index] ?? 0) : (b?.[index] ?? 0))),
    );
  },

  Clip: (inputs, node) => {
    const x = need(inputs, 0, node);
    const low = inputs[1]?.data[0] ?? Number.NEGATIVE_INFINITY;
    const high = inputs[2]?.data[0] ?? Number.POSITIVE_INFINITY;
    return { ...x, data: x.data.map((element) => Math.min(Math.max(element, low), high)) };
  },

  Dropout: (inputs, node) => {
    const x = need(inputs, 0, node);
    if (inputs[2]?.data[0]) {
      throw cannot(node, "it is in training mode");
    }
    const mask = value("bool", x.shape, new Float64Array(x.data.length).fill(1));
    return node.outputs.length > 1 ? [x, mask] : x;
  },

  Cast: (inputs, node) => {
    const dtype = castTypes.get(intAttribute(node, "to", 0));
    if (dtype === undefined) {
      throw cannot(node, `it casts to type ${intAttribute(node, "to", 0)}`);
    }
    return cast(need(inputs, 0, node), dtype);
  },
  CastLike: (inputs, node) => cast(need(inputs, 0, node), need(inputs, 1, node).dtype),
};

/** Element types by their numbers in ONNX. */
export const castTypes: ReadonlyMap<number, DataType> = new Map([
  [1, "float32"],
  [2, "uint8"],
  [3, "int8"],
  [4, "uint16"],
  [5, "int16"],
  [6, "int32"],
  [7, "int64"],
  [9, "bool"],
  [10, "float16"],
  [11, "float64"],
  [12, "uint32"],
  [13, "uint64"],
  [16, "bfloat16"],
]);

function map(f: (x: number, node: Node) => number): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    return { ...x, data: x.data.map((element) => f(element, node)) };
  };
}

/** Whether something holds of each element. */
function test(holds: (x: number, node: Node) => boolean): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    return value(
      "bool",
      x.shape,
      x.data.map((element) => Number(holds(element, node))),
    );
  };
}

/** Combines the inputs from left to right. */
function zip(f: (a: number, b: number) => number, dtype?: DataType): Kernel {
  return (inputs, node) => {
    const shape = broadcastShape(
      inputs.map((_, index) => need(inputs, index, node).shape),
      node,
    );
    const [first, ...others] = inputs.map((_, index) =>
      broadcastTo(need(inputs, index, node), shape),
    );
    const data = Float64Array.from(first ?? []);
    for (const other of others) {
      for (let index = 0; index < data.length; index++) {
        data[index] = f(data[index] as number, other[index] as number);
      }
    }
    return value(dtype ?? need(inputs, 0, node).dtype, shape, data);
  };
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  const part = x - down;
  return part > 0.5 || (part === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/** erf(x) = 2/sqrt(pi) exp(-x^2) (x + 2 x^3/3 + 4 x^5/15 + ...), whose terms all have one sign. */
function erf(x: number): number {
  if (Math.abs(x) > 6) {
    return Math.sign(x);
  }
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function cast(x: Value, dtype: DataType): Value {
  const convert =
    dtype === "bool" ? (e: number) => Number(e !== 0) : isFloat(dtype) ? undefined : Math.trunc;
  return value(dtype, x.shape, convert === undefined ? x.data : x.data.map(convert));
}
