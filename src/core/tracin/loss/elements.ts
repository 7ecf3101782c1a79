import { TracInError } from "../../errors.ts";
import { formatShape, type Shape, sizeOf } from "../../graph/tensor.ts";
import { reciprocalOf, scaled, sumOverExample } from "./examples.ts";
import type { LossSource } from "./loss.ts";

/** A graph input of the targets' shape, as [batch, outputs]. */
export function flatInput(
  { builder, batch, target }: LossSource,
  name: string,
  outputs: number,
): string {
  const input = builder.input({ name, dtype: "float32", shape: [batch, ...target.shape] });
  return builder.reshape(input, [batch, outputs]);
}

/** Loss and gradient of the sum or mean over an example's outputs that count. */
export function reduceOutputs(
  { builder, loss, batch, target }: LossSource,
  parts: {
    readonly total: string;
    /** [batch, outputs] */
    readonly gradient: string;
    readonly mask: string | undefined;
    readonly outputs: number;
  },
): { readonly loss: string; readonly gradient: string } {
  const { total, gradient, mask, outputs } = parts;
  if (loss.reduction === "sum") {
    return { loss: total, gradient };
  }
  if (!target.masked || mask === undefined) {
    return {
      loss: scaled(builder, total, 1 / outputs),
      gradient: scaled(builder, gradient, 1 / outputs),
    };
  }
  const factor = reciprocalOf(builder, sumOverExample(builder, mask, batch, outputs));
  return {
    loss: builder.mul(total, factor),
    gradient: builder.mul(gradient, builder.reshape(factor, [batch, 1])),
  };
}

/**
 * Outputs of one example. Output and target may differ in axes of size 1, or one of them may be flat.
 * @throws kind `config` when they do not fit
 */
export function outputsOf({ loss, shape, target }: LossSource): number {
  const [own, wanted] = [shape.slice(1), target.shape];
  const outputs = sizeOf(own);
  const plain = (sizes: Shape) => sizes.filter((size) => size !== 1);
  const isFlat = plain(own).length < 2 || plain(wanted).length < 2;
  if (outputs === sizeOf(wanted) && (isFlat || plain(own).join() === plain(wanted).join())) {
    return outputs;
  }
  throw new TracInError(
    "config",
    `Output and targets do not fit: "${loss.output}" gives ${formatShape(own)} for an example, its target has ${formatShape(wanted)}.`,
    { file: "tracin.json" },
    "Correct the target, its size, or loss.output.",
  );
}
