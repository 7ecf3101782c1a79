import type { Json } from "../../formats/json.ts";
import { float, type GraphBuilder } from "../../graph/builder.ts";
import type { KerasTensor, LayerContext } from "./layer.ts";
import { LayerConfig } from "./settings.ts";

/** An activation that acts on each element by itself. */
type Elementwise = (builder: GraphBuilder, x: string) => string;

/** max(0, min(1, slope x + offset)). */
function hardSigmoid(slope: number, offset: number): Elementwise {
  return (b, x) => b.op("HardSigmoid", [x], { alpha: float(slope), beta: float(offset) });
}

function clip(b: GraphBuilder, x: string, low: number, high: number): string {
  return b.op("Clip", [x, b.scalar(low), b.scalar(high)]);
}

/** x where it lies outside [-0.5, 0.5], moved towards 0 by `bias`; 0 inside. */
function shrink(b: GraphBuilder, x: string, bias: number): string {
  const moved = b.sub(
    b.op("Relu", [b.sub(x, b.scalar(0.5))]),
    b.op("Relu", [b.sub(b.op("Neg", [x]), b.scalar(0.5))]),
  );
  if (bias === 0.5) {
    return moved;
  }
  const outside = b.op("Greater", [b.op("Abs", [x]), b.scalar(0.5)]);
  return b.op("Where", [outside, x, b.scalar(0)]);
}

const silu: Elementwise = (b, x) => b.mul(x, b.op("Sigmoid", [x]));
const hardSigmoid3 = hardSigmoid(1 / 6, 0.5);
const hardSilu: Elementwise = (b, x) => b.mul(x, hardSigmoid3(b, x));

/** Keras's names with its defaults; those that Keras 2 defines otherwise are in {@link ofKeras2}. */
export const elementwiseFunctions: Readonly<Record<string, Elementwise>> = {
  linear: (_, x) => x,
  relu: (b, x) => b.op("Relu", [x]),
  relu6: (b, x) => clip(b, x, 0, 6),
  leaky_relu: (b, x) => b.op("LeakyRelu", [x], { alpha: float(0.2) }),
  elu: (b, x) => b.op("Elu", [x], { alpha: float(1) }),
  celu: (b, x) => b.op("Elu", [x], { alpha: float(1) }),
  selu: (b, x) =>
    b.mul(b.op("Elu", [x], { alpha: float(1.6732632423543772) }), b.scalar(1.0507009873554805)),
  gelu: (b, x) => gelu(b, x, false),
  silu,
  swish: silu,
  tanh: (b, x) => b.op("Tanh", [x]),
  tanh_shrink: (b, x) => b.sub(x, b.op("Tanh", [x])),
  sigmoid: (b, x) => b.op("Sigmoid", [x]),
  log_sigmoid: (b, x) => b.op("Neg", [b.op("Softplus", [b.op("Neg", [x])])]),
  hard_sigmoid: hardSigmoid3,
  hard_silu: hardSilu,
  hard_swish: hardSilu,
  hard_tanh: (b, x) => clip(b, x, -1, 1),
  hard_shrink: (b, x) => shrink(b, x, 0),
  soft_shrink: (b, x) => shrink(b, x, 0.5),
  softplus: (b, x) => b.op("Softplus", [x]),
  softsign: (b, x) => b.div(x, b.add2(b.op("Abs", [x]), b.scalar(1))),
  squareplus: (b, x) =>
    b.mul(b.add2(x, b.op("Sqrt", [b.add2(b.mul(x, x), b.scalar(4))])), b.scalar(0.5)),
  sparse_sigmoid: hardSigmoid(0.5, 0.5),
  exponential: (b, x) => b.op("Exp", [x]),
  mish: (b, x) => b.mul(x, b.op("Tanh", [b.op("Softplus", [x])])),
};

/** Where Keras 2 (and TensorFlow.js) compute something else under the same name. */
const ofKeras2: Readonly<Record<string, Elementwise>> = {
  hard_sigmoid: hardSigmoid(0.2, 0.5),
};

/** Activations over the last axis. */
const alongLast: Readonly<Record<string, string>> = {
  softmax: "Softmax",
  softmax_v2: "Softmax",
  log_softmax: "LogSoftmax",
};

