import type { DataType, Tensor } from "../../../graph/tensor.ts";
import type { CallArgument, KerasShape, KerasTensor, LayerContext, LayerFamily } from "../layer.ts";
import { maskAsFloat, unsqueeze } from "../masks.ts";
import { isTensor } from "../references.ts";
import { theInput } from "../shapes.ts";

/**
 * Operations of keras.ops that Keras 3 writes among the layers of a functional model where layers compute masks:
 * `Embedding(mask_zero=True)` leaves a NotEqual behind, `Masking` an Any, `Add` a LogicalOr, `Concatenate` several.
 */
export const maskOperations: LayerFamily = {
  NotEqual: (context) => {
    const { builder } = context;
    const [a, b] = operands(context);
    const equal = builder.op("Equal", [a.value, b.value]);
    return context.tensor(builder.op("Not", [equal]), larger(a, b), { dtype: "bool" });
  },
  LogicalOr: logical("Or"),
  LogicalAnd: logical("And"),
  LogicalNot: (context) => {
    const x = theInput(context);
    return context.like(x, context.builder.op("Not", [x.value]));
  },
  Any: reduced("ReduceMax"),
  All: reduced("ReduceMin"),
  ExpandDims: (context) => {
    const x = theInput(context);
    const rank = x.shape.length + 1;
    const given = context.layer.int("axis");
    const axis = given < 0 ? given + rank : given;
    const value = unsqueeze(context.builder, context.plain(x), [axis]);
    return context.tensor(value, x.shape.toSpliced(axis, 0, 1), { dtype: x.dtype });
  },
  ZerosLike: (context) => filled(context, false),
  OnesLike: (context) => filled(context, true),
  ConvertToTensor: (context) => {
    const x = theInput(context);
    const dtype = context.layer.raw("dtype");
    if (dtype !== undefined && dtype !== x.dtype) {
      throw context.error(
        `The operation changes ${x.dtype} to ${String(dtype)}, which is not read.`,
        "Use keras.ops.cast in its place and save the model again.",
      );
    }
    return x;
  },
};

interface Operand {
  readonly value: string;
  readonly shape: KerasShape;
}

/** The two operands; a number becomes a constant of the other one's type. */
function operands(context: LayerContext): readonly [Operand, Operand] {
  const { args, kwargs } = context.call;
  const [a = kwargs["x1"], b = kwargs["x2"]] = args;
  const type = [a, b].find(isTensor)?.dtype ?? "float32";
  return [operand(context, a, type), operand(context, b, type)];
}

function operand(context: LayerContext, given: CallArgument | undefined, type: DataType): Operand {
  if (isTensor(given)) {
    return { value: context.plain(given), shape: given.shape };
  }
  if (typeof given === "number" || typeof given === "boolean") {
    return { value: context.builder.constant(single(Number(given), type)), shape: [] };
  }
  throw context.error(
    "An operand of the operation is neither a tensor nor a number.",
    "Save the model again with Keras.",
  );
}

/** A number as tensor of rank 0. */
function single(value: number, dtype: DataType): Tensor {
  switch (dtype) {
    case "int64":
      return { dtype, shape: [], data: BigInt64Array.of(BigInt(value)) };
    case "int32":
      return { dtype, shape: [], data: Int32Array.of(value) };
    case "bool":
      return { dtype, shape: [], data: Uint8Array.of(value) };
    default:
      return { dtype: "float32", shape: [], data: Float32Array.of(value) };
  }
}

/** The shape that two operands broadcast to. */
function larger({ shape: a }: Operand, { shape: b }: Operand): KerasShape {
  const [long, short] = a.length < b.length ? [b, a] : [a, b];
  return long.map((size, axis) => {
    const other = short[axis - long.length + short.length];
    return size === 1 && other !== undefined ? other : size;
  });
}

function logical(op: "Or" | "And"): LayerFamily[string] {
  return (context) => {
    const [a, b] = operands(context);
    return context.tensor(context.builder.op(op, [a.value, b.value]), larger(a, b), {
      dtype: "bool",
    });
  };
}

/** Any or all of a bool value along one axis. */
function reduced(op: "ReduceMax" | "ReduceMin"): LayerFamily[string] {
  return (context) => {
    const { builder, layer } = context;
    const x = theInput(context);
    const given = layer.int("axis");
    const axis = given < 0 ? given + x.shape.length : given;
    const keepdims = layer.bool("keepdims", false);
    const inputs = [maskAsFloat(builder, context.plain(x)), builder.ints([axis])];
    const most = builder.op(op, inputs, { keepdims: keepdims ? 1 : 0 });
    const shape = keepdims ? x.shape.with(axis, 1) : x.shape.toSpliced(axis, 1);
    return context.tensor(builder.op("Greater", [most, builder.scalar(0)]), shape, {
      dtype: "bool",
    });
  };
}

/** True or false everywhere, in the shape of a value: nothing is less than itself. */
function filled(context: LayerContext, isTrue: boolean): KerasTensor {
  const { builder, layer } = context;
  const x = theInput(context);
  if (layer.raw("dtype") !== "bool") {
    throw context.error(
      "The operation makes numbers in the shape of a value, which is not read.",
      "Use the value times 0 in its place and save the model again.",
    );
  }
  const plain = context.plain(x);
  const numbers = x.dtype === "bool" ? maskAsFloat(builder, plain) : plain;
  const none = builder.op("Less", [numbers, numbers]);
  return context.tensor(isTrue ? builder.op("Not", [none]) : none, x.shape, { dtype: "bool" });
}
