import {
  groupsOf,
  offsets,
  transposedWindow,
  type WindowGeometry,
  windowOf,
} from "../autodiff/rules/window.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { sizeOf } from "../graph/tensor.ts";
import { type Factor, type Outer, ordinary } from "./factors.ts";
import type { Forward } from "./forward.ts";
import type { ConvolutionSite } from "./sites.ts";

/**
 * Patches of a convolution: u [B, P, K] with K = kernel positions x input channels of the group, in that order
 * (the order cancels in every product, as both sides share it). With groups, the group is part of the batch:
 * [B * groups, P, K]. A transposed convolution is one whose input is y: u holds patches of the gradient, and delta is x.
 */
export function convolutionFactors(
  forward: Forward,
  site: ConvolutionSite,
  gradient: string,
): Outer {
  const { builder, batch } = forward;
  const { node, transposed } = site;
  const context = {
    builder,
    node,
    type: forward.type,
    outputGradients: [],
    wanted: [],
    constant: () => undefined,
  };
  const kernel = forward.type(site.weight).shape.slice(2);
  const window = transposed ? transposedWindow(context, kernel) : windowOf(context, kernel);
  const groups = groupsOf(context);
  const [imageOf, mapOf] = transposed ? [site.y, site.x] : [site.x, site.y];
  const [imageValue, mapValue] = transposed ? [gradient, site.x] : [site.x, gradient];
  const imageShape = forward.type(imageOf).shape;
  const [images = 1, channels = 1] = imageShape;
  const outputs = forward.type(mapOf).shape[1] as number;
  const area = sizeOf(window.out);
  const image = ordinary(forward, imageOf, imageValue);
  const patches = patchSlices(builder, image, window);
  const taps = patches.length;
  const features = (taps * channels) / groups;
  // Concatenating along the channels gives [images, taps * channels, ...]; groups need their own channels together.
  const stacked =
    patches.length === 1 ? (patches[0] as string) : builder.op("Concat", patches, { axis: 1 });
  const grouped =
    groups === 1
      ? stacked
      : builder.transpose(
          builder.reshape(stacked, [images, taps, groups, channels / groups, area]),
          [0, 2, 1, 3, 4],
        );
  const perImage = images / batch;
  const u = toExample(builder, grouped, { batch, perImage, groups, features, area });
  const delta = toExample(builder, ordinary(forward, mapOf, mapValue), {
    batch,
    perImage,
    groups,
    features: outputs / groups,
    area,
  });
  return { kind: "outer", u, delta, groups, bias: false };
}

/** [images, groups * features, area] as a factor [batch * groups, ...]; several images of one example are positions. */
function toExample(
  builder: GraphBuilder,
  value: string,
  sizes: { batch: number; perImage: number; groups: number; features: number; area: number },
): Factor {
  const { batch, perImage, groups, features, area } = sizes;
  if (perImage === 1) {
    const shape = [batch * groups, features, area];
    return { value: builder.reshape(value, shape), layout: "FP", positions: area, features };
  }
  const split = builder.reshape(value, [batch, perImage, groups, features, area]);
  const moved = builder.transpose(split, [0, 2, 3, 1, 4]);
  const positions = perImage * area;
  return {
    value: builder.reshape(moved, [batch * groups, features, positions]),
    layout: "FP",
    positions,
    features,
  };
}

/** One strided slice of the padded input for each kernel position: [images, channels, ...output size]. */
function patchSlices(builder: GraphBuilder, x: string, window: WindowGeometry): string[] {
  const { kernel, strides, dilations, before, reach, size, out } = window;
  const after = reach.map((count) => Math.max(0, count));
  const isPadded = [...before, ...after].some((count) => count > 0);
  const padded = isPadded
    ? builder.op("Pad", [x, builder.ints([0, 0, ...before, 0, 0, ...after]), builder.scalar(0)], {
        mode: "constant",
      })
    : x;
  const sizes = size.map((n, axis) => n + (before[axis] as number) + (after[axis] as number));
  const axes = out.map((_, axis) => axis + 2);
  return offsets(kernel).map((offset) => {
    const starts = offset.map((index, axis) => index * (dilations[axis] as number));
    const ends = starts.map(
      (start, axis) => start + ((out[axis] as number) - 1) * (strides[axis] as number) + 1,
    );
    const isAll = starts.every(
      (start, axis) => start === 0 && ends[axis] === sizes[axis] && strides[axis] === 1,
    );
    return isAll
      ? padded
      : builder.op("Slice", [
          padded,
          builder.ints(starts),
          builder.ints(ends),
          builder.ints(axes),
          builder.ints(strides),
        ]);
  });
}
