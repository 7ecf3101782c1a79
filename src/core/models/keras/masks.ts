import type { GraphBuilder } from "../../graph/builder.ts";

/** Number of a type in ONNX, as Cast takes it. */
const onnxFloat = 1;
const onnxBool = 9;

/** A mask (bool or number) as float32: 1 where it is true. */
export function maskAsFloat(builder: GraphBuilder, mask: string): string {
  return builder.op("Cast", [mask], { to: onnxFloat });
}

/** A number or mask as bool: true where it is not 0. */
export function asBool(builder: GraphBuilder, value: string): string {
  return builder.op("Cast", [value], { to: onnxBool });
}

/** True where the values differ from a constant of their type. */
export function notEqual(builder: GraphBuilder, value: string, constant: string): string {
  return builder.op("Not", [builder.op("Equal", [value, constant])]);
}

/** All masks at once; undefined where there is none. */
export function both(
  builder: GraphBuilder,
  ...masks: readonly (string | undefined)[]
): string | undefined {
  return masks
    .filter((mask) => mask !== undefined)
    .reduce<string | undefined>(
      (all, mask) => (all === undefined ? mask : builder.op("And", [all, mask])),
      undefined,
    );
}

/** The value with axes of size 1 put in at `axes`, which are those of the result. */
export function unsqueeze(builder: GraphBuilder, value: string, axes: readonly number[]): string {
  return axes.length === 0 ? value : builder.op("Unsqueeze", [value, builder.ints(axes)]);
}

/** The value without axes of size 1. */
export function squeeze(builder: GraphBuilder, value: string, axes: readonly number[]): string {
  return axes.length === 0 ? value : builder.op("Squeeze", [value, builder.ints(axes)]);
}

/** The parts of a value along an axis, of the given sizes. One Split, whose gradient is one Concat. */
export function split(
  builder: GraphBuilder,
  value: string,
  axis: number,
  sizes: readonly number[],
): readonly string[] {
  return sizes.length === 1
    ? [value]
    : builder.ops("Split", [value, builder.ints(sizes)], sizes.length, { axis });
}

/** The values one after the other along an axis. */
export function concat(builder: GraphBuilder, values: readonly string[], axis: number): string {
  const [first = ""] = values;
  return values.length === 1 ? first : builder.op("Concat", values, { axis });
}

/** `count` times the same size. */
export function equalSizes(count: number, size: number): readonly number[] {
  return Array.from({ length: count }, () => size);
}
