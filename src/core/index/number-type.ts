import { float32, type Tensor } from "../graph/tensor.ts";

/** Types in which sketches are stored. */
export const numberTypes = ["float32", "float16", "int8"] as const;
export type NumberType = (typeof numberTypes)[number];

/** Largest step of an int8 number. */
const steps = 127;

/**
 * Sketches [rows, width] as they are stored. The narrow types hold each row as multiples of a scale of its own: its largest
 * number in float16 (gradients may be far below the smallest half), a 127th of it in int8.
 */
export function pack(
  sketch: Float32Array,
  width: number,
  type: NumberType,
): { readonly sketch: Tensor; readonly scales: Tensor<"float32"> | undefined } {
  const rows = width === 0 ? 0 : sketch.length / width;
  const shape = [rows, width];
  if (type === "float32") {
    return { sketch: float32(shape, sketch), scales: undefined };
  }
  const scales = new Float32Array(rows);
  const halves = new Uint16Array(type === "float16" ? sketch.length : 0);
  const bytes = new Int8Array(type === "int8" ? sketch.length : 0);
  for (let row = 0; row < rows; row++) {
    const values = sketch.subarray(row * width, (row + 1) * width);
    let largest = 0;
    for (const value of values) {
      largest = Math.max(largest, Math.abs(value));
    }
    const scale = Math.fround(type === "float16" ? largest : largest / steps);
    scales[row] = scale;
    if (scale === 0) {
      continue;
    }
    for (let column = 0; column < width; column++) {
      const value = (values[column] as number) / scale;
      if (type === "float16") {
        halves[row * width + column] = toHalf(value);
      } else {
        bytes[row * width + column] = Math.max(-steps, Math.min(steps, Math.round(value)));
      }
    }
  }
  return {
    sketch:
      type === "float16"
        ? { dtype: "float16", shape, data: halves }
        : { dtype: "int8", shape, data: bytes },
    scales: float32([rows], scales),
  };
}

const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

/** The bits of the nearest IEEE binary16 (ties to even) of a number up to 1. */
export function toHalf(value: number): number {
  single[0] = value;
  const bits = word[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) {
    // Subnormal: multiples of 2^-24; both roundings go to the nearest, ties to even.
    const steps = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(steps);
    const rest = steps - floor;
    const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
    return sign | (floor + (up ? 1 : 0));
  }
  const fraction = bits & 0x7fffff;
  const kept = (exponent << 10) | (fraction >>> 13);
  const rest = fraction & 0x1fff;
  const up = rest > 0x1000 || (rest === 0x1000 && (kept & 1) === 1);
  return sign | (kept + (up ? 1 : 0));
}
