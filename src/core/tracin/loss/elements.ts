import { TracInError } from "../../errors.ts";
import type { GraphBuilder } from "../../graph/builder.ts";
import { formatShape, type Shape, sizeOf } from "../../graph/tensor.ts";
import { columns, reciprocalOf, scaled, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetMaskInput } from "./loss.ts";

/** A graph input of the targets' shape, as [batch, outputs]. */
export function flatInput(
  { builder, batch, target }: LossSource,
  name: string,
  outputs: number,
): string {
  const input = builder.input({ name, dtype: "float32", shape: [batch, ...target.shape] });
  return builder.reshape(input, [batch, outputs]);
}

/**
 * The model's own mask (`LossSpec.mask`) at each of an example's positions, as [batch, positions]; undefined where it has none.
 * Axes that the mask lacks are the last ones.
 *
 * @param positions their sizes, the batch first
 * @throws kind `model` when they are not those that the mask speaks of
 */
export function modelMask(
  { builder, loss, batch, type }: LossSource,
  positions: Shape,
): string | undefined {
  if (loss.mask === undefined) {
    return undefined;
  }
  const { shape } = type(loss.mask);
  if (!shape.every((size, axis) => size === positions[axis])) {
    throw new TracInError(
      "model",
      `The mask of the output "${loss.output}" has the shape ${formatShape(shape)}, its positions ${formatShape(positions)}: which of them count cannot be told.`,
      {},
      "Remove the mask before the model's last layers (mask_zero=False, or a layer that drops it), and save the model again.",
    );
  }
  const each = sizeOf(positions.slice(shape.length));
  const own = sizeOf(shape) / batch;
  const mask = builder.reshape(loss.mask, [batch, own, 1]);
  return builder.reshape(builder.op("Expand", [mask, builder.ints([batch, own, each])]), [
    batch,
    own * each,
  ]);
}

/** Which of an example's outputs count, and which a mean divides by; undefined for all of them. */
export interface ToldMask<Mask extends string | undefined> {
  readonly counted: Mask;
  readonly divisor: Mask;
}

/** Outputs that count are those that a mean divides by. */
export function sameMask<Mask extends string | undefined>(counted: Mask): ToldMask<Mask> {
  return { counted, divisor: counted };
}

/**
 * The mask of targets of which one may be explained alone: 1 counts, 0 does not, and -1 does not either but is one of the outputs
 * that a mean divides by. So the parts of all outputs add up to the loss of the target.
 */
export function toldMask(source: LossSource, outputs: number): ToldMask<string> {
  const { builder, loss } = source;
  const told = flatInput(source, targetMaskInput, outputs);
  return loss.reduction === "mean"
    ? { counted: builder.op("Relu", [told]), divisor: builder.op("Abs", [told]) }
    : sameMask(told);
}

/** The product of masks; undefined where there is none. */
export function allOf(
  builder: GraphBuilder,
  ...masks: readonly (string | undefined)[]
): string | undefined {
  const [first, ...others] = masks.filter((mask) => mask !== undefined);
  return others.reduce((all, mask) => builder.mul(all ?? mask, mask), first);
}

/** Loss and gradient of the sum or mean over an example's outputs that count. */
export function reduceOutputs(
  { builder, loss, shape, batch, target }: LossSource,
  parts: {
    readonly total: string;
    /** [batch, outputs] */
    readonly gradient: string;
    /** 1 at the outputs that a mean divides by; undefined for all. */
    readonly divisor: string | undefined;
    readonly outputs: number;
    /** Outputs that a mean counts as one. */
    readonly together?: number;
  },
): { readonly loss: string; readonly gradient: string } {
  const { total, gradient, divisor, outputs, together = 1 } = parts;
  if (loss.reduction === "sum") {
    const share = loss.meanOfLast === undefined ? 1 : 1 / (shape.at(-1) ?? 1);
    return share === 1
      ? { loss: total, gradient }
      : { loss: scaled(builder, total, share), gradient: scaled(builder, gradient, share) };
  }
  if (divisor === undefined || (!target.masked && loss.mask === undefined)) {
    return {
      loss: scaled(builder, total, together / outputs),
      gradient: scaled(builder, gradient, together / outputs),
    };
  }
  const one = reciprocalOf(builder, sumOverExample(builder, divisor, batch, outputs));
  const factor = scaled(builder, one, together);
  return {
    loss: builder.mul(total, factor),
    gradient: builder.mul(gradient, builder.reshape(factor, [batch, 1])),
  };
}

/** How many of an example's outputs count, and the mean over them: [batch] each. */
export function countAndMean(
  { builder, batch }: Pick<LossSource, "builder" | "batch">,
  parts: {
    readonly total: string;
    /** 1 at the outputs that count; undefined for all. */
    readonly counted: string | undefined;
    readonly outputs: number;
  },
): readonly [count: string, mean: string] {
  const { total, counted, outputs } = parts;
  const count =
    counted === undefined
      ? builder.op("Expand", [builder.scalar(outputs), builder.ints([batch])])
      : sumOverExample(builder, counted, batch, outputs);
  return [count, builder.mul(total, reciprocalOf(builder, count))];
}

/** What is told of outputs that are not shown one by one: {@link countAndMean}. */
export function summaryOf(
  source: LossSource,
  parts: Parameters<typeof countAndMean>[1],
): LossValues["prediction"] {
  const values = countAndMean(source, parts);
  return { value: columns(source.builder, values, source.batch), width: values.length };
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
