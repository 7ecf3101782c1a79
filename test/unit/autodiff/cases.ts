import { float } from "../../../src/core/graph/builder.ts";
import { bool, int64, type Shape, sizeOf } from "../../../src/core/graph/tensor.ts";
import {
  awayFromZero,
  chance,
  integer,
  oneOf,
  permutation,
  positive,
  shape,
  smaller,
  subset,
  tensor,
} from "./draw.ts";
import { type Draw, float64, type OperatorCase } from "./harness.ts";

/** For every operator of the table of rules a generator of random cases. */
export const cases: Readonly<Record<string, (draw: Draw) => OperatorCase>> = {
  Add: binary(tensor),
  Sub: binary(tensor),
  Mul: binary(tensor),
  Div: binary(awayFromZero),
  Sum: (draw) => {
    const to = shape(draw);
    const inputs = [tensor(draw, to), tensor(draw, smaller(draw, to)), tensor(draw, to)];
    return { inputs, checked: [0, 1, 2] };
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
    if (chance(draw)) {
      const exponents = tensor(draw, smaller(draw, to));
      return { inputs: [positive(draw, to), exponents], checked: [0] };
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

  MatMul: (draw) => {
    const [rows, inner, columns] = [1, 2, 3].map(() => integer(draw, 1, 4)) as [
      number,
      number,
      number,
    ];
    const batch = shape(draw, 0, 2, 3);
    const left = chance(draw) ? batch : smaller(draw, batch);
    const right = chance(draw) ? smaller(draw, batch) : chance(draw) ? [] : batch;
    const a = integer(draw, 0, 5) === 0 ? [inner] : [...left, rows, inner];
    const b = integer(draw, 0, 5) === 0 ? [inner] : [...right, inner, columns];
    return { inputs: [tensor(draw, a), tensor(draw, b)], checked: [0, 1] };
  },
  Gemm: (draw) => {
    const [rows, inner, columns] = [1, 2, 3].map(() => integer(draw, 1, 5)) as [
      number,
      number,
      number,
    ];
    const [transA, transB] = [Number(chance(draw)), Number(chance(draw))];
    const a = transA ? [inner, rows] : [rows, inner];
    const b = transB ? [columns, inner] : [inner, columns];
    const c = chance(draw) ? tensor(draw, smaller(draw, [rows, columns])) : undefined;
    return {
      inputs: [tensor(draw, a), tensor(draw, b), ...(c ? [c] : [])],
      checked: c ? [0, 1, 2] : [0, 1],
      attributes: {
        transA,
        transB,
        alpha: float(oneOf(draw, [1, 0.5])),
        beta: float(oneOf(draw, [1, 2])),
      },
    };
  },

  Conv: (draw) => {
    const rank = integer(draw, 1, 2);
    const groups = integer(draw, 1, 3);
    const window = slidingWindow(draw, rank, true);
    const channels = groups * integer(draw, 1, 2);
    const outputs = groups * integer(draw, 1, 2);
    const x = tensor(draw, [integer(draw, 1, 2), channels, ...window.size]);
    const w = tensor(draw, [outputs, channels / groups, ...window.kernel]);
    const b = chance(draw) ? [tensor(draw, [outputs])] : [];
    return {
      inputs: [x, w, ...b],
      checked: b.length > 0 ? [0, 1, 2] : [0, 1],
      attributes: { ...window.attributes, group: groups },
    };
  },
  MaxPool: (draw) => {
    const window = slidingWindow(draw, integer(draw, 1, 2), true);
    const ceil = window.mayRoundUp && chance(draw) ? { ceil_mode: 1 } : {};
    return {
      inputs: [tensor(draw, [integer(draw, 1, 2), integer(draw, 1, 2), ...window.size])],
      checked: [0],
      attributes: { ...window.attributes, ...ceil },
    };
  },
  AveragePool: (draw) => {
    const window = slidingWindow(draw, integer(draw, 1, 2), false);
    const ceil = window.mayRoundUp && chance(draw) ? { ceil_mode: 1 } : {};
    return {
      inputs: [tensor(draw, [integer(draw, 1, 2), integer(draw, 1, 2), ...window.size])],
      checked: [0],
      attributes: { ...window.attributes, ...ceil, count_include_pad: Number(chance(draw)) },
    };
  },
  GlobalAveragePool: (draw) => ({ inputs: [tensor(draw, shape(draw, 3, 4))], checked: [0] }),
  GlobalMaxPool: (draw) => ({ inputs: [tensor(draw, shape(draw, 3, 4))], checked: [0] }),

  Reshape: (draw) => {
    const x = shape(draw);
    const inputs = [tensor(draw, x), int64([2], [x[0] ?? 1, -1])];
    return { inputs, checked: [0] };
  },
  Flatten: unary(tensor, (draw) => ({ axis: integer(draw, 0, 1) })),
  Squeeze: (draw) => {
    const x = [1, ...shape(draw, 1, 3)];
    return { inputs: [tensor(draw, x), int64([1], [0])], checked: [0] };
  },
  Unsqueeze: (draw) => ({
    inputs: [tensor(draw, shape(draw, 1, 3)), int64([2], [0, -1])],
    checked: [0],
  }),
  Transpose: (draw) => {
    const x = shape(draw);
    const perm = permutation(draw, x.length);
    return {
      inputs: [tensor(draw, x)],
      checked: [0],
      attributes: chance(draw) ? { perm } : {},
    };
  },
  Expand: (draw) => {
    const to = shape(draw);
    const from = smaller(draw, to);
    return { inputs: [tensor(draw, from), int64([to.length], [...to])], checked: [0] };
  },
  Concat: (draw) => {
    const x = shape(draw);
    const axis = integer(draw, 0, x.length - 1);
    const part = () => x.map((size, each) => (each === axis ? integer(draw, 1, 3) : size));
    return {
      inputs: [tensor(draw, part()), tensor(draw, part()), tensor(draw, part())],
      checked: chance(draw) ? [0, 1, 2] : [1],
      attributes: { axis: chance(draw) ? axis : axis - x.length },
    };
  },
  Split: (draw) => {
    const sizes = [integer(draw, 1, 3), integer(draw, 1, 3)];
    const x = shape(draw);
    const axis = integer(draw, 0, x.length - 1);
    const whole = x.map((size, each) => (each === axis ? (sizes[0] ?? 0) + (sizes[1] ?? 0) : size));
    return {
      inputs: [tensor(draw, whole), int64([2], sizes)],
      checked: [0],
      attributes: { axis },
      outputs: 2,
    };
  },
  Slice: (draw) => {
    const x = shape(draw, 1, 3, 7);
    const axes = subset(draw, x.length);
    const steps = axes.map(() => oneOf(draw, [1, 1, 2, 3, -1, -2]));
    const starts = axes.map((axis, index) => {
      const size = x[axis] ?? 1;
      const early = integer(draw, 0, Math.floor((size - 1) / 2));
      const start = (steps[index] ?? 1) < 0 ? size - 1 - early : early;
      return chance(draw) ? start : start - size;
    });
    const ends = steps.map((step) =>
      step < 0 ? oneOf(draw, [-1000, Number.MIN_SAFE_INTEGER]) : Number.MAX_SAFE_INTEGER,
    );
    const list = (values: readonly number[]) => int64([values.length], values);
    return {
      inputs: [tensor(draw, x), list(starts), list(ends), list(axes), list(steps)],
      checked: [0],
    };
  },
  Pad: (draw) => {
    const x = shape(draw, 1, 3);
    const pads = [...x, ...x].map((size) => integer(draw, size > 2 ? -1 : 0, 2));
    const fill = chance(draw) ? [float64([], [0.5])] : [];
    return {
      inputs: [tensor(draw, x), int64([pads.length], pads), ...fill],
      checked: [0],
    };
  },

  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  Softmax: alongAxis,
  LogSoftmax: alongAxis,

  BatchNormalization: (draw) => {
    const x = shape(draw, 2, 4);
    const vector = [x[1] ?? 1];
    return {
      inputs: [
        tensor(draw, x),
        tensor(draw, vector),
        tensor(draw, vector),
        tensor(draw, vector),
        positive(draw, vector),
      ],
      checked: [0, 1, 2],
      attributes: { epsilon: float(0.125) },
    };
  },

  LayerNormalization: (draw) => {
    // Two to four elements vary enough for a smooth deviation; one element has none.
    const x = [...shape(draw, 0, 2), integer(draw, 2, 4)];
    const axis = integer(draw, 0, x.length - 1);
    const inner = x.slice(axis);
    const bias = chance(draw) ? [tensor(draw, inner)] : [];
    const inputs = [tensor(draw, x), tensor(draw, inner), ...bias];
    return {
      inputs,
      checked: inputs.length === 3 ? [0, 1, 2] : [0, 1],
      attributes: { axis: chance(draw) ? axis : axis - x.length, epsilon: float(0.125) },
    };
  },

  Gather: (draw) => {
    const x = shape(draw, 1, 3);
    const axis = integer(draw, 0, x.length - 1);
    const size = x[axis] ?? 1;
    const where = shape(draw, 0, 2);
    const indices = Array.from({ length: sizeOf(where) }, () => integer(draw, -size, size - 1));
    return {
      inputs: [tensor(draw, x), int64(where, indices)],
      checked: [0],
      attributes: { axis: chance(draw) ? axis : axis - x.length },
    };
  },
};

type Fill = (draw: Draw, of: Shape) => ReturnType<typeof tensor>;

function unary(fill: Fill, attributes?: (draw: Draw) => OperatorCase["attributes"]) {
  return (draw: Draw): OperatorCase => ({
    inputs: [fill(draw, shape(draw))],
    checked: [0],
    attributes: attributes?.(draw) ?? {},
  });
}

function binary(fill: Fill) {
  return (draw: Draw): OperatorCase => {
    const to = shape(draw);
    const other = smaller(draw, to);
    const [a, b] = chance(draw) ? [to, other] : [other, to];
    return { inputs: [fill(draw, a), fill(draw, b)], checked: [0, 1] };
  };
}

function reduction(draw: Draw): OperatorCase {
  const x = shape(draw);
  const keepdims = Number(chance(draw));
  if (integer(draw, 0, 4) === 0) {
    return { inputs: [tensor(draw, x)], checked: [0], attributes: { keepdims } };
  }
  const axes = subset(draw, x.length).map((axis) => (chance(draw) ? axis : axis - x.length));
  return {
    inputs: [tensor(draw, x), int64([axes.length], axes)],
    checked: [0],
    attributes: { keepdims },
  };
}

function alongAxis(draw: Draw): OperatorCase {
  const x = shape(draw);
  const axis = integer(draw, -x.length, x.length - 1);
  return { inputs: [tensor(draw, x)], checked: [0], attributes: { axis } };
}

/** A random window that fits its input: kernel, stride, padding (explicit or automatic), dilation. */
function slidingWindow(draw: Draw, rank: number, dilated: boolean) {
  const each = <T>(make: (axis: number) => T) =>
    Array.from({ length: rank }, (_, axis) => make(axis));
  const kernel = each(() => integer(draw, 1, 3));
  const strides = each(() => integer(draw, 1, 3));
  const dilations = each(() => (dilated && chance(draw) ? 2 : 1));
  const size = each(
    (axis) => (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1 + integer(draw, 0, 4),
  );
  const pad = (axis: number) => integer(draw, 0, (kernel[axis] ?? 1) - 1);
  // onnxruntime refuses SAME with dilation, or with strides beyond the kernel.
  const same = kernel.every(
    (extent, axis) => dilations[axis] === 1 && (strides[axis] ?? 1) <= extent,
  );
  const automatic = same ? ["SAME_UPPER", "SAME_LOWER", "VALID"] : ["VALID"];
  const padding = oneOf(draw, ["none", "explicit", "explicit", ...automatic]);
  const pads = padding === "explicit" ? [...each(pad), ...each(pad)] : [];
  // Where rounding up could drop the last window again, onnxruntime's shape inference disagrees with its own kernel.
  const mayRoundUp = kernel.every(
    (extent, axis) =>
      (strides[axis] ?? 1) + (pads[rank + axis] ?? 0) <= (dilations[axis] ?? 1) * (extent - 1) + 1,
  );
  return {
    size,
    kernel,
    mayRoundUp,
    attributes: {
      kernel_shape: kernel,
      strides,
      ...(dilated ? { dilations } : {}),
      ...(pads.length > 0 ? { pads } : {}),
      ...(["none", "explicit"].includes(padding) ? {} : { auto_pad: padding }),
    },
  };
}
