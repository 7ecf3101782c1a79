import type { KerasTensor, LayerContext } from "../../layer.ts";
import { LayerConfig } from "../../settings.ts";

/** The axes of inputs [batch, ..., features] of an attention layer. */
export interface AttentionAxes {
  /** Axes that are attended over. */
  readonly attended: readonly number[];
  /** Axes between batch and features that are not: more of a batch. */
  readonly others: readonly number[];
}

/** The context of a projection inside a layer, whose weights are [in, heads, size] and the like. */
function projectionOf(context: LayerContext, name: string, attribute: string): LayerContext {
  const config = { class_name: "EinsumDense", config: { name } };
  return context.child(
    new LayerConfig(config, context.layer.file),
    { attributes: [`${attribute}_dense`, `_${attribute}_dense`], names: [name] },
    context.call,
  );
}

/** x W + b with the last axis of x in and axes of `sizes` out, these as one axis. */
function affine(
  context: LayerContext,
  x: string,
  weights: LayerContext,
  shapes: { readonly inputs: readonly number[]; readonly outputs: readonly number[] },
): string {
  const { builder } = context;
  const [width, size] = [product(shapes.inputs), product(shapes.outputs)];
  const kernel = weights.weight("kernel", [...shapes.inputs, ...shapes.outputs]);
  const y = builder.matmul(x, builder.reshape(kernel, [width, size]));
  return context.layer.bool("use_bias", true)
    ? builder.add2(y, builder.reshape(weights.weight("bias", shapes.outputs), [size]))
    : y;
}

/** A projection to heads: [batch, ...others, heads, positions, size], the attended axes as one. */
export function toHeads(
  context: LayerContext,
  x: KerasTensor,
  name: string,
  axes: AttentionAxes,
  { heads, size }: { readonly heads: number; readonly size: number },
): string {
  const { builder } = context;
  const last = x.shape.length - 1;
  const y = affine(context, context.plain(x), projectionOf(context, name, name), {
    inputs: [context.size(x, last)],
    outputs: [heads, size],
  });
  const middle = sizesOf(context, x, range(1, last));
  const split = builder.reshape(y, [-1, ...middle, heads, size]);
  const moved = builder.transpose(split, [0, ...axes.others, last, ...axes.attended, last + 1]);
  const others = sizesOf(context, x, axes.others);
  return axes.attended.length === 1
    ? moved
    : builder.reshape(moved, [-1, ...others, heads, positionsOf(context, x, axes), size]);
}

/** Heads [batch, ...others, heads, positions, size] back in the places of the query's positions, and projected. */
export function fromHeads(
  context: LayerContext,
  value: string,
  query: KerasTensor,
  axes: AttentionAxes,
  {
    heads,
    size,
    outputs,
  }: {
    readonly heads: number;
    readonly size: number;
    readonly outputs: readonly number[];
  },
): KerasTensor {
  const { builder } = context;
  const last = query.shape.length - 1;
  const split =
    axes.attended.length === 1
      ? value
      : builder.reshape(value, [
          -1,
          ...sizesOf(context, query, axes.others),
          heads,
          ...sizesOf(context, query, axes.attended),
          size,
        ]);
  const order = [0, ...axes.others, last, ...axes.attended, last + 1];
  const moved = builder.transpose(
    split,
    order.map((_, axis) => order.indexOf(axis)),
  );
  const middle = sizesOf(context, query, range(1, last));
  const joined = builder.reshape(moved, [-1, ...middle, heads * size]);
  const projection = projectionOf(context, "attention_output", "output");
  const y = affine(context, joined, projection, { inputs: [heads, size], outputs });
  const shape = [...middle, ...outputs];
  return context.tensor(outputs.length === 1 ? y : builder.reshape(y, [-1, ...shape]), [
    null,
    ...shape,
  ]);
}

export function sizesOf(
  context: LayerContext,
  x: KerasTensor,
  axes: readonly number[],
): readonly number[] {
  return axes.map((axis) => context.size(x, axis));
}

/** Number of positions that are attended over. */
export function positionsOf(context: LayerContext, x: KerasTensor, axes: AttentionAxes): number {
  return product(sizesOf(context, x, axes.attended));
}

export function range(start: number, end: number): readonly number[] {
  return Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((a, b) => a * b, 1);
}
