import { intAttribute, intsAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import { cannot } from "./value.ts";

/** A sliding window with every number resolved; one entry per spatial axis. */
export interface Window {
  readonly kernel: Shape;
  readonly strides: Shape;
  readonly dilations: Shape;
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly size: Shape;
  readonly out: Shape;
}

/** The window of a node over an input of spatial sizes `size`. */
export function slidingWindow(node: Node, size: Shape, kernel: Shape): Window {
  const ones = size.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const pads = intsAttribute(node, "pads") ?? [...size, ...size].map(() => 0);
  if ([kernel, strides, dilations, pads.slice(size.length)].some((l) => l.length !== size.length)) {
    throw cannot(node, "its attributes do not fit the number of spatial axes");
  }
  if ([...kernel, ...strides, ...dilations].some((step) => step < 1)) {
    throw cannot(node, "a kernel size, stride or dilation is below 1");
  }
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  const axes = size.map((length, axis) => {
    const [stride, padBefore, padAfter] = [
      strides[axis] ?? 1,
      autoPad === "NOTSET" ? (pads[axis] ?? 0) : 0,
      autoPad === "NOTSET" ? (pads[size.length + axis] ?? 0) : 0,
    ];
    const span = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    if (autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER") {
      const out = Math.ceil(length / stride);
      const missing = Math.max(0, (out - 1) * stride + span - length);
      const smaller = Math.floor(missing / 2);
      const before = autoPad === "SAME_UPPER" ? smaller : missing - smaller;
      return { out, before, after: missing - before };
    }
    const steps = (length + padBefore + padAfter - span) / stride;
    let out = Math.floor(steps) + 1;
    if (intAttribute(node, "ceil_mode", 0) !== 0) {
      out = Math.ceil(steps) + 1;
      // A window may not start behind the input and its padding before.
      out = (out - 1) * stride >= length + padBefore ? out - 1 : out;
    }
    return { out: Math.max(0, out), before: padBefore, after: padAfter };
  });
  return {
    kernel,
    strides,
    dilations,
    size,
    before: axes.map((axis) => axis.before),
    after: axes.map((axis) => axis.after),
    out: axes.map((axis) => axis.out),
  };
}

/**
 * For each window offset and output position (`[kernel, out]`, flat) the flat place in the input that it covers;
 * -1 in the padding, -2 beyond it.
 */
export function coveredPlaces(window: Window): Int32Array {
  const { kernel, strides, dilations, before, after, size, out } = window;
  const places = new Int32Array(sizeOf(kernel) * sizeOf(out));
  const positions = sizeOf(out);
  for (let at = 0; at < places.length; at++) {
    let offset = Math.floor(at / positions);
    let position = at % positions;
    let place = 0;
    let stride = 1;
    let outside = 0;
    for (let axis = size.length - 1; axis >= 0; axis--) {
      const length = size[axis] ?? 1;
      const index =
        (position % (out[axis] ?? 1)) * (strides[axis] ?? 1) +
        (offset % (kernel[axis] ?? 1)) * (dilations[axis] ?? 1) -
        (before[axis] ?? 0);
      position = Math.floor(position / (out[axis] ?? 1));
      offset = Math.floor(offset / (kernel[axis] ?? 1));
      if (index < 0 || index >= length) {
        outside = Math.min(outside, index < length + (after[axis] ?? 0) ? -1 : -2);
      }
      place += index * stride;
      stride *= length;
    }
    places[at] = outside < 0 ? outside : place;
  }
  return places;
}
