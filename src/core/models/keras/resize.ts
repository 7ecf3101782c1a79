import { float32, type Tensor } from "../../graph/tensor.ts";

/** How images are resized: the names that Keras gives. */
export const interpolations = ["nearest", "bilinear", "bicubic"] as const;
export type Interpolation = (typeof interpolations)[number];

/** An element of the input with its share of an element of the output. */
type Tap = readonly [index: number, weight: number];

/**
 * The matrix [from, to] that resizes one axis as `tf.image.resize` does: centres of pixels at halves, elements beyond the
 * border are those of the border (bicubic: left out, and the others add up to 1).
 */
export function resizeMatrix(from: number, to: number, method: Interpolation): Tensor<"float32"> {
  const data = new Float32Array(from * to);
  for (let column = 0; column < to; column++) {
    const place = ((column + 0.5) * from) / to - 0.5;
    for (const [index, weight] of tapsOf[method](place, from)) {
      const row = Math.min(Math.max(index, 0), from - 1);
      data[row * to + column] = (data[row * to + column] ?? 0) + weight;
    }
  }
  return float32([from, to], data);
}

const tapsOf: Readonly<Record<Interpolation, (place: number, from: number) => readonly Tap[]>> = {
  nearest: (place) => [[Math.floor(place + 0.5), 1]],
  bilinear: (place) => {
    const low = Math.floor(place);
    return [
      [low, 1 - (place - low)],
      [low + 1, place - low],
    ];
  },
  bicubic: (place, from) => {
    const low = Math.floor(place);
    // TensorFlow takes the kernel from a table of 1024 places.
    const part = Math.round((place - low) * 1024) / 1024;
    const inside = [-1, 0, 1, 2]
      .map((step): Tap => [low + step, cubic(Math.abs(part - step))])
      .filter(([index]) => index >= 0 && index < from);
    const total = inside.reduce((sum, [, weight]) => sum + weight, 0);
    return inside.map(([index, weight]): Tap => [index, weight / total]);
  },
};

/** Keys' cubic kernel with a = -0.5. */
function cubic(distance: number): number {
  const d = distance;
  return d <= 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}
