import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import {
  around,
  axisOf,
  type Kernel,
  type Kernels,
  need,
  numbers,
  strided,
  stridesOf,
  value,
} from "./value.ts";

/** Reductions, and operators along one axis. */
export const reduce: Kernels = {
  ReduceSum: reduceBy(sum),
  ReduceMean: reduceBy((line) => sum(line) / line.length),
  ReduceMax: reduceBy((line) => line.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)),
  ReduceMin: reduceBy((line) => line.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)),
  ReduceProd: reduceBy((line) => line.reduce((a, b) => a * b, 1)),
  ReduceL1: reduceBy((line) => sum(line.map(Math.abs))),
  ReduceL2: reduceBy((line) => Math.sqrt(sum(line.map((x) => x * x)))),
  ReduceSumSquare: reduceBy((line) => sum(line.map((x) => x * x))),
  ReduceLogSum: reduceBy((line) => Math.log(sum(line))),
  ReduceLogSumExp: reduceBy(logSumExp),

  ArgMax: argument((a, b) => a > b),
  ArgMin: argument((a, b) => a < b),

  Softmax: alongAxis((line) => {
    const log = logSumExp(line);
    return line.map((x) => Math.exp(x - log));
  }),
  LogSoftmax: alongAxis((line) => {
    const log = logSumExp(line);
    return line.map((x) => x - log);
  }),

  CumSum: (inputs, node) => {
    const x = need(inputs, 0, node);
    const axis = axisOf(need(inputs, 1, node).data[0] ?? 0, x.shape.length, node);
    const exclusive = intAttribute(node, "exclusive", 0) !== 0;
    const reverse = intAttribute(node, "reverse", 0) !== 0;
    const data = eachLine(x.data, x.shape, axis, (line) => {
      const ordered = reverse ? line.toReversed() : line;
      let total = 0;
      const sums = ordered.map((element) => {
        total += element;
        return exclusive ? total - element : total;
      });
      return reverse ? sums.toReversed() : sums;
    });
    return { ...x, data };
  },

  TopK: (inputs, node) => {
    const x = need(inputs, 0, node);
    const k = need(inputs, 1, node).data[0] ?? 0;
    const axis = axisOf(intAttribute(node, "axis", -1), x.shape.length, node);
    const sign = intAttribute(node, "largest", 1) !== 0 ? -1 : 1;
    const shape = x.shape.map((size, index) => (index === axis ? Math.min(k, size) : size));
    const order = (line: Float64Array) =>
      Array.from(line, (_, index) => index)
        .sort((a, b) => sign * ((line[a] ?? 0) - (line[b] ?? 0)) || a - b)
        .slice(0, k);
    const pick = (choose: (line: Float64Array, index: number) => number) =>
      eachLine(x.data, x.shape, axis, (line) =>
        Float64Array.from(order(line), (index) => choose(line, index)),
      );
    return [
      value(
        x.dtype,
        shape,
        pick((line, index) => line[index] ?? 0),
      ),
      value(
        "int64",
        shape,
        pick((_, index) => index),
      ),
    ];
  },
};

function sum(line: Float64Array): number {
  return line.reduce((total, x) => total + x, 0);
}

function logSumExp(line: Float64Array): number {
  const most = line.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return Math.abs(most) === Number.POSITIVE_INFINITY
    ? most
    : most + Math.log(sum(line.map((x) => Math.exp(x - most))));
}

/** Reduces the axes that an input or attribute names; all of them, or none if it says so, when none is named. */
function reduceBy(combine: (line: Float64Array) => number): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    const given = numbers(inputs[1]) ?? intsAttribute(node, "axes") ?? [];
    const every = x.shape.map((_, axis) => axis);
    const unnamed = intAttribute(node, "noop_with_empty_axes", 0) === 0 ? every : [];
    const axes =
      given.length === 0 ? unnamed : given.map((axis) => axisOf(axis, x.shape.length, node));
    const kept = every.filter((axis) => !axes.includes(axis));
    const gone = every.filter((axis) => axes.includes(axis));
    const order = [...kept, ...gone];
    const own = stridesOf(x.shape);
    const lines = strided(
      x.data,
      order.map((axis) => x.shape[axis] ?? 1),
      order.map((axis) => own[axis] ?? 1),
    );
    const width = sizeOf(gone.map((axis) => x.shape[axis] ?? 1));
    const keep = intAttribute(node, "keepdims", 1) !== 0;
    const shape = x.shape.flatMap((size, axis) =>
      axes.includes(axis) ? (keep ? [1] : []) : [size],
    );
    const out = new Float64Array(sizeOf(shape));
    return value(
      x.dtype,
      shape,
      out.map((_, row) => combine(lines.subarray(row * width, (row + 1) * width))),
    );
  };
}

function argument(better: (a: number, b: number) => boolean): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", 0), x.shape.length, node);
    const last = intAttribute(node, "select_last_index", 0) !== 0;
    const keep = intAttribute(node, "keepdims", 1) !== 0;
    const data = eachLine(x.data, x.shape, axis, (line) => {
      let best = 0;
      line.forEach((element, index) => {
        const current = line[best] ?? 0;
        best = better(element, current) || (last && element === current) ? index : best;
      });
      return Float64Array.of(best);
    });
    const shape = x.shape.flatMap((size, index) => (index === axis ? (keep ? [1] : []) : [size]));
    return value("int64", shape, data);
  };
}

function alongAxis(f: (line: Float64Array) => Float64Array): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", -1), x.shape.length, node);
    return { ...x, data: eachLine(x.data, x.shape, axis, f) };
  };
}

/** Replaces every line along an axis by a line of one other length. */
function eachLine(
  data: Float64Array,
  shape: Shape,
  axis: number,
  f: (line: Float64Array) => Float64Array,
): Float64Array {
  const [before, size, after] = around(shape, axis);
  const line = new Float64Array(size);
  let out = new Float64Array(0);
  for (let at = 0; at < before * after; at++) {
    const row = Math.floor(at / after);
    const column = at % after;
    for (let index = 0; index < size; index++) {
      line[index] = data[(row * size + index) * after + column] as number;
    }
    const result = f(line);
    if (at === 0) {
      out = new Float64Array(before * after * result.length);
    }
    result.forEach((element, index) => {
      out[(row * result.length + index) * after + column] = element;
    });
  }
  return out;
}
