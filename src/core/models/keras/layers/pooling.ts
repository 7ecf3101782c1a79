import { float32, type Tensor } from "../../../graph/tensor.ts";
import type { KerasTensor, LayerContext, LayerFamily, LayerTranslator } from "../layer.ts";
import { fixedSize, spatialInput, unsqueezed } from "../shapes.ts";
import { windowOf, windowOutput } from "../windows.ts";

/** Maximum or mean of each window; the mean counts no padding. */
function pool(op: "MaxPool" | "AveragePool", rank: number): LayerTranslator {
  return (context) => {
    const space = spatialInput(context);
    const window = windowOf(context, "pool_size", rank, space.sizes, "size");
    const { dilations: _, ...attributes } = window.attributes;
    const y = context.builder.op(op, [space.value], {
      kernel_shape: window.kernel,
      ...attributes,
    });
    return space.output(y, space.channels, windowOutput(window, space.sizes));
  };
}

/** Maximum or mean over all positions; a mean over a masked sequence counts what the mask leaves. */
function globalPool(op: "ReduceMax" | "ReduceMean"): LayerTranslator {
  return (context) => {
    const { builder, layer } = context;
    const { x, axes, channelsFirst } = spatialInput(context);
    const keepdims = layer.bool("keepdims", false);
    const shape = x.shape.flatMap((size, axis) =>
      axes.includes(axis) ? (keepdims ? [1] : []) : [size],
    );
    if (x.mask !== undefined && op === "ReduceMean") {
      const y = maskedMean(context, x, x.mask, channelsFirst ? 2 : 1, keepdims);
      return context.tensor(y, shape);
    }
    const stored = axes.map((axis) => x.order.indexOf(axis));
    const y = builder.op(op, [x.value, builder.ints(stored)], { keepdims: keepdims ? 1 : 0 });
    const order = keepdims
      ? x.order
      : x.order.filter((axis) => !axes.includes(axis)).map((axis) => (axis === 0 ? 0 : 1));
    return context.tensor(y, shape, { order });
  };
}

/** sum of x at positions that count / their number. */
function maskedMean(
  context: LayerContext,
  x: KerasTensor,
  mask: string,
  axis: number,
  keepdims: boolean,
): string {
  const { builder } = context;
  const counts = builder.op("Cast", [unsqueezed(context, mask, [axis === 1 ? 2 : 1])], { to: 1 });
  const sum = builder.reduceSum(builder.mul(context.plain(x), counts), [axis], keepdims);
  return builder.div(sum, builder.reduceSum(counts, [axis], keepdims));
}

/**
 * Pools to a given size: position i of an axis of n takes the elements from floor(i n / size) up to ceil((i + 1) n / size).
 * A mean is a product with a matrix along each axis, a maximum one over slices.
 */
function adaptive(kind: "mean" | "maximum", rank: number): LayerTranslator {
  return (context) => {
    const space = spatialInput(context);
    const sizes = context.layer.ints("output_size", rank);
    let value = space.value;
    for (const [index, size] of sizes.entries()) {
      const length = fixedSize(context, space.x, space.axes[index] ?? 1);
      const parts = Array.from({ length: size }, (_, part) => ({
        start: Math.floor((part * length) / size),
        end: Math.ceil(((part + 1) * length) / size),
      }));
      value =
        kind === "mean"
          ? alongAxis(context, value, rank, index, meanMatrix(parts, length))
          : maxima(context, value, index + 2, parts);
    }
    return space.output(value, space.channels, sizes);
  };
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** [length, parts]: column p holds 1 / (elements of part p) where they are. */
function meanMatrix(parts: readonly Part[], length: number): Tensor<"float32"> {
  const data = new Float32Array(length * parts.length);
  for (const [column, { start, end }] of parts.entries()) {
    for (let row = start; row < end; row++) {
      data[row * parts.length + column] = 1 / (end - start);
    }
  }
  return float32([length, parts.length], data);
}

/** The product of one spatial axis of [batch, channels, ...spatial] with a matrix [from, to]. */
export function alongAxis(
  context: LayerContext,
  value: string,
  rank: number,
  index: number,
  matrix: Tensor<"float32">,
): string {
  const { builder } = context;
  const axes = Array.from({ length: rank + 2 }, (_, axis) => axis);
  const moved = [...axes.filter((axis) => axis !== index + 2), index + 2];
  const product = builder.matmul(builder.transpose(value, moved), builder.constant(matrix));
  return builder.transpose(
    product,
    axes.map((axis) => moved.indexOf(axis)),
  );
}

function maxima(
  context: LayerContext,
  value: string,
  axis: number,
  parts: readonly Part[],
): string {
  const { builder } = context;
  const each = parts.map(({ start, end }) => {
    const bounds = [[start], [end], [axis]].map((list) => builder.ints(list));
    const slice = builder.op("Slice", [value, ...bounds]);
    return builder.op("ReduceMax", [slice, builder.ints([axis])], { keepdims: 1 });
  });
  return builder.op("Concat", each, { axis });
}

/** Layers of pooling. */
export const pooling: LayerFamily = {
  MaxPooling1D: pool("MaxPool", 1),
  MaxPooling2D: pool("MaxPool", 2),
  MaxPooling3D: pool("MaxPool", 3),
  AveragePooling1D: pool("AveragePool", 1),
  AveragePooling2D: pool("AveragePool", 2),
  AveragePooling3D: pool("AveragePool", 3),
  GlobalMaxPooling1D: globalPool("ReduceMax"),
  GlobalMaxPooling2D: globalPool("ReduceMax"),
  GlobalMaxPooling3D: globalPool("ReduceMax"),
  GlobalAveragePooling1D: globalPool("ReduceMean"),
  GlobalAveragePooling2D: globalPool("ReduceMean"),
  GlobalAveragePooling3D: globalPool("ReduceMean"),
  AdaptiveMaxPooling1D: adaptive("maximum", 1),
  AdaptiveMaxPooling2D: adaptive("maximum", 2),
  AdaptiveMaxPooling3D: adaptive("maximum", 3),
  AdaptiveAveragePooling1D: adaptive("mean", 1),
  AdaptiveAveragePooling2D: adaptive("mean", 2),
  AdaptiveAveragePooling3D: adaptive("mean", 3),
  // Names that older releases used.
  MaxPool1D: pool("MaxPool", 1),
  MaxPool2D: pool("MaxPool", 2),
  MaxPool3D: pool("MaxPool", 3),
  AvgPool1D: pool("AveragePool", 1),
  AvgPool2D: pool("AveragePool", 2),
  AvgPool3D: pool("AveragePool", 3),
};
