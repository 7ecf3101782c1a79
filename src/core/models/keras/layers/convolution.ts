import { activate } from "../activations.ts";
import type { KerasTensor, LayerContext, LayerFamily, LayerTranslator } from "../layer.ts";
import { type Spatial, spatialInput } from "../shapes.ts";
import { type Sizes, type Window, windowOf, windowOutput } from "../windows.ts";

/** Kernel axes [..., in, out] as onnx wants them: [out, in, ...]. */
function outFirst(rank: number): number[] {
  return [rank + 1, rank, ...Array.from({ length: rank }, (_, axis) => axis)];
}

/** Kernel axes [..., a, b] as [a, b, ...]. */
function pairFirst(rank: number): number[] {
  return [rank, rank + 1, ...Array.from({ length: rank }, (_, axis) => axis)];
}

function convolve(
  context: LayerContext,
  value: string,
  weight: string,
  window: Window,
  groups: number,
  bias?: string,
): string {
  const inputs = bias === undefined ? [value, weight] : [value, weight, bias];
  return context.builder.op("Conv", inputs, {
    kernel_shape: window.kernel,
    ...window.attributes,
    group: groups,
  });
}

function finish(
  context: LayerContext,
  space: Spatial,
  value: string,
  channels: number,
  sizes: Sizes,
): KerasTensor {
  return activate(context, space.output(value, channels, sizes));
}

function biasOf(context: LayerContext, channels: number): string | undefined {
  return context.layer.bool("use_bias", true) ? context.weight("bias", [channels]) : undefined;
}

/** y = activation(x * kernel + bias), kernel [...kernel_size, in / groups, filters]. */
function conv(rank: number): LayerTranslator {
  return (context) => {
    const { builder, layer } = context;
    const space = spatialInput(context);
    const filters = layer.int("filters");
    const groups = layer.int("groups", 1);
    const window = windowOf(context, "kernel_size", rank, space.sizes, 1);
    layer.ignore("rank");
    const kernel = context.weight("kernel", [...window.kernel, space.channels / groups, filters]);
    const weight = builder.transpose(kernel, outFirst(rank));
    const bias = biasOf(context, filters);
    const y = convolve(context, space.value, weight, window, groups, bias);
    return finish(context, space, y, filters, windowOutput(window, space.sizes));
  };
}

/** One or more filters for each channel by itself, kernel [...kernel_size, in, multiplier]. */
function depthwise(rank: number): LayerTranslator {
  return (context) => {
    const { layer } = context;
    const space = spatialInput(context);
    const window = windowOf(context, "kernel_size", rank, space.sizes, 1);
    const multiplier = layer.int("depth_multiplier", 1);
    layer.ignore("rank", "filters", "groups");
    const name = context.version === 2 ? "depthwise_kernel" : "kernel";
    const channels = space.channels * multiplier;
    const weight = depthwiseWeight(context, name, window, space.channels, multiplier);
    const bias = biasOf(context, channels);
    const y = convolve(context, space.value, weight, window, space.channels, bias);
    return finish(context, space, y, channels, windowOutput(window, space.sizes));
  };
}

function depthwiseWeight(
  context: LayerContext,
  name: string,
  { kernel }: Window,
  channels: number,
  multiplier: number,
): string {
  const { builder } = context;
  const weight = context.weight(name, [...kernel, channels, multiplier]);
  const turned = builder.transpose(weight, pairFirst(kernel.length));
  return builder.reshape(turned, [channels * multiplier, 1, ...kernel]);
}

/** A depthwise convolution, then one over single positions. */
function separable(rank: number): LayerTranslator {
  return (context) => {
    const { builder, layer } = context;
    const space = spatialInput(context);
    const window = windowOf(context, "kernel_size", rank, space.sizes, 1);
    const multiplier = layer.int("depth_multiplier", 1);
    const filters = layer.int("filters");
    layer.ignore("rank", "groups");
    const channels = space.channels * multiplier;
    const depth = depthwiseWeight(context, "depthwise_kernel", window, space.channels, multiplier);
    const ones = window.kernel.map(() => 1);
    const kernel = context.weight("pointwise_kernel", [...ones, channels, filters]);
    const bias = biasOf(context, filters);
    const deep = convolve(context, space.value, depth, window, space.channels);
    const inputs = [deep, builder.transpose(kernel, outFirst(rank))];
    const y = builder.op("Conv", bias === undefined ? inputs : [...inputs, bias], {
      kernel_shape: ones,
    });
    return finish(context, space, y, filters, windowOutput(window, space.sizes));
  };
}

/**
 * The transpose of a convolution, kernel [...kernel_size, filters, in]. Its output has n s positions (`same`) or
 * n s + max(k - s, 0) (`valid`) for n of the input, kernel reach k and stride s; with `output_padding` p: (n - 1) s + k - 2 (k' / 2) + p
 * or (n - 1) s + k + p, where k' / 2 is rounded down.
 */
function transposed(rank: number): LayerTranslator {
  return (context) => {
    const { builder, layer } = context;
    const space = spatialInput(context);
    const filters = layer.int("filters");
    const kernelSize = layer.ints("kernel_size", rank);
    const strides = layer.ints("strides", rank, 1);
    const dilations = layer.ints("dilation_rate", rank, 1);
    const padding = layer.choice("padding", ["valid", "same"], "valid");
    const given =
      layer.raw("output_padding") == null ? undefined : layer.ints("output_padding", rank);
    layer.ignore("rank", "groups");
    const along = kernelSize.map((size, axis) => {
      const stride = strides[axis] ?? 1;
      const reach = (size - 1) * (dilations[axis] ?? 1) + 1;
      const added = given?.[axis];
      // Positions of the output beyond (n - 1) s.
      const extra =
        padding === "same"
          ? added === undefined
            ? stride
            : reach - 2 * Math.floor(reach / 2) + added
          : added === undefined
            ? Math.max(reach, stride)
            : reach + added;
      const surplus = reach - extra;
      const before = Math.max(0, Math.floor(surplus / 2));
      const size2 = space.sizes[axis];
      return {
        before,
        after: Math.max(0, surplus - before),
        added: Math.max(0, -surplus),
        size: typeof size2 === "number" ? (size2 - 1) * stride + extra : null,
      };
    });
    const kernel = context.weight("kernel", [...kernelSize, filters, space.channels]);
    const weight = builder.transpose(kernel, outFirst(rank));
    const bias = biasOf(context, filters);
    const inputs = [space.value, weight, ...(bias === undefined ? [] : [bias])];
    const y = builder.op("ConvTranspose", inputs, {
      kernel_shape: kernelSize,
      strides,
      dilations,
      pads: [...along.map(({ before }) => before), ...along.map(({ after }) => after)],
      output_padding: along.map(({ added }) => added),
    });
    return finish(
      context,
      space,
      y,
      filters,
      along.map(({ size }) => size),
    );
  };
}

/** Layers of convolutions. */
export const convolution: LayerFamily = {
  Conv1D: conv(1),
  Conv2D: conv(2),
  Conv3D: conv(3),
  Conv1DTranspose: transposed(1),
  Conv2DTranspose: transposed(2),
  Conv3DTranspose: transposed(3),
  DepthwiseConv1D: depthwise(1),
  DepthwiseConv2D: depthwise(2),
  SeparableConv1D: separable(1),
  SeparableConv2D: separable(2),
  // Names that older releases used.
  Convolution1D: conv(1),
  Convolution2D: conv(2),
  Convolution3D: conv(3),
};
