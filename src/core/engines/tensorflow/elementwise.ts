import { floatAttribute, intAttribute, type Node } from "../../graph/graph.ts";
import { encodeType } from "../../graph/onnx-tensors.ts";
import type { DataType } from "../../graph/tensor.ts";
import { castTypes } from "../reference/elementwise.ts";
import { onHost } from "./host.ts";
import {
  cannot,
  type Kernel,
  type Kernels,
  like,
  need,
  type TensorFlow,
  type TfTensor,
  Value,
} from "./value.ts";

/** Operators that work element by element, with broadcasting. */
export const elementwise: Kernels = {
  Identity: map((tf, x) => tf.clone(x)),
  Neg: map((tf, x) => tf.neg(x)),
  Abs: map((tf, x) => tf.abs(x)),
  Sign: map((tf, x) => tf.sign(x)),
  Exp: map((tf, x) => tf.exp(x)),
  Log: map((tf, x) => tf.log(x)),
  Sqrt: map((tf, x) => tf.sqrt(x)),
  Reciprocal: map((tf, x) => tf.reciprocal(x)),
  Floor: map((tf, x) => tf.floor(x)),
  Ceil: map((tf, x) => tf.ceil(x)),
  Round: map((tf, x) => tf.round(x)),
  Sin: map((tf, x) => tf.sin(x)),
  Cos: map((tf, x) => tf.cos(x)),
  Tan: map((tf, x) => tf.tan(x)),
  Asin: map((tf, x) => tf.asin(x)),
  Acos: map((tf, x) => tf.acos(x)),
  Atan: map((tf, x) => tf.atan(x)),
  Sinh: map((tf, x) => tf.sinh(x)),
  Cosh: map((tf, x) => tf.cosh(x)),
  Asinh: map((tf, x) => tf.asinh(x)),
  Acosh: map((tf, x) => tf.acosh(x)),
  Atanh: map((tf, x) => tf.atanh(x)),
  Tanh: map((tf, x) => tf.tanh(x)),
  Erf: map((tf, x) => tf.erf(x)),
  Sigmoid: map((tf, x) => tf.sigmoid(x)),
  Softplus: map((tf, x) => tf.softplus(x)),
  Relu: map((tf, x) => tf.relu(x)),
  LeakyRelu: map((tf, x, node) => tf.leakyRelu(x, floatAttribute(node, "alpha", 0.01))),
  Elu: map((tf, x, node) => elu(tf, x, floatAttribute(node, "alpha", 1))),
  Selu: map((tf, x, node) => {
    const alpha = floatAttribute(node, "alpha", 1.6732632423543772);
    return tf.mul(elu(tf, x, alpha), floatAttribute(node, "gamma", 1.0507009873554805));
  }),
  Celu: map((tf, x, node) => {
    const alpha = floatAttribute(node, "alpha", 1);
    return tf.mul(elu(tf, tf.div(x, alpha), 1), alpha);
  }),
  ThresholdedRelu: map((tf, x, node) =>
    tf.where(tf.greater(x, floatAttribute(node, "alpha", 1)), x, 0),
  ),
  HardSigmoid: map((tf, x, node) =>
    line(tf, x, floatAttribute(node, "alpha", 0.2), floatAttribute(node, "beta", 0.5)),
  ),
  HardSwish: map((tf, x) => tf.mul(x, line(tf, x, 1 / 6, 0.5))),
  Softsign: map((tf, x) => tf.div(x, tf.add(tf.abs(x), 1))),
  Mish: map((tf, x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  Not: map((tf, x) => tf.logicalNot(x)),

  IsNaN: map((tf, x) => tf.isNaN(x), "bool"),
  IsInf: map((tf, x, node) => {
    const signs = [
      ...(intAttribute(node, "detect_positive", 1) !== 0 ? [Number.POSITIVE_INFINITY] : []),
      ...(intAttribute(node, "detect_negative", 1) !== 0 ? [Number.NEGATIVE_INFINITY] : []),
    ];
    const none: TfTensor = tf.fill(x.shape, 0, "bool");
    return signs.reduce((found, sign) => tf.logicalOr(found, tf.equal(x, sign)), none);
  }, "bool"),

  Add: zip((tf, a, b) => tf.add(a, b)),
  Sub: zip((tf, a, b) => tf.sub(a, b)),
  Mul: zip((tf, a, b) => tf.mul(a, b)),
  Div: zip((tf, a, b) => tf.div(a, b)),
  Pow: (inputs, node, run) =>
    need(inputs, 0, node).dtype === "float32"
      ? zip((tf, a, b) => tf.pow(a, tf.cast(b, "float32")))(inputs, node, run)
      : onHost(inputs, node, run),
  // At infinities and mixed signs the backends disagree.
  Mod: onHost,
  // One of the two products is 0.
  PRelu: zip((tf, x, slope) => tf.sub(tf.relu(x), tf.mul(slope, tf.relu(tf.neg(x))))),
  Min: zip((tf, a, b) => tf.minimum(a, b)),
  Max: zip((tf, a, b) => tf.maximum(a, b)),
  Sum: zip((tf, a, b) => tf.add(a, b)),
  Mean: (inputs, node, run) => {
    const sum = zip((tf, a, b) => tf.add(a, b))(inputs, node, run) as Value;
    return like(run, sum, run.tf.div(sum.device, inputs.length));
  },

  Equal: zip((tf, a, b) => tf.equal(a, b), "bool"),
  Greater: zip((tf, a, b) => tf.greater(a, b), "bool"),
  GreaterOrEqual: zip((tf, a, b) => tf.greaterEqual(a, b), "bool"),
  Less: zip((tf, a, b) => tf.less(a, b), "bool"),
  LessOrEqual: zip((tf, a, b) => tf.lessEqual(a, b), "bool"),
  And: zip((tf, a, b) => tf.logicalAnd(a, b), "bool"),
  Or: zip((tf, a, b) => tf.logicalOr(a, b), "bool"),
  Xor: zip((tf, a, b) => tf.notEqual(a, b), "bool"),

  Where: (inputs, node, run) => {
    const [condition, x, y] = [need(inputs, 0, node), need(inputs, 1, node), need(inputs, 2, node)];
    return like(run, x, run.tf.where(condition.device, x.device, y.device));
  },

  Clip: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const [, low, high] = inputs;
    const raised = low === undefined ? x.device : run.tf.maximum(x.device, low.device);
    return like(run, x, high === undefined ? raised : run.tf.minimum(raised, high.device));
  },

  Dropout: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    if (inputs[2]?.host.data[0]) {
      throw cannot(node, "it is in training mode");
    }
    const mask = () => Value.ofDevice(run.tf, "bool", run.tf.fill([...x.shape], 1, "bool"));
    return node.outputs.length > 1 ? [x, mask()] : x;
  },

  Cast: cast,
  CastLike: (inputs, node, run) => {
    const to = { type: "int", value: encodeType(need(inputs, 1, node).dtype) } as const;
    return cast(inputs.slice(0, 1), { ...node, op: "Cast", attributes: { to } }, run);
  },
};

