import type { KerasTensor, LayerContext, LayerFamily, LayerTranslator } from "../layer.ts";
import { type Interpolation, interpolations, resizeMatrix } from "../resize.ts";
import { fixedSize, reshaped, type Spatial, spatialInput, unsqueezed } from "../shapes.ts";
import { alongAxis } from "./pooling.ts";
import { sliced } from "./reshaping.ts";

/** Layers that change the size of images and sequences. */
export const images: LayerFamily = {
  UpSampling1D: upSampling(1),
  UpSampling2D: upSampling(2),
  UpSampling3D: upSampling(3),

  /** Another height and width, of the whole image or of the largest part with the new proportions. */
  Resizing: (context) => {
    const { layer } = context;
    const size = [layer.int("height"), layer.int("width")] as const;
    const method = layer.choice("interpolation", interpolations, "bilinear");
    layer.ignore("fill_mode", "fill_value");
    if (layer.bool("antialias", false) || layer.bool("pad_to_aspect_ratio", false)) {
      throw context.error(
        "Resizing with antialias or pad_to_aspect_ratio is not read.",
        "Resize the images before training, or export the model to ONNX.",
      );
    }
    const space = spatialInput(context);
    const from = sizesOf(context, space);
    const part = layer.bool("crop_to_aspect_ratio", false)
      ? largestPart(from, size)
      : { starts: [0, 0], sizes: from };
    return resized(context, space, part, size, method);
  },

  /** The middle of the image; an image that is too small is resized first. */
  CenterCrop: (context) => {
    const { layer } = context;
    const size = [layer.int("height"), layer.int("width")] as const;
    const space = spatialInput(context);
    const from = sizesOf(context, space);
    const starts = from.map((length, axis) => Math.floor((length - (size[axis] ?? 0)) / 2));
    if (starts.some((start) => start < 0)) {
      return resized(context, space, largestPart(from, size), size, "bilinear");
    }
    const ends = starts.map((start, axis) => start + (size[axis] ?? 0));
    return space.output(sliced(context, space.value, starts, ends), space.channels, size);
  },
};

/** A part of an image: where it begins and its height and width. */
interface Part {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
}

function sizesOf(context: LayerContext, { x, axes }: Spatial): readonly number[] {
  return axes.map((axis) => fixedSize(context, x, axis));
}

/** The largest part in the middle with the proportions of `size`, as Keras rounds it. */
function largestPart(from: readonly number[], size: readonly [number, number]): Part {
  const [height = 1, width = 1] = from;
  const within = (whole: number, other: number, own: number, target: number) =>
    Math.max(1, Math.min(whole, Math.trunc((other * own) / target)));
  const sizes = [within(height, width, size[0], size[1]), within(width, height, size[1], size[0])];
  return {
    starts: sizes.map((length, axis) => Math.trunc(((from[axis] ?? 0) - length) / 2)),
    sizes,
  };
}

function resized(
  context: LayerContext,
  space: Spatial,
  part: Part,
  size: readonly number[],
  method: Interpolation,
): KerasTensor {
  const ends = part.starts.map((start, axis) => start + (part.sizes[axis] ?? 0));
  let value = part.starts.some((start) => start > 0)
    ? sliced(context, space.value, part.starts, ends)
    : space.value;
  for (const [axis, to] of size.entries()) {
    const from = part.sizes[axis] ?? 1;
    if (from !== to) {
      value = alongAxis(context, value, size.length, axis, resizeMatrix(from, to, method));
    }
  }
  return space.output(value, space.channels, size);
}

function upSampling(rank: number): LayerTranslator {
  return (context) => {
    const { layer } = context;
    const space = spatialInput(context);
    const factors = layer.ints("size", rank, 2);
    const method = layer.choice("interpolation", interpolations, "nearest");
    if (method !== "nearest") {
      const from = sizesOf(context, space);
      const size = from.map((length, axis) => length * (factors[axis] ?? 1));
      return resized(context, space, { starts: from.map(() => 0), sizes: from }, size, method);
    }
    const sizes = space.sizes.map((size, axis) =>
      size === null ? null : size * (factors[axis] ?? 1),
    );
    const { builder } = context;
    const apart = unsqueezed(
      context,
      space.value,
      factors.map((_, axis) => 2 * axis + 3),
    );
    const target = [1, 1, ...factors.flatMap((factor) => [1, factor])];
    const repeated = builder.op("Expand", [apart, builder.ints(target)]);
    const value = reshaped(context, repeated, [null, space.channels, ...sizes]);
    return space.output(value, space.channels, sizes);
  };
}
