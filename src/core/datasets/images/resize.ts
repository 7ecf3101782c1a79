import type { ByteImage } from "./channels.ts";

/** Fraction bits of the fixed-point weights: 32 bits less 8 for the sample and 2 for the sum. */
const precision = 22;

/** For each output sample: the first input sample and the fixed-point weights from there. */
interface Kernel {
  readonly first: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * Bilinear resize that equals Pillow's `Image.resize((width, height), Resampling.BILINEAR)` for 8-bit
 * samples: a triangle filter widened by the scale when shrinking (antialias), weights in fixed point, rows
 * first, then columns, each pass rounded to 8 bits. (Pillow 13 and later take columns first when the height
 * shrinks much more than the width; such images differ by one level at most.)
 */
export function resizeBilinear(image: ByteImage, width: number, height: number): ByteImage {
  const across = width === image.width ? image : resizeRows(image, width);
  return height === across.height ? across : resizeColumns(across, height);
}

/** The stored number of each pixel, such as the class in a mask. */
export interface NumberImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint16Array;
}

/**
 * Nearest neighbour: equals Pillow's `Image.resize((width, height), Resampling.NEAREST)`, which takes the input pixel
 * under the centre of each output pixel.
 */
export function resizeNearest(image: NumberImage, width: number, height: number): NumberImage {
  if (width === image.width && height === image.height) {
    return image;
  }
  const size = width * height;
  const data = image.data instanceof Uint16Array ? new Uint16Array(size) : new Uint8Array(size);
  const columns = nearest(image.width, width);
  for (const [y, row] of nearest(image.height, height).entries()) {
    for (let x = 0; x < width; x++) {
      data[y * width + x] = image.data[row * image.width + (columns[x] as number)] as number;
    }
  }
  return { width, height, data };
}

/** Input position under the centre of each output position, rounded as Pillow does. */
function nearest(inputSize: number, outputSize: number): Int32Array {
  const step = inputSize / outputSize;
  return Int32Array.from({ length: outputSize }, (_, output) => Math.floor((output + 0.5) * step));
}

function kernel(inputSize: number, outputSize: number): Kernel {
  const scale = inputSize / outputSize;
  const support = Math.max(scale, 1);
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(outputSize);
  const counts = new Int32Array(outputSize);
  const weights = new Int32Array(outputSize * stride);
  for (let output = 0; output < outputSize; output++) {
    const center = (output + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - support + 0.5));
    const to = Math.min(inputSize, Math.trunc(center + support + 0.5));
    const exact = Array.from({ length: to - from }, (_, index) =>
      Math.max(0, 1 - Math.abs((index + from - center + 0.5) * (1 / support))),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    for (const [index, weight] of exact.entries()) {
      const share = sum === 0 ? weight : weight / sum;
      weights[output * stride + index] = Math.trunc(0.5 + share * (1 << precision));
    }
    first[output] = from;
    counts[output] = to - from;
  }
  return { first, counts, weights, stride };
}

function resizeRows(image: ByteImage, width: number): ByteImage {
  const { height, channels } = image;
  const data = new Uint8Array(width * height * channels);
  const taps = kernel(image.width, width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const start = (y * image.width + (taps.first[x] ?? 0)) * channels;
      for (let channel = 0; channel < channels; channel++) {
        data[(y * width + x) * channels + channel] = weighted(
          image.data,
          start + channel,
          channels,
          taps,
          x,
        );
      }
    }
  }
  return { width, height, channels, data };
}

function resizeColumns(image: ByteImage, height: number): ByteImage {
  const { width, channels } = image;
  const line = width * channels;
  const data = new Uint8Array(line * height);
  const taps = kernel(image.height, height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < line; x++) {
      data[y * line + x] = weighted(image.data, (taps.first[y] ?? 0) * line + x, line, taps, y);
    }
  }
  return { width, height, channels, data };
}

function weighted(
  data: Uint8Array,
  start: number,
  step: number,
  taps: Kernel,
  output: number,
): number {
  const count = taps.counts[output] ?? 0;
  const offset = output * taps.stride;
  let sum = 1 << (precision - 1);
  for (let tap = 0; tap < count; tap++) {
    sum += (data[start + tap * step] ?? 0) * (taps.weights[offset + tap] ?? 0);
  }
  return Math.min(255, Math.max(0, sum >> precision));
}
