import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { axisOf } from "../reference/value.ts";
import { onHost } from "./host.ts";
import { transpose } from "./shape.ts";
import {
  type Kernel,
  type Kernels,
  like,
  need,
  numbers,
  reshape,
  type TensorFlow,
  type TfTensor,
  Value,
} from "./value.ts";

/** Reductions, and operators along one axis. */
export const reduce: Kernels = {
  ReduceSum: reduceBy((tf, x, axes, keep) => tf.sum(x, axes, keep)),
  ReduceMean: reduceBy((tf, x, axes, keep) => tf.mean(x, axes, keep)),
  ReduceMax: reduceBy((tf, x, axes, keep) => tf.max(x, axes, keep)),
  ReduceMin: reduceBy((tf, x, axes, keep) => tf.min(x, axes, keep)),
  ReduceProd: reduceBy((tf, x, axes, keep) => tf.prod(x, axes, keep)),
  ReduceL1: reduceBy((tf, x, axes, keep) => tf.sum(tf.abs(x), axes, keep)),
  ReduceL2: reduceBy((tf, x, axes, keep) => tf.sqrt(tf.sum(tf.square(x), axes, keep))),
  ReduceSumSquare: reduceBy((tf, x, axes, keep) => tf.sum(tf.square(x), axes, keep)),
  ReduceLogSum: reduceBy((tf, x, axes, keep) => tf.log(tf.sum(x, axes, keep))),
  ReduceLogSumExp: reduceBy((tf, x, axes, keep) => {
    const shift = finite(tf, tf.max(x, axes, true));
    const rest = tf.log(tf.sum(tf.exp(tf.sub(x, shift)), axes, keep));
    return tf.add(rest, tf.reshape(shift, rest.shape));
  }),

  ArgMax: argument((tf, x, axis) => tf.argMax(x, axis)),
  ArgMin: argument((tf, x, axis) => tf.argMin(x, axis)),

  Softmax: alongAxis(
    (tf, x) => tf.softmax(x),
    (tf, shifted, axis) => {
      const powers = tf.exp(shifted);
      return tf.div(powers, tf.sum(powers, axis, true));
    },
  ),
  LogSoftmax: alongAxis(
    (tf, x) => tf.logSoftmax(x),
    (tf, shifted, axis) => tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), axis, true))),
  ),

  CumSum: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const axis = axisOf(numbers(need(inputs, 1, node))?.[0] ?? 0, x.shape.length, node);
    const isExclusive = intAttribute(node, "exclusive", 0) !== 0;
    const isReverse = intAttribute(node, "reverse", 0) !== 0;
    return like(run, x, run.tf.cumsum(x.device, axis, isExclusive, isReverse));
  },

  TopK: (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const rank = x.shape.length;
    const axis = axisOf(intAttribute(node, "axis", -1), rank, node);
    const k = Math.min(numbers(need(inputs, 1, node))?.[0] ?? 0, x.shape[axis] ?? 1);
    const isLargest = intAttribute(node, "largest", 1) !== 0;
    const others = x.shape.map((_, each) => each).filter((each) => each !== axis);
    const last = transpose(run, x.device, [...others, axis]);
    const found = tf.topk(isLargest ? last : tf.neg(last), k, true);
    const back = x.shape.map((_, each) => (each === axis ? rank - 1 : others.indexOf(each)));
    const values = transpose(run, isLargest ? found.values : tf.neg(found.values), back);
    const indices = transpose(run, found.indices, back);
    return [like(run, x, values), Value.ofDevice(tf, "int64", indices)];
  },
};

/** Reduces the axes that an input or attribute names; all of them, or none if it says so, when none is named. */
function reduceBy(
  f: (tf: TensorFlow, x: TfTensor, axes: number[], keep: boolean) => TfTensor,
): Kernel {
  return (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const named = numbers(inputs[1]) ?? [...(intsAttribute(node, "axes") ?? [])];
    const every = x.shape.map((_, axis) => axis);
    const unnamed = intAttribute(node, "noop_with_empty_axes", 0) === 0 ? every : [];
    const axes =
      named.length === 0 ? unnamed : named.map((axis) => axisOf(axis, x.shape.length, node));
    // TensorFlow has no maximum of truths.
    if (x.shape.includes(0) || x.dtype === "bool") {
      return onHost(inputs, node, run);
    }
    if (axes.length === 0) {
      // Each element is a sum of one.
      const single = reshape(run, x.device, [...x.shape, 1]);
      return like(run, x, f(run.tf, single, [x.shape.length], false));
    }
    const keep = intAttribute(node, "keepdims", 1) !== 0;
    return like(run, x, f(run.tf, x.device, axes, keep));
  };
}

function argument(f: (tf: TensorFlow, x: TfTensor, axis: number) => TfTensor): Kernel {
  return (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", 0), x.shape.length, node);
    const isLast = intAttribute(node, "select_last_index", 0) !== 0;
    const found = f(tf, isLast ? tf.reverse(x.device, axis) : x.device, axis);
    const index = isLast ? tf.sub(tf.scalar((x.shape[axis] ?? 1) - 1, "int32"), found) : found;
    const keep = intAttribute(node, "keepdims", 1) !== 0;
    return Value.ofDevice(tf, "int64", keep ? tf.expandDims(index, axis) : index);
  };
}

/** tfjs has these operators for the last axis; for others they are written out. */
function alongAxis(
  last: (tf: TensorFlow, x: TfTensor) => TfTensor,
  other: (tf: TensorFlow, shifted: TfTensor, axis: number) => TfTensor,
): Kernel {
  return (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", -1), x.shape.length, node);
    const result =
      axis === x.shape.length - 1
        ? last(tf, x.device)
        : other(tf, tf.sub(x.device, finite(tf, tf.max(x.device, axis, true))), axis);
    return like(run, x, result);
  };
}

/** Infinities as 0: what is subtracted before exp must be a number. */
function finite(tf: TensorFlow, x: TfTensor): TfTensor {
  return tf.where(tf.isFinite(x), x, 0);
}
