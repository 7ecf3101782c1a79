import { asFloat, scaled } from "./examples.ts";
import { classWeights, type Labels, labelReadings, labelsOf, reduceLabels } from "./labels.ts";
import { endsWith } from "./logits.ts";
import type { LossSource, LossValues } from "./loss.ts";

type Kind = "categorical-hinge" | "multi-margin";

/**
 * Losses of a class by how far its score z_t is above the others, for one label or one at each position:
 *
 * - `categorical-hinge` (Keras): max(0, 1 + max(0, max_{c != t} z_c) - z_t); the gradient of the inner maximum is shared by
 *   the classes that have it, the target's 0 among them;
 * - `multi-margin` (PyTorch): w_t / C sum_{c != t} max(0, margin - z_t + z_c)^power.
 *
 * Scores are no probabilities: where they have to be shown as such, they are those of a softmax over the scores (the scores
 * themselves where the model ends with a softmax).
 */
export function classMarginLoss(source: LossSource, kind: Kind): LossValues {
  const { builder, output, shape } = source;
  const labels = labelsOf(source);
  const { scores, classes, positions } = labels;
  const weight = labels.weighted(classWeights(source, classes));
  const { loss, others, own } =
    kind === "categorical-hinge"
      ? categoricalHinge(source, labels)
      : multiMargin(source, labels, classes);
  const each = builder.mul(loss, weight);
  const reduced = reduceLabels(source, labels, { each, weight });
  const factor = reduced.factor === undefined ? weight : builder.mul(weight, reduced.factor);
  const seed = builder.mul(labels.place(others, own), factor);
  const isProbability = endsWith(builder.nodes, output, "Softmax");
  return {
    output,
    seed: builder.reshape(seed, shape),
    loss: reduced.loss,
    floatsPerExample: 5 * classes * positions,
    ...labelReadings(source, labels, {
      each,
      mean: reduced.mean,
      probability: isProbability ? scores : builder.op("Softmax", [scores], { axis: 1 }),
      ranking: scores,
    }),
  };
}

/** Loss of each position, and its gradient at the other classes and at the label's own. */
interface Parts {
  readonly loss: string;
  readonly others: string;
  readonly own: string;
}

function categoricalHinge({ builder }: LossSource, labels: Labels): Parts {
  const { scores } = labels;
  const one = builder.scalar(1);
  const zero = builder.scalar(0);
  const others = labels.place(scores);
  const best = builder.op("ReduceMax", [others, builder.ints([1])], { keepdims: 1 });
  const missing = builder.add2(builder.sub(best, labels.pick(scores)), one);
  const active = asFloat(builder, builder.op("GreaterOrEqual", [missing, zero]));
  const isBest = asFloat(builder, builder.op("Equal", [others, best]));
  const shared = builder.div(isBest, builder.reduceSum(isBest, [1], true));
  return {
    loss: builder.op("Relu", [missing]),
    others: builder.mul(shared, active),
    own: builder.op("Neg", [active]),
  };
}

function multiMargin({ builder, loss }: LossSource, labels: Labels, classes: number): Parts {
  const { margin = 1, power = 1 } = loss;
  const ahead = builder.sub(labels.scores, labels.pick(labels.scores));
  const missing = labels.place(builder.op("Relu", [builder.add2(ahead, builder.scalar(margin))]));
  const slope =
    power === 2
      ? scaled(builder, missing, 2)
      : asFloat(builder, builder.op("Greater", [missing, builder.scalar(0)]));
  const others = scaled(builder, slope, 1 / classes);
  const part = power === 2 ? builder.mul(missing, missing) : missing;
  return {
    loss: scaled(builder, builder.reduceSum(part, [1], true), 1 / classes),
    others,
    own: builder.op("Neg", [builder.reduceSum(others, [1], true)]),
  };
}