/** alpha x + beta, between 0 and 1. */
function line(tf: TensorFlow, x: TfTensor, alpha: number, beta: number): TfTensor {
  return tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);
}

/** x where it is positive, else alpha (exp(x) - 1). */
function elu(tf: TensorFlow, x: TfTensor, alpha: number): TfTensor {
  return tf.where(tf.greater(x, 0), x, tf.mul(tf.expm1(tf.minimum(x, 0)), alpha));
}

function map(f: (tf: TensorFlow, x: TfTensor, node: Node) => TfTensor, dtype?: DataType): Kernel {
  return (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return Value.ofDevice(run.tf, dtype ?? x.dtype, f(run.tf, x.device, node));
  };
}

/** Combines the inputs from left to right. */
function zip(
  f: (tf: TensorFlow, a: TfTensor, b: TfTensor, node: Node) => TfTensor,
  dtype?: DataType,
): Kernel {
  return (inputs, node, run) => {
    const [first, ...others] = inputs.map((_, index) => need(inputs, index, node));
    if (first === undefined) {
      throw cannot(node, "it has no inputs");
    }
    const combined = others.reduce((a, b) => f(run.tf, a, b.device, node), first.device);
    return Value.ofDevice(run.tf, dtype ?? first.dtype, combined);
  };
}

function cast(...[inputs, node, run]: Parameters<Kernel>): ReturnType<Kernel> {
  const x = need(inputs, 0, node);
  const dtype = castTypes.get(intAttribute(node, "to", 0));
  const isExact = x.dtype === dtype || (x.dtype !== "float32" && dtype === "float32");
  if (!x.isOnHost && (isExact || dtype === "bool")) {
    const { tf } = run;
    const cast =
      dtype === "bool" && x.dtype !== "bool"
        ? tf.notEqual(x.device, tf.zeros([], x.device.dtype))
        : tf.cast(x.device, dtype === "float32" || dtype === "bool" ? dtype : "int32");
    return Value.ofDevice(tf, dtype, cast);
  }
  // Cutting to integers, and everything that tfjs has no type for.
  return x.dtype === dtype ? x : onHost(inputs, node, run);
}
