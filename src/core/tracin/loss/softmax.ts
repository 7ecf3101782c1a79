import { scaled } from "./examples.ts";
import { focus } from "./focal.ts";
import { classWeights, labelReadings, labelsOf, perClassNumbers, reduceLabels } from "./labels.ts";
import type { LossSource, LossValues } from "./loss.ts";

/**
 * Softmax cross-entropy of one label, or of the labels at each position that counts (target >= 0): with q the smoothed
 * and weighted one-hot target, l = -sum_c q_c log p_c and dl/dz = p sum_c q_c - q.
 *
 * q_t = (1 - e) w_t + e/C w_t and q_c = e/C w_c for the other classes (e: label smoothing, w: class weights, C: classes), as
 * in PyTorch. Focal (src/core/tracin/loss/focal.ts): each class's part of l has the factor a_c (1 - p_c)^gamma, and its part of
 * the gradient another one; alpha never counts in the divisor of a mean.
 *
 * No one-hot tensor is made: what belongs to the target is picked and placed by index, which takes half the
 * time and half the memory for a vocabulary of 50,000. The gradient at the target is minus the sum of the others,
 * because p - 1 loses its digits where the model is certain.
 */
export function softmaxCrossEntropy(source: LossSource): LossValues {
  const { builder, loss, output, shape } = source;
  const labels = labelsOf(source);
  const { classes, counts, positions } = labels;
  const weights = classWeights(source, classes);
  const { gamma = 0, labelSmoothing: smoothing = 0 } = loss;
  const { alpha = 1 } = loss;
  const alphas =
    typeof alpha === "number"
      ? Array<number>(classes).fill(alpha)
      : perClassNumbers("alpha", alpha, classes);
  const factors = alpha === 1 ? weights : alphas.map((own, at) => own * (weights?.[at] ?? 1));
  const share = smoothing / classes;
  const weight = labels.weighted(weights);
  const own = factors === weights ? weight : labels.weighted(factors);

  const logProbability = builder.op("LogSoftmax", [labels.scores], { axis: 1 });
  const probability = builder.op("Exp", [logProbability]);
  const atTarget = labels.pick(logProbability);
  // 1 - p of the target is the sum of the others, which keeps its digits.
  const focusAtTarget =
    gamma === 0
      ? undefined
      : focus(builder, gamma, {
          logProbability: atTarget,
          probability: labels.pick(probability),
          rest: builder.reduceSum(labels.place(probability), [1], true),
        });
  const focusAtAll =
    gamma === 0 || smoothing === 0
      ? undefined
      : focus(builder, gamma, {
          logProbability,
          probability,
          rest: builder.sub(builder.scalar(1), probability),
        });
  const times = (value: string, by: string | undefined) =>
    by === undefined ? value : builder.mul(value, by);

  let each = builder.mul(
    times(builder.op("Neg", [atTarget]), focusAtTarget?.loss),
    scaled(builder, own, 1 - smoothing),
  );
  if (smoothing > 0) {
    const weighted = factors
      ? builder.mul(logProbability, labels.perClass(factors))
      : logProbability;
    const all = builder.reduceSum(times(weighted, focusAtAll?.loss), [1], true);
    each = builder.sub(each, builder.mul(all, scaled(builder, counts, share)));
  }
  const reduced = reduceLabels(source, labels, { each, weight });

  // The gradient at the classes that are not the target's, then what makes each position's sum 0.
  const over = (value: string) => times(value, reduced.factor);
  const smoothed = over(scaled(builder, counts, share));
  const ofTarget = times(over(scaled(builder, own, 1 - smoothing)), focusAtTarget?.gradient);
  let others: string;
  if (smoothing > 0) {
    const perClass = factors
      ? times(labels.perClass(factors), focusAtAll?.gradient)
      : focusAtAll?.gradient;
    const allFactors =
      perClass === undefined ? builder.scalar(classes) : builder.reduceSum(perClass, [1], true);
    const mass = builder.add2(ofTarget, builder.mul(smoothed, allFactors));
    others = builder.sub(builder.mul(probability, mass), times(smoothed, perClass));
  } else {
    others = builder.mul(probability, ofTarget);
  }
  others = labels.place(others);
  const rest = builder.op("Neg", [builder.reduceSum(others, [1], true)]);
  const seed = labels.place(others, rest);
  return {
    output,
    seed: builder.reshape(seed, shape),
    loss: reduced.loss,
    floatsPerExample: (smoothing > 0 ? 5 : 4) * (gamma > 0 ? 2 : 1) * classes * positions,
    ...labelReadings(source, labels, {
      each,
      mean: reduced.mean,
      probability,
      ranking: logProbability,
    }),
  };
}
