import type { GraphBuilder } from "../graph/builder.ts";
import type { Shape } from "../graph/tensor.ts";
import { float32, int64 } from "../graph/tensor.ts";
import { exampleMajor } from "./batch-axis.ts";
import type { Forward } from "./forward.ts";
import { type ConvolutionSite, convolutionGeometry, type Site } from "./sites.ts";

/**
 * A tensor [batch, positions, features], stored as such ("PF") or with the last two axes swapped ("FP"),
 * whichever the model's own layout gives without a copy.
 */
export interface Factor {
  readonly value: string;
  readonly layout: "PF" | "FP";
  readonly positions: number;
  readonly features: number;
}

/** The per-example gradient of one site, still factored where it can be. */
export type SiteFactors =
  /** G = sum over positions of u_p delta_p^T, [inputs, outputs]. */
  | {
      readonly kind: "outer";
      readonly u: Factor;
      readonly delta: Factor;
      /** Groups of a convolution; they are part of the factors' batch axis. */
      readonly groups: number;
      /** True when a bias belongs to it: u has one more feature, which is always 1. */
      readonly bias: boolean;
    }
  /** The same with u one-hot: rows `ids` of an embedding table. */
  | {
      readonly kind: "rows";
      /** int64 [batch, positions] */
      readonly ids: string;
      readonly rows: number;
      readonly delta: Factor;
    }
  /** G itself, [batch, size]. */
  | { readonly kind: "vector"; readonly value: string; readonly size: number };

/** Builds the factors of a site from the gradient of its tap. */
export function siteFactors(forward: Forward, site: Site, gradient: string): SiteFactors {
  const { builder, batch } = forward;
  switch (site.kind) {
    case "dense": {
      const u = factorOf(forward, site.x, site.x, site.xAxis);
      const delta = factorOf(forward, site.y, scaleBy(builder, gradient, site.scale), site.yAxis);
      return { kind: "outer", u, delta, groups: 1, bias: false };
    }
    case "convolution":
      return convolutionFactors(forward, site, gradient);
    case "embedding": {
      const idsType = forward.type(site.ids);
      const delta = factorOf(forward, site.y, gradient, forward.type(site.y).shape.length - 1);
      const { axis } = forward.batchAxis(site.ids);
      const ordered = ordinary(forward, site.ids, site.ids);
      const front = builder.transpose(ordered, toFront(idsType.shape.length, axis));
      const ids = builder.reshape(front, [batch, delta.positions]);
      const wide = idsType.dtype === "int64" ? ids : builder.op("Cast", [ids], { to: 7 });
      const rows = forward.type(site.weight).shape[0] as number;
      return {
        kind: "rows",
        ids: wide,
        rows,
        delta:
          site.paddingRow === undefined
            ? delta
            : withoutRow(builder, delta, wide, site.paddingRow, batch),
      };
    }
    case "bias": {
      const scaled = scaleBy(builder, gradient, site.scale);
      const delta = factorOf(forward, site.y, scaled, site.yAxis);
      const axis = delta.layout === "PF" ? 1 : 2;
      const value =
        delta.positions === 1
          ? builder.reshape(delta.value, [batch, delta.features])
          : builder.reduceSum(delta.value, [axis]);
      return { kind: "vector", value, size: delta.features };
    }
    case "broadcast": {
      const size = site.shape.reduce((product, n) => product * n, 1) / batch;
      const positions = (site.shape[site.batchAxis] as number) / batch;
      const axis = forward.batchAxis(site.node.outputs[0] as string);
      const ordered = exampleMajor(builder, gradient, site.shape, axis);
      const front = builder.transpose(ordered, toFront(site.shape.length, site.batchAxis));
      if (positions === 1) {
        return { kind: "vector", value: builder.reshape(front, [batch, size]), size };
      }
      const split = builder.reshape(front, [batch, positions, size / positions]);
      return { kind: "vector", value: builder.reduceSum(split, [1]), size: size / positions };
    }
  }
}

/** [B, P, F] in "PF" layout. */
export function positionsFirst(builder: GraphBuilder, factor: Factor): string {
  return factor.layout === "PF" ? factor.value : builder.transpose(factor.value, [0, 2, 1]);
}

/** [B, F, P], the "FP" layout. */
export function featuresFirst(builder: GraphBuilder, factor: Factor): string {
  return factor.layout === "FP" ? factor.value : builder.transpose(factor.value, [0, 2, 1]);
}

