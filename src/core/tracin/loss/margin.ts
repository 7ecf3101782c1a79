import type { GraphBuilder } from "../../graph/builder.ts";
import { float32 } from "../../graph/tensor.ts";
import type { Labels } from "./labels.ts";
import type { LossSource } from "./loss.ts";

/**
 * The margin of the label of one example: its probability less that of the best other label, from -1 (the model is
 * certain of another label) over 0 (torn) to 1 (certain of this one). It is the quantity of Pleiss et al., "Identifying
 * mislabeled data using the area under the margin ranking" (NeurIPS 2020), with probabilities in the place of logits,
 * which find planted wrong labels better on the whole (docs/performance.md).
 *
 * @param labels one for each example
 * @param probability [B, C]
 * @returns [B], NaN where there is no label
 */
export function softmaxMargin(
  { builder, batch }: Pick<LossSource, "builder" | "batch">,
  labels: Pick<Labels, "pick" | "place" | "counts">,
  probability: string,
): string {
  const others = labels.place(probability);
  const best = builder.op("ReduceMax", [others, builder.ints([1])], { keepdims: 1 });
  return counted(builder, labels.counts, builder.sub(labels.pick(probability), best), batch);
}

/**
 * The margin of several labels that are on or off: that of the most doubtful one, because one wrong label makes the target
 * wrong. A label's margin is the probability of what it says less that of the opposite.
 *
 * @param probability [B, O] that a label is on
 * @param given [B, O] whether it is, more than 1/2 for on
 * @param mask [B, O] 1 where a label counts
 * @returns [B], NaN where none counts
 */
export function sigmoidMargin(
  builder: GraphBuilder,
  {
    probability,
    given,
    mask,
    batch,
  }: {
    readonly probability: string;
    readonly given: string;
    readonly mask: string;
    readonly batch: number;
  },
): string {
  const [one, two] = [builder.scalar(1), builder.scalar(2)];
  const on = builder.sub(builder.mul(probability, two), one);
  const isOn = builder.op("Greater", [given, builder.scalar(0.5)]);
  const each = builder.op("Where", [isOn, on, builder.op("Neg", [on])]);
  const counts = builder.op("Greater", [mask, builder.scalar(0)]);
  const only = builder.op("Where", [counts, each, two]);
  const least = builder.op("ReduceMin", [only, builder.ints([1])], { keepdims: 1 });
  const some = builder.op("ReduceMax", [mask, builder.ints([1])], { keepdims: 1 });
  return counted(builder, some, least, batch);
}

/** [B], NaN where nothing counts. */
function counted(builder: GraphBuilder, counts: string, margin: string, batch: number): string {
  const isSome = builder.op("Greater", [counts, builder.scalar(0)]);
  const nothing = builder.constant(float32([], [Number.NaN]));
  return builder.reshape(builder.op("Where", [isSome, margin, nothing]), [batch]);
}
