import { type Shape, sizeOf } from "../../graph/tensor.ts";
import { coveredPlaces, type Window } from "../reference/window.ts";
import { transpose } from "./shape.ts";
import { type Run, reshape, type TfTensor } from "./value.ts";

/**
 * The elements under a window of any rank, stride, dilation and padding: x [batch, channels, ...size] becomes
 * [kernel, positions, batch channels], `fill` in the padding. For what tfjs has no operator for.
 */
export function patches(run: Run, x: TfTensor, window: Window, fill: number): TfTensor {
  const { tf } = run;
  const planes = sizeOf(x.shape.slice(0, 2));
  const area = sizeOf(window.size);
  const rows = transpose(run, reshape(run, x, [planes, area]), [1, 0]);
  const withPadding = tf.concat([rows, tf.fill([1, planes], fill)], 0);
  const found = tf.gatherND(withPadding, placesOf(run, window));
  return reshape(run, found, [sizeOf(window.kernel), sizeOf(window.out), planes]);
}

/**
 * The transpose of {@link patches}: adds values [kernel, positions, planes] to the places that they come from, [planes, area].
 */
export function fold(run: Run, values: TfTensor, window: Window): TfTensor {
  const { tf } = run;
  const planes = values.shape[2] ?? 1;
  const area = sizeOf(window.size);
  const rows = reshape(run, values, [sizeOf(window.kernel) * sizeOf(window.out), planes]);
  const sums = tf.scatterND(placesOf(run, window), rows, [area + 1, planes]);
  return transpose(run, tf.slice(sums, [0, 0], [area, planes]), [1, 0]);
}

/** A text that is equal for equal windows. */
export function keyOf(window: Window): string {
  return JSON.stringify(window);
}

/** Whether windows lie side by side from the first element on, and no element is in two of them. */
export function isTiling({ kernel, strides, dilations, before }: Window): boolean {
  return kernel.every(
    (size, axis) => strides[axis] === size && dilations[axis] === 1 && before[axis] === 0,
  );
}

/** The row of the input under each window element, [kernel positions, 1]; all padding is the row behind the last. */
function placesOf(run: Run, window: Window): TfTensor {
  return run.constant(`places ${keyOf(window)}`, () => {
    const area = sizeOf(window.size);
    const places = coveredPlaces(window).map((place) => (place < 0 ? area : place));
    return run.tf.tensor2d(places, [places.length, 1], "int32");
  });
}

/** [batch, channels, ...size] to [batch, ...size, channels], which the convolutions and pools of tfjs want. */
export function channelsLast(run: Run, x: TfTensor): TfTensor {
  const spatial = x.shape.slice(2).map((_, axis) => axis + 2);
  return transpose(run, x, [0, ...spatial, 1]);
}

/** [batch, ...size, channels] to [batch, channels, ...size]. */
export function channelsFirst(run: Run, x: TfTensor): TfTensor {
  const last = x.shape.length - 1;
  return transpose(run, x, [0, last, ...x.shape.slice(1, -1).map((_, axis) => axis + 1)]);
}

/**
 * What must stand around an input [batch, channels, ...size] so that exactly the window's positions fit. Negative numbers
 * say what is left over.
 */
export function padsOf(window: Window): { before: number[]; after: number[] } {
  const { before, size, out, kernel, strides, dilations } = window;
  const after = size.map((length, axis) => {
    const span = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    return ((out[axis] ?? 1) - 1) * (strides[axis] ?? 1) + span - length - (before[axis] ?? 0);
  });
  return { before: [0, 0, ...before], after: [0, 0, ...after.map((count) => Math.max(0, count))] };
}

/** A line as a plane of height 1, since tfjs has fewer operators for lines. */
export function asPlane(window: Window): Window {
  const wide = (sizes: Shape, first: number) => (sizes.length === 1 ? [first, ...sizes] : sizes);
  return {
    kernel: wide(window.kernel, 1),
    strides: wide(window.strides, 1),
    dilations: wide(window.dilations, 1),
    before: wide(window.before, 0),
    after: wide(window.after, 0),
    size: wide(window.size, 1),
    out: wide(window.out, 1),
  };
}