/** 0.5 x (1 + erf(x / sqrt 2)), or its approximation by tanh. */
export function gelu(b: GraphBuilder, x: string, approximate: boolean): string {
  const half = b.mul(x, b.scalar(0.5));
  if (!approximate) {
    const erf = b.op("Erf", [b.mul(x, b.scalar(Math.SQRT1_2))]);
    return b.mul(half, b.add2(erf, b.scalar(1)));
  }
  const cube = b.mul(b.mul(x, x), x);
  const inner = b.add2(x, b.mul(cube, b.scalar(0.044715)));
  const tanh = b.op("Tanh", [b.mul(inner, b.scalar(Math.sqrt(2 / Math.PI)))]);
  return b.mul(half, b.add2(tanh, b.scalar(1)));
}

/**
 * The activation of a setting (a name, or what Keras writes for one) for values of any shape, as cells apply it.
 * @throws kind `model` for activations that do not act on each element by itself, and unknown ones
 */
export function elementwiseActivation(
  context: LayerContext,
  key: string,
  fallback: string,
): (value: string) => string {
  const setting = context.layer.raw(key) ?? fallback;
  const name = typeof setting === "string" ? setting : "";
  const found = findElementwise(context, name);
  if (found === undefined) {
    throw unknownActivation(context, setting);
  }
  return (value) => found(context.builder, value);
}

/** The value after the activation that a setting of the layer names; `linear` where it has none. */
export function activate(context: LayerContext, x: KerasTensor, key = "activation"): KerasTensor {
  return applyActivation(context, x, context.layer.raw(key) ?? "linear");
}

/** The value after an activation: its name, or a layer in its place (`activation=LeakyReLU()`). */
export function applyActivation(context: LayerContext, x: KerasTensor, setting: Json): KerasTensor {
  if (typeof setting === "string") {
    const found = findElementwise(context, setting);
    if (found) {
      return context.like(x, found(context.builder, x.value));
    }
    const op = Object.hasOwn(alongLast, setting) ? alongLast[setting] : undefined;
    if (op !== undefined) {
      return softmax(context, x, op, x.shape.length - 1);
    }
    if (setting === "glu") {
      return gatedLinear(context, x);
    }
  } else if (isLayer(setting)) {
    const layer = new LayerConfig(setting, context.layer.file);
    const call = { args: [x], kwargs: {} };
    const [y] = context.apply(layer, { attributes: ["activation"], names: [layer.name] }, call);
    if (y !== undefined) {
      return y;
    }
  }
  throw unknownActivation(context, setting);
}

/** Softmax or LogSoftmax over one Keras axis. */
export function softmax(
  context: LayerContext,
  x: KerasTensor,
  op: string,
  axis: number,
): KerasTensor {
  return context.like(x, context.builder.op(op, [x.value], { axis: x.order.indexOf(axis) }));
}

/** First half of the last axis times the sigmoid of the second. */
function gatedLinear(context: LayerContext, x: KerasTensor): KerasTensor {
  const { builder } = context;
  const width = x.shape.at(-1);
  if (typeof width !== "number" || width % 2 !== 0) {
    throw context.error("The activation glu needs an even size of the last axis.");
  }
  const [left = "", right = ""] = builder.ops("Split", [context.plain(x)], 2, {
    axis: x.shape.length - 1,
    num_outputs: 2,
  });
  return context.tensor(
    builder.mul(left, builder.op("Sigmoid", [right])),
    x.shape.with(-1, width / 2),
    { mask: x.mask },
  );
}

function findElementwise({ version }: LayerContext, name: string): Elementwise | undefined {
  const table = version === 2 && Object.hasOwn(ofKeras2, name) ? ofKeras2 : elementwiseFunctions;
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isLayer(setting: Json): boolean {
  return (
    typeof setting === "object" &&
    setting !== null &&
    "class_name" in setting &&
    setting["class_name"] !== "function"
  );
}

function unknownActivation(context: LayerContext, setting: unknown): Error {
  const name = typeof setting === "string" ? setting : JSON.stringify(setting ?? null).slice(0, 80);
  return context.error(
    `The activation ${name} is not read.`,
    "Use an activation of Keras by its name and save the model again, or export the model to ONNX.",
  );
}
