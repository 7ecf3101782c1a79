import { offsets, type WindowGeometry, windowSlice } from "../autodiff/rules/window.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { float32, type Shape, sameShape, sizeOf } from "../graph/tensor.ts";

/**
 * What a sliding window sees of an image [images, channels, ...size]: one value for each kernel position, in row-major
 * order, [images, channels, ...out] or with the output's axes as one.
 */
export function patches(
  builder: GraphBuilder,
  x: string,
  [images = 1, channels = 1]: Shape,
  window: WindowGeometry,
): string[] {
  const { size, out, strides } = window;
  return sameShape(size, out) && strides.every((stride) => stride === 1)
    ? shiftedPatches(builder, x, [images, channels, sizeOf(size)], window)
    : slicedPatches(builder, x, window);
}

/**
 * Where input and output are of one size, each patch is the image, all its axes as one, moved by some elements: whole channels
 * are copied instead of rows. What would come into a row from its neighbours is zeroed before. Half the time of slices on
 * onnxruntime for [32, 16, 14, 14] and 3 x 3.
 */
function shiftedPatches(
  builder: GraphBuilder,
  x: string,
  [images = 1, channels = 1, area = 1]: Shape,
  { kernel, dilations, before, size }: WindowGeometry,
): string[] {
  const flat = [images, channels, area];
  const steps = size.map((_, axis) => sizeOf(size.slice(axis + 1)));
  const places = offsets(size);
  const sources = new Map<string, string>();
  return offsets(kernel).map((offset) => {
    const moves = offset.map((index, axis) => index * (dilations[axis] ?? 1) - (before[axis] ?? 0));
    // Along the first axis nothing wraps around: what lies outside is behind the ends.
    const inner = moves.with(0, 0);
    const key = inner.join();
    const known = sources.get(key);
    const source = known ?? builder.reshape(readable(builder, x, size, places, inner), flat);
    sources.set(key, source);
    const distance = moves.reduce((sum, move, axis) => sum + move * (steps[axis] ?? 1), 0);
    const shift = Math.max(-area, Math.min(area, distance));
    return shift === 0
      ? source
      : builder.op("Pad", [source, builder.ints([0, 0, -shift, 0, 0, shift])], {
          mode: "constant",
        });
  });
}

/** The image with zeros where a window that is moved by so many elements does not look. */
function readable(
  builder: GraphBuilder,
  x: string,
  size: Shape,
  places: readonly (readonly number[])[],
  moves: readonly number[],
): string {
  if (moves.every((move) => move === 0)) {
    return x;
  }
  const isSeen = places.map((place) =>
    place.every((index, axis) => {
      const from = index - (moves[axis] ?? 0);
      return from >= 0 && from < (size[axis] ?? 0);
    }),
  );
  return builder.mul(x, builder.constant(float32([1, 1, ...size], isSeen.map(Number))));
}

/** One strided slice of the padded image for each kernel position: [images, channels, ...out]. */
function slicedPatches(builder: GraphBuilder, x: string, window: WindowGeometry): string[] {
  const { kernel, before, reach } = window;
  const after = reach.map((count) => Math.max(0, count));
  const isPadded = [...before, ...after].some((count) => count !== 0);
  const padded = isPadded
    ? builder.op("Pad", [x, builder.ints([0, 0, ...before, 0, 0, ...after]), builder.scalar(0)], {
        mode: "constant",
      })
    : x;
  return offsets(kernel).map((offset) => windowSlice(builder, padded, window, offset));
}
