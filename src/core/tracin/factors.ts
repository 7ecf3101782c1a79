import type { GraphBuilder } from "../graph/builder.ts";
import { float32, int64, type Shape, sizeOf } from "../graph/tensor.ts";
import { exampleMajor } from "./batch-axis.ts";
import { convolutionFactors } from "./convolution-factors.ts";
import type { Forward } from "./forward.ts";
import { alignedShape, type ElementwiseSite, type Site } from "./sites.ts";
import { tilesOf } from "./tiles.ts";

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

/** G = sum over positions of u_p delta_p^T, [inputs, outputs]. */
export interface Outer {
  readonly kind: "outer";
  readonly u: Factor;
  readonly delta: Factor;
  /** Groups of a convolution; they are part of the factors' batch axis. */
  readonly groups: number;
  /** True when a bias belongs to it: u has one more feature, which is always 1. */
  readonly bias: boolean;
  /** True where u is the same at every checkpoint and dear enough to be kept, whatever its size. */
  readonly isKept?: boolean;
}

/** The same with u one-hot: rows `ids` of an embedding table. */
export interface Rows {
  readonly kind: "rows";
  /** int64 [batch, positions] */
  readonly ids: string;
  readonly rows: number;
  readonly delta: Factor;
}

/**
 * Both for one table [rows, features]: the gradients add up. The inputs of the products lie along the table's rows, like
 * the one-hot inputs of the lookups (where a table is an output layer, delta and input have changed places for that).
 */
export interface Tied {
  readonly kind: "tied";
  readonly rows: Rows;
  readonly outer: Outer;
}

/** The per-example gradient of one site, still factored where it can be. */
export type SiteFactors =
  | Outer
  | Rows
  | Tied
  /** G itself, [batch, size]. */
  | {
      readonly kind: "vector";
      readonly value: string;
      readonly size: number;
      /** What making it takes, where that is more than the gradient itself. */
      readonly floatsPerExample?: number;
    };

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
      const tiles = tilesOf(builder, gradient);
      const [rows, features = 1] = forward.type(site.y).shape;
      if (tiles !== undefined && rows === batch && site.yAxis === 1) {
        const elements = builder.reshape(tiles.columns, [batch, features, tiles.covered]);
        const value = scaleBy(builder, builder.reduceSum(elements, [2]), site.scale);
        return { kind: "vector", value, size: features };
      }
      const scaled = scaleBy(builder, gradient, site.scale);
      const delta = factorOf(forward, site.y, scaled, site.yAxis);
      const axis = delta.layout === "PF" ? 1 : 2;
      const value =
        delta.positions === 1
          ? builder.reshape(delta.value, [batch, delta.features])
          : builder.reduceSum(delta.value, [axis]);
      return { kind: "vector", value, size: delta.features };
    }
    case "elementwise":
      return elementwiseFactors(forward, site, gradient);
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

/** The shape of a factor's value. */
export function factorShape({ layout, positions, features }: Factor, batch: number): Shape {
  return layout === "PF" ? [batch, positions, features] : [batch, features, positions];
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
  const order = [batchAxis, ...others, axis];
  const ordered = ordinary(forward, like, value);
  // Axes of size 1 move without a copy.
  const isInOrder = isAscending(order.filter((index) => shape[index] !== 1));
  const front = isInOrder ? ordered : builder.transpose(ordered, order);
  return {
    value: builder.reshape(front, [batch, positions, features]),
    layout: "PF",
    positions,
    features,
  };
}

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] as number));
}

/** The delta (times the factor) summed over the axes along which the weight is broadcast: [batch, size]. */
function elementwiseFactors(
  forward: Forward,
  site: ElementwiseSite,
  gradient: string,
): SiteFactors {
  const { builder, batch } = forward;
  const { shape } = forward.type(site.y);
  const { axis, positions } = forward.batchAxis(site.y);
  const weight = alignedShape(forward.type(site.weight).shape, shape.length);
  const product = site.factor === undefined ? gradient : builder.mul(gradient, site.factor);
  const ordered = ordinary(forward, site.y, product);
  const split = [...shape.slice(0, axis), batch, positions, ...shape.slice(axis + 1)];
  const value = positions === 1 ? ordered : builder.reshape(ordered, split);
  const sizes = positions === 1 ? shape : split;
  // Where positions share the axis of the batch, they are one more axis behind it.
  const kept =
    positions === 1 ? weight : [...weight.slice(0, axis + 1), 1, ...weight.slice(axis + 1)];
  const summed = sizes.flatMap((size, index) =>
    index !== axis && size !== 1 && kept[index] === 1 ? [index] : [],
  );
  const sum = builder.reduceSum(value, summed, true);
  const size = sizeOf(weight);
  const front =
    axis === 0 || size === 1 ? sum : builder.transpose(sum, toFront(sizes.length, axis));
  const flat = builder.reshape(front, [batch, size]);
  return {
    kind: "vector",
    value: site.sign === 1 ? flat : builder.op("Neg", [flat]),
    size,
  };
}

/** A value that is laid out like another one, with the entries of each example side by side. */
export function ordinary(forward: Forward, like: string, value: string): string {
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
