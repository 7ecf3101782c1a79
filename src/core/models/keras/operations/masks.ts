import type { KerasTensor, LayerContext } from "../layer.ts";
import { maskAsFloat } from "../masks.ts";
import type { Arguments } from "./arguments.ts";
import type { Operation } from "./operation.ts";

/** Operations that Keras 3 writes where layers with several inputs compute a mask. */
export const masks: Readonly<Record<string, Operation>> = {
  any: reduced("ReduceMax"),
  all: reduced("ReduceMin"),
  zeros_like: (context, args) => filled(context, args, false),
  ones_like: (context, args) => filled(context, args, true),
};

/** Whether any, or all, of a bool value along one axis is true. */
function reduced(op: "ReduceMax" | "ReduceMin"): Operation {
  return (context, args) => {
    const { builder } = context;
    const x = args.tensor(0, "x");
    const axes = args.ints(1, "axis");
    const keepdims = args.bool(2, "keepdims", false);
    const [given] = axes ?? [];
    if (given === undefined || axes?.length !== 1 || x.dtype !== "bool") {
      throw context.error(
        "The operation is read for one axis of a mask alone.",
        "Compare with a number first, or export the model to ONNX.",
      );
    }
    const axis = given < 0 ? given + x.shape.length : given;
    const inputs = [maskAsFloat(builder, context.plain(x)), builder.ints([axis])];
    const most = builder.op(op, inputs, { keepdims: keepdims ? 1 : 0 });
    const shape = keepdims ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1);
    return context.tensor(builder.op("Greater", [most, builder.scalar(0)]), shape, {
      dtype: "bool",
    });
  };
}

/** True or false everywhere, in the shape of a value: nothing is less than itself. */
function filled(context: LayerContext, args: Arguments, isTrue: boolean): KerasTensor {
  const { builder } = context;
  const x = args.tensor(0, "x");
  const dtype = args.get(1, "dtype") ?? x.dtype;
  if (dtype !== "bool") {
    throw context.error(
      `The operation makes values of the type ${String(dtype)} in the shape of another one, which is not read.`,
      "Use the other value times 0 in its place and save the model again.",
    );
  }
  const numbers = x.dtype === "bool" ? maskAsFloat(builder, context.plain(x)) : context.plain(x);
  const none = builder.op("Less", [numbers, numbers]);
  return context.tensor(isTrue ? builder.op("Not", [none]) : none, x.shape, { dtype: "bool" });
}
