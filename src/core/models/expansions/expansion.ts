import type { Node } from "../../graph/graph.ts";
import type { DataType } from "../../graph/tensor.ts";
import { type Conversion, Replacement } from "../conversion.ts";

/** Size of one axis; undefined where it is the batch's. */
export type Size = number | undefined;

/** What the expansion of a node may ask: as for a conversion, and the shapes of its inputs. */
export interface Expansion extends Conversion {
  /** Sizes of the axes of an input value. */
  sizes(value: string): readonly Size[];
  /** Element type of an input value. */
  dtype(value: string): DataType | undefined;
  /** Whether a node or an output of the graph takes a value. */
  isUsed(value: string): boolean;
  /** The node that makes a value. */
  producer(value: string): Node | undefined;
}

/** Nodes in the place of one whose form depends on shapes, with the slices and joins that these need. */
export class Expander extends Replacement {
  constructor(readonly expansion: Expansion) {
    super(expansion);
  }

  /** Elements `start` to `end` along an axis. */
  slice(value: string, axis: number, start: number, end: number): string {
    return this.apply("Slice", [
      value,
      this.ints("starts", [start]),
      this.ints("ends", [end]),
      this.ints("axes", [axis]),
    ]);
  }

  /** Element `index` along an axis, without the axis. */
  at(value: string, axis: number, index: number): string {
    return this.squeeze(this.slice(value, axis, index, index + 1), axis);
  }

  squeeze(value: string, axis: number): string {
    return this.apply("Squeeze", [value, this.ints("axes", [axis])]);
  }

  unsqueeze(value: string, ...axes: readonly number[]): string {
    return axes.length === 0
      ? value
      : this.apply("Unsqueeze", [value, this.ints("axes", [...axes])]);
  }

  transpose(value: string, perm: readonly number[]): string {
    return perm.every((axis, index) => axis === index)
      ? value
      : this.apply("Transpose", [value], { perm: { type: "ints", value: perm } });
  }

  concat(values: readonly string[], axis: number): string {
    const [first = ""] = values;
    return values.length === 1
      ? first
      : this.apply("Concat", values, { axis: { type: "int", value: axis } });
  }

  reshape(value: string, sizes: readonly Size[]): string {
    return this.apply("Reshape", [
      value,
      this.ints(
        "shape",
        sizes.map((size) => size ?? -1),
      ),
    ]);
  }
}
