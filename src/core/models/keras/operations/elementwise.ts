import { float } from "../../../graph/builder.ts";
import { elementwiseFunctions, gelu } from "../activations.ts";
import type { KerasTensor, LayerContext } from "../layer.ts";
import { broadcastShape } from "../shapes.ts";
import type { Arguments } from "./arguments.ts";
import type { OperationFamily } from "./operation.ts";

/** The operator on values of one shape or of shapes that broadcast, the axes left as they are where they agree. */
export function broadcast(
  context: LayerContext,
  inputs: readonly KerasTensor[],
  make: (values: readonly string[]) => string,
  dtype?: KerasTensor["dtype"],
): KerasTensor {
  const wide = inputs.filter(({ shape }) => shape.length > 0);
  const [first] = wide;
  const isAlike = wide.every(({ order }) => order.join() === first?.order.join());
  const values = inputs.map((input) =>
    isAlike || input.shape.length === 0 ? input.value : context.plain(input),
  );
  const shape = broadcastShape(inputs.map((input) => input.shape));
  return context.tensor(make(values), shape, {
    ...(isAlike && first ? { order: first.order } : {}),
    dtype: dtype ?? inputs.find((input) => input.shape.length > 0)?.dtype ?? "float32",
  });
}

function binary(op: string, dtype?: "bool"): OperationFamily[string] {
  return (context, args) => {
    const left = args.tensor(0, "x1", "x");
    const right = args.tensor(1, "x2", "y");
    return broadcast(context, [left, right], (values) => context.builder.op(op, values), dtype);
  };
}

type Unary = (context: LayerContext, x: string, args: Arguments) => string;

function unary(make: Unary): OperationFamily[string] {
  return (context, args) => {
    const x = args.tensor(0, "x", "features", "input", "logits");
    const { mask: _, ...unmasked } = x;
    return context.like(unmasked, make(context, x.value, args));
  };
}

const plain = (op: string): OperationFamily[string] =>
  unary(({ builder }, x) => builder.op(op, [x]));

const activations: OperationFamily = Object.fromEntries(
  Object.entries(elementwiseFunctions).map(([name, make]) => [
    name,
    unary(({ builder }, x) => make(builder, x)),
  ]),
);

/** Operations on each element by itself. */
export const elementwise: OperationFamily = {
  ...activations,
  abs: plain("Abs"),
  absolute: plain("Abs"),
  negative: plain("Neg"),
  neg: plain("Neg"),
  exp: plain("Exp"),
  log: plain("Log"),
  sqrt: plain("Sqrt"),
  reciprocal: plain("Reciprocal"),
  sin: plain("Sin"),
  cos: plain("Cos"),
  tan: plain("Tan"),
  arctan: plain("Atan"),
  atan: plain("Atan"),
  sinh: plain("Sinh"),
  cosh: plain("Cosh"),
  erf: plain("Erf"),
  sign: plain("Sign"),
  floor: plain("Floor"),
  ceil: plain("Ceil"),
  square: unary(({ builder }, x) => builder.mul(x, x)),
  rsqrt: unary(({ builder }, x) => builder.op("Reciprocal", [builder.op("Sqrt", [x])])),
  log1p: unary(({ builder }, x) => builder.op("Log", [builder.add2(x, builder.scalar(1))])),
  expm1: unary(({ builder }, x) => builder.sub(builder.op("Exp", [x]), builder.scalar(1))),
  identity: unary((_, x) => x),
  logical_not: plain("Not"),
  leaky_relu: unary(({ builder }, x, args) => {
    const slope = args.get(1, "negative_slope", "alpha") ?? 0.2;
    return builder.op("LeakyRelu", [x], { alpha: float(Number(slope)) });
  }),
  elu: unary(({ builder }, x, args) =>
    builder.op("Elu", [x], { alpha: float(args.number(1, "alpha", 1)) }),
  ),
  gelu: unary(({ builder, version }, x, args) =>
    gelu(builder, x, args.bool(1, "approximate", version === 3)),
  ),
  clip: unary(clip),
  clip_by_value: unary(clip),

  add: binary("Add"),
  addv2: binary("Add"),
  subtract: binary("Sub"),
  sub: binary("Sub"),
  multiply: binary("Mul"),
  mul: binary("Mul"),
  divide: binary("Div"),
  true_divide: binary("Div"),
  truediv: binary("Div"),
  realdiv: binary("Div"),
  power: binary("Pow"),
  pow: binary("Pow"),
  maximum: binary("Max"),
  minimum: binary("Min"),
  squared_difference: (context, args) => {
    const both = [args.tensor(0, "x1", "x"), args.tensor(1, "x2", "y")];
    return broadcast(context, both, (values) => {
      const difference = context.builder.op("Sub", values);
      return context.builder.mul(difference, difference);
    });
  },
  greater: binary("Greater", "bool"),
  greater_equal: binary("GreaterOrEqual", "bool"),
  less: binary("Less", "bool"),
  less_equal: binary("LessOrEqual", "bool"),
  equal: binary("Equal", "bool"),
  not_equal: (context, args) => {
    const both = [args.tensor(0, "x1", "x"), args.tensor(1, "x2", "y")];
    const { builder } = context;
    return broadcast(
      context,
      both,
      (values) => builder.op("Not", [builder.op("Equal", values)]),
      "bool",
    );
  },
  logical_and: binary("And", "bool"),
  logical_or: binary("Or", "bool"),

  where: (context, args) => {
    const condition = args.tensor(0, "condition");
    const both = [args.tensor(1, "x1", "x"), args.tensor(2, "x2", "y")];
    return broadcast(
      context,
      [condition, ...both],
      (values) => context.builder.op("Where", values),
      "float32",
    );
  },
};

function clip({ builder }: LayerContext, x: string, args: Arguments): string {
  const bounds = [args.get(1, "x_min", "clip_value_min"), args.get(2, "x_max", "clip_value_max")];
  return builder.op("Clip", [x, ...bounds.map((bound) => builder.scalar(Number(bound)))]);
}
