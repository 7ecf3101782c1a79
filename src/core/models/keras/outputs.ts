import type { GraphBuilder } from "../../graph/builder.ts";
import type { DataType } from "../../graph/tensor.ts";
import type { Translation } from "./context.ts";
import type { KerasShape } from "./layer.ts";
import { maskAsFloat } from "./masks.ts";
import type { NetworkOutputs } from "./network.ts";

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

/**
 * Declares the masks of outputs as outputs `NAME/mask`, and says which belongs to which: Keras leaves masked positions out of
 * every loss. A mask with as many axes as its output says nothing of positions: the loss of one example alone is then the same
 * without it.
 */
export function declareMasks(
  { builder, maskRanks, unmasked }: Translation,
  outputs: NetworkOutputs,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [output, { value, mask, shape }] of outputs) {
    const rank = maskRanks.get(mask ?? "") ?? 2;
    if (mask === undefined || unmasked.has(value) || rank >= shape.length) {
      continue;
    }
    const name = `${output}/mask`;
    builder.add({
      op: "Identity",
      name,
      inputs: [maskAsFloat(builder, mask)],
      outputs: [name],
      attributes: {},
    });
    declareOutput(builder, name, "float32", shape.slice(0, rank));
    found[output] = name;
    found[logitsName(output)] = name;
  }
  return found;
}

/** Name of an output that holds what another one's cross-entropy is taken of. */
export function logitsName(output: string): string {
  return `${output}/logits`;
}
