import { encodeType } from "../../../graph/onnx-tensors.ts";
import { softmax } from "../activations.ts";
import type { KerasShape, KerasTensor, LayerContext } from "../layer.ts";
import { unitLength } from "../layers/normalisation.ts";
import { broadcastShape, fixedSize, positiveAxis, reshaped } from "../shapes.ts";
import { type Arguments, indices } from "./arguments.ts";
import { broadcast } from "./elementwise.ts";
import { getItem } from "./get-item.ts";
import type { Operation, OperationFamily } from "./operation.ts";

/** Names that Keras and TensorFlow give the main argument. */
const main = ["x", "input", "a", "input_tensor", "tensor", "value", "logits"] as const;

function axisOf(context: LayerContext, args: Arguments, rank: number, fallback = -1): number {
  const [axis = fallback] = args.ints(1, "axis", "dim") ?? [];
  return positiveAxis(context, axis, rank);
}

/** A reduction over some axes; over the examples of a batch it would mix them. */
function reduction(op: string): Operation {
  return (context, args) => {
    const x = args.tensor(0, ...main);
    const rank = x.shape.length;
    const given = args.ints(1, "axis");
    const keepdims = args.bool(2, "keepdims", false);
    const axes = (given ?? x.shape.map((_, axis) => axis)).map((axis) =>
      positiveAxis(context, axis, rank),
    );
    if (axes.includes(0)) {
      throw context.error(
        "The operation reduces the axis of the examples, so that they would depend on each other.",
        "Leave the first axis out (axis=...).",
      );
    }
    const value = context.builder.op(op, [context.plain(x), context.builder.ints(axes)], {
      keepdims: keepdims ? 1 : 0,
    });
    const shape = x.shape.flatMap((size, axis) =>
      axes.includes(axis) ? (keepdims ? [1] : []) : [size],
    );
    return context.tensor(value, shape);
  };
}

function concatenate(context: LayerContext, inputs: readonly KerasTensor[], axis: number) {
  const value = context.builder.op(
    "Concat",
    inputs.map((input) => context.plain(input)),
    { axis },
  );
  const sizes = inputs.map(({ shape }) => shape[axis] ?? null);
  const total = sizes.includes(null)
    ? null
    : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const shape = broadcastShape(inputs.map((input) => input.shape)).with(axis, total);
  return context.tensor(value, shape, { dtype: inputs[0]?.dtype ?? "float32" });
}

function expanded(context: LayerContext, x: KerasTensor, axis: number): KerasTensor {
  const at = positiveAxis(context, axis, x.shape.length + 1);
  const value = context.builder.op("Unsqueeze", [context.plain(x), context.builder.ints([at])]);
  return context.tensor(value, x.shape.toSpliced(at, 0, 1), { dtype: x.dtype });
}

const transpose: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const reversed = x.shape.map((_, axis) => axis).reverse();
  const order = (args.ints(1, "axes", "perm") ?? reversed).map((axis) =>
    positiveAxis(context, axis, x.shape.length),
  );
  return context.tensor(
    context.ordered(x, order),
    order.map((axis) => x.shape[axis] ?? null),
    { dtype: x.dtype },
  );
};

const reshape: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const target = args.ints(1, "newshape", "shape") ?? [];
  const shape = reshapedTo(context, x.shape, target);
  return context.tensor(reshaped(context, context.plain(x), shape), shape, { dtype: x.dtype });
};

/** The target with the batch open again: written as -1, or worked out where another size is -1. */
function reshapedTo(
  context: LayerContext,
  from: KerasShape,
  target: readonly number[],
): KerasShape {
  const [first, ...rest] = target;
  const known = from.slice(1);
  const total = known.includes(null)
    ? undefined
    : known.reduce<number>((product, size) => product * (size ?? 1), 1);
  const product = rest.filter((size) => size !== -1).reduce((all, size) => all * size, 1);
  if (first === -1 && total === product && !rest.includes(-1)) {
    return [null, ...rest];
  }
  throw context.error(
    `The reshape to [${target.join(", ")}] does not keep the examples on the first axis.`,
    "Use keras.layers.Reshape, or -1 for the first axis.",
  );
}

const expandDims: Operation = (context, args) =>
  expanded(context, args.tensor(0, ...main), args.ints(1, "axis", "dim")?.[0] ?? -1);

const squeeze: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const rank = x.shape.length;
  const ones = x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const axes = (args.ints(1, "axis", "squeeze_dims") ?? ones).map((axis) =>
    positiveAxis(context, axis, rank),
  );
  const value = context.builder.op("Squeeze", [context.plain(x), context.builder.ints(axes)]);
  return context.tensor(
    value,
    x.shape.filter((_, axis) => !axes.includes(axis)),
    { dtype: x.dtype },
  );
};

const concat: Operation = (context, args) => {
  const inputs = args.tensors(0, "xs", "values", "arrays");
  return concatenate(context, inputs, axisOf(context, args, inputs[0]?.shape.length ?? 1, 0));
};

const stack: Operation = (context, args) => {
  const inputs = args.tensors(0, "x", "values", "arrays");
  const axis = axisOf(context, args, (inputs[0]?.shape.length ?? 0) + 1, 0);
  return concatenate(
    context,
    inputs.map((input) => expanded(context, input, axis)),
    axis,
  );
};

