import type { GraphBuilder } from "../../graph/builder.ts";
import { intAttribute, intsAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import type { RuleContext } from "../gradient.ts";
import { inputShape, outputShape, unsupported } from "./rule.ts";

/** How a sliding window (of a convolution or a pool) moves over the spatial axes; one entry per axis. */
export interface WindowGeometry {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the first element. */
  readonly before: readonly number[];
  /** Padding after the last element, as the operator states it. */
  readonly after: readonly number[];
  /** Spatial sizes of the input. */
  readonly size: readonly number[];
  /** Spatial sizes of the output. */
  readonly out: readonly number[];
  /** Padding after the last element that the last window really reaches; negative where elements are left over. */
  readonly reach: readonly number[];
}

/** Steps and padding of a window, one or none where the node tells nothing. */
export function stepsOf(
  node: Node,
  axes: number,
): Pick<WindowGeometry, "strides" | "dilations"> & { readonly pads: readonly number[] } {
  const ones = Array<number>(axes).fill(1);
  return {
    strides: intsAttribute(node, "strides") ?? ones,
    dilations: intsAttribute(node, "dilations") ?? ones,
    pads: intsAttribute(node, "pads") ?? Array<number>(2 * axes).fill(0),
  };
}

/** Elements from the first that the first window covers to the last that the last window covers. */
function spanOf({
  kernel,
  strides,
  dilations,
  out,
}: Pick<WindowGeometry, "kernel" | "strides" | "dilations" | "out">): readonly number[] {
  return out.map(
    (count, axis) =>
      (count - 1) * (strides[axis] ?? 1) + (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1,
  );
}

/** Reads the window of a node from its attributes and shapes; `auto_pad` is resolved to numbers. */
export function windowOf(context: RuleContext, kernel: readonly number[]): WindowGeometry {
  const { node } = context;
  const size = inputShape(context, 0).slice(2);
  const out = outputShape(context).slice(2);
  const { strides, dilations, pads } = stepsOf(node, size.length);
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  if (!["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"].includes(autoPad)) {
    throw unsupported(context, `its auto_pad is "${autoPad}"`);
  }
  const span = spanOf({ kernel, strides, dilations, out });
  const before = size.map((length, axis) => {
    if (autoPad === "NOTSET") {
      return pads[axis] ?? 0;
    }
    const missing = Math.max(0, (span[axis] ?? 0) - length);
    if (autoPad === "VALID") {
      return 0;
    }
    return autoPad === "SAME_UPPER" ? Math.floor(missing / 2) : Math.ceil(missing / 2);
  });
  const reach = size.map((length, axis) => (span[axis] ?? 0) - length - (before[axis] ?? 0));
  const after = reach.map((needed, axis) =>
    autoPad === "NOTSET"
      ? (pads[size.length + axis] ?? 0)
      : autoPad === "VALID"
        ? 0
        : Math.max(0, needed),
  );
  return { kernel, strides, dilations, before, after, size, out, reach };
}

/** The window of the convolution whose transpose a node is: it slides over the node's OUTPUT, one step per element of its input. */
export function transposedWindow(context: RuleContext, kernel: readonly number[]): WindowGeometry {
  const { node } = context;
  const out = inputShape(context, 0).slice(2);
  const size = outputShape(context).slice(2);
  const { strides, dilations, pads } = stepsOf(node, size.length);
  const extra = intsAttribute(node, "output_padding") ?? size.map(() => 0);
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  const isFitted = autoPad.startsWith("SAME") || intsAttribute(node, "output_shape") !== undefined;
  const span = spanOf({ kernel, strides, dilations, out });
  const before = size.map((length, axis) => {
    if (!isFitted) {
      return autoPad === "VALID" ? 0 : (pads[axis] ?? 0);
    }
    const missing = Math.max(0, (span[axis] ?? 0) + (extra[axis] ?? 0) - length);
    return autoPad === "SAME_UPPER" ? Math.floor(missing / 2) : Math.ceil(missing / 2);
  });
  const reach = size.map((length, axis) => (span[axis] ?? 0) - length - (before[axis] ?? 0));
  return { kernel, strides, dilations, before, after: reach, size, out, reach };
}

/**
 * The window whose columns a Col2Im adds up: it slides over the node's OUTPUT.
 *
 * @param kernel the operator's `block_shape`
 */
export function columnsWindow(context: RuleContext, kernel: readonly number[]): WindowGeometry {
  const { node } = context;
  const size = outputShape(context).slice(2);
  const { strides, dilations, pads } = stepsOf(node, size.length);
  const before = pads.slice(0, size.length);
  const after = pads.slice(size.length);
  const first = spanOf({ kernel, strides, dilations, out: size.map(() => 1) });
  const out = size.map((length, axis) => {
    const whole = length + (before[axis] ?? 0) + (after[axis] ?? 0);
    return Math.floor((whole - (first[axis] ?? 1)) / (strides[axis] ?? 1)) + 1;
  });
  const span = spanOf({ kernel, strides, dilations, out });
  const reach = size.map((length, axis) => (span[axis] ?? 0) - length - (before[axis] ?? 0));
  return { kernel, strides, dilations, before, after, size, out, reach };
}

/** The window of a pooling node. */
export function poolWindow(context: RuleContext): WindowGeometry {
  const kernel = intsAttribute(context.node, "kernel_shape");
  if (kernel === undefined) {
    throw unsupported(context, "kernel_shape is missing");
  }
  return windowOf(context, kernel);
}

/** The group count of a convolution. */
export function groupsOf(context: RuleContext): number {
  return intAttribute(context.node, "group", 1);
}

/** All offsets inside a kernel, in row-major order. */
export function offsets(kernel: Shape): readonly (readonly number[])[] {
  return Array.from({ length: sizeOf(kernel) }, (_, flat) => {
    let rest = flat;
    return kernel
      .toReversed()
      .map((size) => {
        const digit = rest % size;
        rest = (rest - digit) / size;
        return digit;
      })
      .toReversed();
  });
}

/**
 * What the windows see at one of the kernel's offsets, [images, channels, ...out]: a strided slice.
 *
 * @param padded the image, with padding before it and as far behind it as the last window reaches
 */
export function windowSlice(
  builder: GraphBuilder,
  padded: string,
  { strides, dilations, before, reach, size, out }: WindowGeometry,
  offset: readonly number[],
): string {
  const starts = offset.map((index, axis) => index * (dilations[axis] ?? 1));
  const ends = starts.map(
    (start, axis) => start + ((out[axis] ?? 1) - 1) * (strides[axis] ?? 1) + 1,
  );
  const isAll = size.every(
    (length, axis) =>
      starts[axis] === 0 &&
      strides[axis] === 1 &&
      ends[axis] === length + (before[axis] ?? 0) + Math.max(0, reach[axis] ?? 0),
  );
  return isAll
    ? padded
    : builder.op("Slice", [
        padded,
        builder.ints(starts),
        builder.ints(ends),
        builder.ints(size.map((_, axis) => axis + 2)),
        builder.ints(strides),
      ]);
}

/**
 * Spreads g [batch, outputs, ...out] back over the input [batch, channels, ...size] with a weight
 * [outputs, channels / groups, ...kernel].
 */
export function transposedConvolution(
  context: RuleContext,
  g: string,
  weight: string,
  window: WindowGeometry,
  groups: number,
): string {
  const { kernel, strides, dilations, before, reach } = window;
  return context.builder.op("ConvTranspose", [g, weight], {
    kernel_shape: kernel,
    strides,
    dilations,
    pads: [...before, ...reach.map((size) => Math.max(0, size))],
    // What lies behind the last window got nothing from it.
    output_padding: reach.map((size) => Math.max(0, -size)),
    group: groups,
  });
}