/** A value (or its gradient, of the same shape) as factor: features on `axis`, the batch in front, positions between. */
function factorOf(forward: Forward, like: string, value: string, axis: number): Factor {
  const { builder, batch } = forward;
  const { shape } = forward.type(like);
  const features = shape[axis] as number;
  const positions = shape.reduce((product, n) => product * n, 1) / (features * batch);
  const batchAxis = forward.batchAxis(like).axis;
  const isBatchFront = batchAxis === 0 && shape[0] === batch;
  if (isBatchFront && axis === 1 && shape.length > 2) {
    return {
      value: builder.reshape(value, [batch, features, positions]),
      layout: "FP",
      positions,
      features,
    };
  }
  const others = shape.map((_, index) => index).filter((i) => i !== axis && i !== batchAxis);
  const front = builder.transpose(ordinary(forward, like, value), [batchAxis, ...others, axis]);
  return {
    value: builder.reshape(front, [batch, positions, features]),
    layout: "PF",
    positions,
    features,
  };
}

/** A value that is laid out like another one, with the entries of each example side by side. */
function ordinary(forward: Forward, like: string, value: string): string {
  return exampleMajor(forward.builder, value, forward.type(like).shape, forward.batchAxis(like));
}

function toFront(rank: number, axis: number): number[] {
  return [axis, ...Array.from({ length: rank }, (_, index) => index).filter((i) => i !== axis)];
}

/** The deltas with zeros at the positions whose id is `row`. */
function withoutRow(
  builder: GraphBuilder,
  delta: Factor,
  ids: string,
  row: number,
  batch: number,
): Factor {
  const isRow = builder.op("Equal", [ids, builder.constant(int64([], [row]))]);
  const kept = builder.op("Cast", [builder.op("Not", [isRow])], { to: 1 });
  const { layout, positions } = delta;
  const shape = layout === "PF" ? [batch, positions, 1] : [batch, 1, positions];
  return { ...delta, value: builder.mul(delta.value, builder.reshape(kept, shape)) };
}

function scaleBy(builder: GraphBuilder, value: string, factor: number): string {
  return factor === 1 ? value : builder.mul(value, builder.constant(float32([], [factor])));
}

/**
 * Patches of a convolution: u [B, P, K] with K = kernel positions x input channels of the group, in that order
 * (the order cancels in every product, as both sides share it). With groups, the group is part of the batch:
 * [B * groups, P, K].
 */
function convolutionFactors(
  forward: Forward,
  site: ConvolutionSite,
  gradient: string,
): SiteFactors {
  const { builder, batch } = forward;
  const xShape = forward.type(site.x).shape;
  const yShape = forward.type(site.y).shape;
  const geometry = convolutionGeometry(site.node, xShape, forward.type(site.weight).shape, yShape);
  const { groups } = geometry;
  const images = xShape[0] as number;
  const channels = xShape[1] as number;
  const outputs = yShape[1] as number;
  const spatial = yShape.slice(2);
  const area = spatial.reduce((product, n) => product * n, 1);
  const x = ordinary(forward, site.x, site.x);
  const patches = patchSlices(builder, x, geometry, xShape, spatial);
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
  const delta = toExample(builder, ordinary(forward, site.y, gradient), {
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
function patchSlices(
  builder: GraphBuilder,
  x: string,
  geometry: ReturnType<typeof convolutionGeometry>,
  xShape: Shape,
  spatial: readonly number[],
): string[] {
  const { kernel, strides, dilations, before, after } = geometry;
  const isPadded = [...before, ...after].some((size) => size > 0);
  const padded = isPadded
    ? builder.op("Pad", [x, builder.ints([0, 0, ...before, 0, 0, ...after]), builder.scalar(0)], {
        mode: "constant",
      })
    : x;
  const isWhole =
    !isPadded && kernel.every((size) => size === 1) && strides.every((stride) => stride === 1);
  if (isWhole) {
    return [padded];
  }
  const axes = spatial.map((_, axis) => axis + 2);
  return offsets(kernel).map((offset) => {
    const starts = offset.map((index, axis) => index * (dilations[axis] as number));
    const ends = starts.map(
      (start, axis) => start + ((spatial[axis] as number) - 1) * (strides[axis] as number) + 1,
    );
    const size = xShape
      .slice(2)
      .map((n, axis) => n + (before[axis] as number) + (after[axis] as number));
    const isAll = starts.every(
      (start, axis) => start === 0 && ends[axis] === size[axis] && strides[axis] === 1,
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

/** All index tuples of a box, last axis fastest. */
function offsets(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (tuples, size) =>
      tuples.flatMap((tuple) => Array.from({ length: size }, (_, index) => [...tuple, index])),
    [[]],
  );
}