/** Parts along an axis: so many equal ones, of these sizes (TensorFlow), or cut at these places (Keras 3). */
const split: Operation = (context, args) => {
  const x = args.tensor(0, "x", "value");
  const places = args.get(1, "indices_or_sections", "num_or_size_splits");
  const [given = 0] = args.ints(2, "axis") ?? [];
  const axis = positiveAxis(context, given, x.shape.length);
  const total = fixedSize(context, x, axis);
  const list = Array.isArray(places) ? places.map(Number) : undefined;
  const count = Number(places);
  const sizes =
    list === undefined
      ? Array.from({ length: count }, () => total / count)
      : context.version === 3
        ? [...list, total].map((end, index) => end - (list[index - 1] ?? 0))
        : list;
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw context.error("The operation splits an axis into parts that do not fit.");
  }
  const parts = context.builder.ops(
    "Split",
    [context.plain(x), context.builder.ints(sizes)],
    sizes.length,
    { axis },
  );
  return parts.map((part, index) =>
    context.tensor(part, x.shape.with(axis, sizes[index] ?? null), { dtype: x.dtype }),
  );
};

const matmul: Operation = (context, args) => {
  const turned = (x: KerasTensor, isTurned: boolean): KerasTensor => {
    const rank = x.shape.length;
    const order = x.shape.map((_, axis) =>
      isTurned && axis >= rank - 2 ? 2 * rank - 3 - axis : axis,
    );
    return context.tensor(
      context.ordered(x, order),
      order.map((axis) => x.shape[axis] ?? null),
    );
  };
  const a = turned(args.tensor(0, "x1", "a"), args.bool(2, "transpose_a", false));
  const b = turned(args.tensor(1, "x2", "b"), args.bool(3, "transpose_b", false));
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw context.error("The product needs values of two axes or more.");
  }
  const rows = [...a.shape.slice(0, -1), 1];
  const columns = [...b.shape.slice(0, -2), 1, b.shape.at(-1) ?? null];
  return context.tensor(context.builder.matmul(a.value, b.value), broadcastShape([rows, columns]));
};

const repeat: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const count = args.number(1, "repeats");
  const [given] = args.ints(2, "axis") ?? [];
  if (given === undefined) {
    throw context.error("The operation repeats elements without an axis.", "Give it an axis.");
  }
  const axis = positiveAxis(context, given, x.shape.length);
  const size = fixedSize(context, x, axis);
  const each = Array.from({ length: size * count }, (_, index) => Math.floor(index / count));
  const value = context.builder.op(
    "Gather",
    [context.plain(x), indices(context, [each.length], each)],
    { axis },
  );
  return context.tensor(value, x.shape.with(axis, size * count), { dtype: x.dtype });
};

const cast: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const name = args.get(1, "dtype");
  const known = ["float32", "float64", "float16", "bfloat16", "int32", "int64", "bool"] as const;
  const dtype = known.find((item) => item === name);
  if (dtype === undefined) {
    throw context.error(`The operation converts to ${String(name)}, which is not read.`);
  }
  const to = dtype.includes("float") ? "float32" : dtype;
  return x.dtype === to
    ? x
    : {
        ...context.like(x, context.builder.op("Cast", [x.value], { to: encodeType(to) })),
        dtype: to,
      };
};

const normalize: Operation = (context, args) => {
  const x = args.tensor(0, ...main);
  const axes = (args.ints(1, "axis") ?? [-1]).map((axis) =>
    positiveAxis(context, axis, x.shape.length),
  );
  if (args.number(2, "order", 2) !== 2) {
    throw context.error("Only the Euclidean length is read.");
  }
  const epsilon = args.number(3, "epsilon", context.version === 3 ? 1e-7 : 1e-12);
  const least = context.version === 3 ? epsilon : Math.sqrt(epsilon);
  return context.tensor(unitLength(context, context.plain(x), axes, least), x.shape);
};

/** Operations on shapes, and products and sums along axes. */
export const shapes: OperationFamily = {
  transpose,
  reshape,
  expand_dims: expandDims,
  squeeze,
  concatenate: concat,
  concat,
  stack,
  split,
  matmul,
  batch_mat_mul: matmul,
  get_item: getItem,
  getitem: getItem,
  repeat,
  cast,
  normalize,
  l2_normalize: normalize,
  convert_to_tensor: (_, args) => args.tensor(0, ...main),
  softmax: (context, args) => {
    const x = args.tensor(0, ...main);
    return softmax(context, x, "Softmax", axisOf(context, args, x.shape.length));
  },
  log_softmax: (context, args) => {
    const x = args.tensor(0, ...main);
    return softmax(context, x, "LogSoftmax", axisOf(context, args, x.shape.length));
  },
  sum: reduction("ReduceSum"),
  reduce_sum: reduction("ReduceSum"),
  mean: reduction("ReduceMean"),
  reduce_mean: reduction("ReduceMean"),
  max: reduction("ReduceMax"),
  reduce_max: reduction("ReduceMax"),
  min: reduction("ReduceMin"),
  reduce_min: reduction("ReduceMin"),
  prod: reduction("ReduceProd"),
  reduce_prod: reduction("ReduceProd"),
  logsumexp: reduction("ReduceLogSumExp"),
  reduce_logsumexp: reduction("ReduceLogSumExp"),
  add_n: (context, args) => {
    const inputs = args.tensors(0, "inputs");
    return broadcast(context, inputs, (values) =>
      values.reduce((left, right) => context.builder.add2(left, right)),
    );
  },
};
