import type { AttributeShorthand } from "../../graph/builder.ts";
import type { LayerContext } from "./layer.ts";

/** Sizes of spatial axes; null where open. */
export type Sizes = readonly (number | null)[];

/** Windows that slide over spatial axes, as convolution and pooling layers set them. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly padding: "valid" | "same" | "causal";
  /** strides, dilations and pads (or auto_pad) of a Conv or pooling node. */
  readonly attributes: Readonly<Record<string, AttributeShorthand>>;
}

/**
 * The windows of a layer. `same` pads so that the output has ceil(n / stride) positions, more of the padding behind; `causal`
 * pads in front alone.
 * @param key setting with the size of the window
 * @param stride of the windows unless told; a pool's is its size
 */
export function windowOf(
  context: LayerContext,
  key: string,
  rank: number,
  sizes: Sizes,
  stride: number | "size",
): Window {
  const { layer } = context;
  if (sizes.length !== rank) {
    throw context.error(`The layer needs an input with ${rank + 2} axes.`);
  }
  const kernel = layer.ints(key, rank, key === "pool_size" ? 2 : undefined);
  const strides = layer.ints("strides", rank, stride === "size" ? kernel : stride);
  const dilations = layer.ints("dilation_rate", rank, 1);
  const padding = layer.choice("padding", ["valid", "same", "causal"], "valid");
  return {
    kernel,
    strides,
    dilations,
    padding,
    attributes: { strides, dilations, ...padsOf({ kernel, strides, dilations, padding }, sizes) },
  };
}

function padsOf(
  window: Omit<Window, "attributes">,
  sizes: Sizes,
): Readonly<Record<string, AttributeShorthand>> {
  const { kernel, padding } = window;
  if (padding === "valid") {
    return { pads: [...kernel, ...kernel].map(() => 0) };
  }
  const totals = kernel.map((_, axis) => totalPadding(window, axis, sizes[axis] ?? null));
  if (totals.includes(null)) {
    return { auto_pad: "SAME_UPPER" };
  }
  const before = totals.map((total) =>
    padding === "causal" ? (total ?? 0) : Math.floor((total ?? 0) / 2),
  );
  return { pads: [...before, ...totals.map((total, axis) => (total ?? 0) - (before[axis] ?? 0))] };
}

/** Padding of one axis; null where it depends on an open size. */
function totalPadding(
  { kernel, strides, dilations, padding }: Omit<Window, "attributes">,
  axis: number,
  size: number | null,
): number | null {
  const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1);
  const stride = strides[axis] ?? 1;
  if (padding === "causal" || stride === 1) {
    return reach;
  }
  return size === null
    ? null
    : Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach + 1 - size);
}

/** Sizes after the windows. */
export function windowOutput({ kernel, strides, dilations, padding }: Window, sizes: Sizes): Sizes {
  return sizes.map((size, axis) => {
    const reach = ((kernel[axis] ?? 1) - 1) * (dilations[axis] ?? 1);
    const room = size === null ? null : padding === "valid" ? size - reach : size;
    return room === null ? null : Math.ceil(room / (strides[axis] ?? 1));
  });
}
