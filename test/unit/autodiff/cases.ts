import { float } from "../../../src/core/graph/builder.ts";
import { int64 } from "../../../src/core/graph/tensor.ts";
import { indexingCases } from "./cases-indexing.ts";
import { pointwiseCases } from "./cases-pointwise.ts";
import {
  chance,
  integer,
  oneOf,
  permutation,
  positive,
  shape,
  smaller,
  subset,
  tensor,
  withZeros,
} from "./draw.ts";
import { alongAxis, reduction, slidingWindow, transposedWindow, unary } from "./generators.ts";
import { type Draw, float64, type OperatorCase } from "./harness.ts";

/** For every operator of the table of rules a generator of random cases. */
export const cases: Readonly<Record<string, (draw: Draw) => OperatorCase>> = {
  ...pointwiseCases,
  ...indexingCases,

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
    const groups = integer(draw, 1, 3);
    const window = slidingWindow(draw, integer(draw, 1, 3), true);
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
  ConvTranspose: (draw) => {
    const groups = integer(draw, 1, 3);
    const window = transposedWindow(draw, integer(draw, 1, 3));
    const [inner, outputs] = [integer(draw, 1, 2), integer(draw, 1, 2)];
    const x = tensor(draw, [integer(draw, 1, 2), groups * inner, ...window.size]);
    const w = tensor(draw, [groups * inner, outputs, ...window.kernel]);
    const b = chance(draw) ? [tensor(draw, [groups * outputs])] : [];
    return {
      inputs: [x, w, ...b],
      checked: b.length > 0 ? [0, 1, 2] : [0, 1],
      attributes: { ...window.attributes, group: groups },
    };
  },
  MaxPool: (draw) => {
    const window = slidingWindow(draw, integer(draw, 1, 3), true);
    const ceil = window.mayRoundUp && chance(draw) ? { ceil_mode: 1 } : {};
    return {
      inputs: [tensor(draw, [integer(draw, 1, 2), integer(draw, 1, 2), ...window.size])],
      checked: [0],
      attributes: { ...window.attributes, ...ceil },
    };
  },
  AveragePool: (draw) => {
    const window = slidingWindow(draw, integer(draw, 1, 3), false);
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
  Tile: (draw) => {
    const x = shape(draw, 1, 3);
    const repeats = x.map(() => integer(draw, 1, 3));
    return { inputs: [tensor(draw, x), int64([x.length], repeats)], checked: [0] };
  },
  Trilu: (draw) => {
    const x = shape(draw, 2, 3);
    const inputs = [tensor(draw, x), int64([], [integer(draw, -4, 4)])];
    return {
      inputs: chance(draw) ? inputs : inputs.slice(0, 1),
      checked: [0],
      attributes: { upper: Number(chance(draw)) },
    };
  },
  DepthToSpace: (draw) => {
    const block = integer(draw, 1, 3);
    const [n = 1, channels = 1, ...size] = shape(draw, 4, 4, 3);
    return {
      inputs: [tensor(draw, [n, channels * block ** 2, ...size])],
      checked: [0],
      attributes: { blocksize: block, mode: oneOf(draw, ["DCR", "CRD"]) },
    };
  },
  SpaceToDepth: (draw) => {
    const block = integer(draw, 1, 3);
    const [n = 1, channels = 1, height = 1, width = 1] = shape(draw, 4, 4, 3);
    return {
      inputs: [tensor(draw, [n, channels, height * block, width * block])],
      checked: [0],
      attributes: { blocksize: block },
    };
  },
  Resize: (draw) => {
    const mode = oneOf(draw, ["nearest", "linear", "cubic"]);
    const x = shape(draw, mode === "cubic" ? 4 : 3, 4, 5);
    const size = x
      .slice(2)
      .map((from) => (chance(draw) ? from * integer(draw, 1, 3) : integer(draw, 1, 8)));
    const to = [...x.slice(0, 2), ...size];
    const coordinates = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"];
    const isSmoothed = mode !== "nearest" && x.length === 4 && chance(draw);
    return {
      inputs: [tensor(draw, x), undefined, undefined, int64([to.length], to)],
      checked: [0],
      attributes: {
        mode,
        coordinate_transformation_mode: oneOf(draw, coordinates),
        nearest_mode: oneOf(draw, ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]),
        cubic_coeff_a: float(oneOf(draw, [-0.75, -0.5])),
        ...(isSmoothed ? { antialias: 1, exclude_outside: 1 } : {}),
      },
    };
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
    const mode = oneOf(draw, ["constant", "constant", "edge", "reflect"]);
    const pads = [...x, ...x].map((size) =>
      mode === "constant"
        ? integer(draw, size > 2 ? -1 : 0, 2)
        : integer(draw, 0, mode === "edge" ? 2 : size - 1),
    );
    const fill = mode === "constant" && chance(draw) ? [float64([], [0.5])] : [];
    return {
      inputs: [tensor(draw, x), int64([pads.length], pads), ...fill],
      checked: [0],
      attributes: { mode },
    };
  },

  ReduceSum: reduction(tensor),
  ReduceMean: reduction(tensor),
  ReduceMax: reduction(tensor),
  ReduceMin: reduction(tensor),
  ReduceProd: reduction(withZeros),
  ReduceL1: reduction(tensor),
  ReduceL2: reduction(tensor),
  ReduceSumSquare: reduction(tensor),
  ReduceLogSum: reduction(positive),
  ReduceLogSumExp: reduction(tensor),
  Softmax: alongAxis,
  LogSoftmax: alongAxis,
  CumSum: (draw) => {
    const x = shape(draw);
    const axis = integer(draw, -x.length, x.length - 1);
    const attributes = { exclusive: Number(chance(draw)), reverse: Number(chance(draw)) };
    return { inputs: [tensor(draw, x), int64([], [axis])], checked: [0], attributes };
  },

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
};
