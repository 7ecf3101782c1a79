import { elementwiseActivation } from "../../activations.ts";
import type { KerasShape, KerasTensor, LayerContext } from "../../layer.ts";
import { concat, equalSizes, split, unsqueeze } from "../../masks.ts";
import { type Cell, plus } from "./cell.ts";
import { lstmStates } from "./cells.ts";

/**
 * The cell of ConvLSTM: the gates of an LSTM, with convolutions in place of products. Step values are [batch, filters, ...spatial].
 * The convolution of the inputs runs once over all steps, with time in the batch.
 */
export function convolutionCell(context: LayerContext, x: KerasTensor, axes: number): Cell {
  const { layer, builder } = context;
  layer.ignore("dropout", "recurrent_dropout", "unit_forget_bias");
  const isFirst = layer.string("data_format", "channels_last") === "channels_first";
  const filters = layer.int("filters");
  const kernelSize = layer.ints("kernel_size", axes);
  const strides = layer.ints("strides", axes, 1);
  const dilations = layer.ints("dilation_rate", axes, 1);
  const padding = layer.choice("padding", ["valid", "same"], "valid");
  const channelAxis = isFirst ? 2 : axes + 2;
  const spatialAxes = Array.from({ length: axes }, (_, index) => index + (isFirst ? 3 : 2));
  const sizes = [channelAxis, ...spatialAxes].map((axis) => x.shape[axis]);
  if (x.shape.length !== axes + 3 || sizes.some((size) => typeof size !== "number")) {
    throw context.error(
      `The layer takes images over time with fixed sizes, but its input is [${x.shape.map((size) => size ?? "?").join(", ")}].`,
      "Build the model with fixed sizes and save it again.",
    );
  }
  const [channels = 0, ...spatial] = sizes as number[];
  const output = spatial.map((size, axis) =>
    outputSize(size, kernelSize[axis] ?? 1, strides[axis] ?? 1, dilations[axis] ?? 1, padding),
  );
  const activation = elementwiseActivation(context, "activation", "tanh");
  const gate = elementwiseActivation(context, "recurrent_activation", "hard_sigmoid");
  const kernel = convolutionWeight(context, "kernel", [...kernelSize, channels, 4 * filters]);
  const recurrent = convolutionWeight(context, "recurrent_kernel", [
    ...kernelSize,
    filters,
    4 * filters,
  ]);
  const bias = layer.bool("use_bias", true) ? context.weight("bias", [4 * filters]) : undefined;
  const same = (size: readonly number[], stride: readonly number[], dilation: readonly number[]) =>
    samePads(size, kernelSize, stride, dilation);

  /** Keras axes of a step value with time (at 1) or without. */
  const axesOf = (withTime: boolean): readonly number[] => {
    const shift = withTime ? 1 : 0;
    const channel = (isFirst ? 1 : axes + 1) + shift;
    const places = spatial.map((_, axis) => axis + (isFirst ? 2 : 1) + shift);
    return [0, ...(withTime ? [1] : []), channel, ...places];
  };
  const shapeOf = (steps: number | undefined): KerasShape => {
    const lead = steps === undefined ? [null] : [null, steps];
    return isFirst ? [...lead, filters, ...output] : [...lead, ...output, filters];
  };
  return {
    rank: axes + 2,
    width: filters,
    states: 2,
    project: (input, steps) => {
      const ordered = context.ordered(input, [0, 1, channelAxis, ...spatialAxes]);
      const images = builder.reshape(ordered, [-1, channels, ...spatial]);
      const inputs = bias === undefined ? [images, kernel] : [images, kernel, bias];
      const pads = padding === "same" ? same(spatial, strides, dilations) : undefined;
      const convolved = builder.op("Conv", inputs, {
        kernel_shape: kernelSize,
        strides,
        dilations,
        ...(pads === undefined ? {} : { pads }),
      });
      const shape = [-1, steps, 4 * filters, ...output];
      const parts = split(builder, builder.reshape(convolved, shape), 1, equalSizes(steps, 1));
      return parts.map((part) => builder.reshape(part, [-1, 4 * filters, ...output]));
    },
    step: (input, [h, c]) => {
      const ones = equalSizes(axes, 1);
      const turned =
        h &&
        builder.op("Conv", [h, recurrent], {
          kernel_shape: kernelSize,
          pads: same(output, ones, ones),
        });
      const parts = split(builder, plus(context, input, turned), 1, equalSizes(4, filters));
      return lstmStates(context, parts, c, { activation, gate });
    },
    enter: (state) => context.ordered(state, axesOf(false)),
    leave: (value) => context.tensor(value, shapeOf(undefined), { order: axesOf(false) }),
    join: (values) =>
      context.tensor(
        concat(
          builder,
          values.map((value) => unsqueeze(builder, value, [1])),
          1,
        ),
        shapeOf(values.length),
        { order: axesOf(true) },
      ),
  };
}

/** A kernel as Keras stores it, [...spatial, in, out], for Conv: [out, in, ...spatial]. */
function convolutionWeight(context: LayerContext, name: string, shape: readonly number[]): string {
  const rank = shape.length;
  const spatial = Array.from({ length: rank - 2 }, (_, axis) => axis);
  return context.builder.transpose(context.weight(name, shape), [rank - 1, rank - 2, ...spatial]);
}

function outputSize(
  size: number,
  kernel: number,
  stride: number,
  dilation: number,
  padding: "valid" | "same",
): number {
  const reach = (kernel - 1) * dilation + 1;
  return Math.ceil((padding === "same" ? size : size - reach + 1) / stride);
}

/** TensorFlow's padding: as much as the last window needs, the odd one behind. [...before, ...after]. */
function samePads(
  sizes: readonly number[],
  kernel: readonly number[],
  strides: readonly number[],
  dilations: readonly number[],
): readonly number[] {
  const totals = sizes.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  });
  return [
    ...totals.map((total) => Math.floor(total / 2)),
    ...totals.map((total) => Math.ceil(total / 2)),
  ];
}
