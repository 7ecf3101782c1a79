import type { GraphBuilder } from "../../graph/builder.ts";
import type { DataType } from "../../graph/tensor.ts";
import type { KerasShape } from "./layer.ts";

/** Declares a value as output of the graph; open sizes get symbols. */
export function declareOutput(
  builder: GraphBuilder,
  name: string,
  dtype: DataType,
  shape: KerasShape,
): void {
  builder.output({
    name,
    dtype,
    shape: shape.map((size, axis) => size ?? (axis === 0 ? "batch" : `${name}.${axis}`)),
  });
}
