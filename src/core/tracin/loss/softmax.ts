import { classAxisOf } from "../../config/class-axis.ts";
import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { float32, int64, type Shape, sizeOf, tensorOf } from "../../graph/tensor.ts";
import { modelMask } from "./elements.ts";
import { asFloat, columns, reciprocalOf, scaled, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput } from "./loss.ts";
import { softmaxMargin } from "./margin.ts";

/**
 * Softmax cross-entropy of one label, or of the labels at each position that counts (target >= 0): with q the smoothed
 * and weighted one-hot target, l = -sum_c q_c log p_c and dl/dz = p sum_c q_c - q.
 *
 * q_t = (1 - e) w_t + e/C w_t and q_c = e/C w_c for the other classes (e: label smoothing, w: class weights, C: classes), as
 * in PyTorch. No one-hot tensor is made: what belongs to the target is picked and placed by index, which takes half the
 * time and half the memory for a vocabulary of 50,000. The gradient at the target is minus the sum of the others,
 * because p - 1 loses its digits where the model is certain.
 */
export function softmaxCrossEntropy(source: LossSource): LossValues {
  const { builder, loss, output, shape, batch, target } = source;
  const axis = classAxisOf(loss, shape, target.shape);
  const classes = shape[axis] as number;
  const rows = sizeOf(shape.slice(0, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const positions = (rows / batch) * after;
  // [rows, classes, after] with the axes of one position dropped where there are none after the classes.
  const withClasses = (count: number): Shape =>
    after === 1 ? [rows, count] : [rows, count, after];
  const perClass = (values: readonly number[]) =>
    builder.constant(float32(after === 1 ? [1, classes] : [1, classes, 1], values));
  const perPosition = (value: string) => builder.reshape(value, withClasses(1));
  const sum = (value: string) => sumOverExample(builder, value, batch, positions);

  const weights = loss.weights && checkWeights(loss.weights, classes);
  if (weights && target.shape.length === 0 && loss.reduction === "mean") {
    throw new TracInError(
      "config",
      "A mean over one label that is weighted by its own class weight is the loss without weights.",
      { file: "tracin.json" },
      'Leave "reduction" away: each example then counts with the weight of its class, as it does in a batch.',
    );
  }
  const smoothing = loss.labelSmoothing ?? 0;
  const share = smoothing / classes;

  const isInt64 = target.dtype === "int64";
  const zero = builder.constant(isInt64 ? int64([], [0]) : tensorOf("int32", [], Int32Array.of(0)));
  const given = builder.input({
    name: targetInput,
    dtype: target.dtype,
    shape: [batch, ...target.shape],
  });
  const labels = perPosition(given);
  const labelled = asFloat(builder, builder.op("GreaterOrEqual", [labels, zero]));
  const unmasked = modelMask(source, shape.toSpliced(axis, 1));
  const counts = unmasked === undefined ? labelled : builder.mul(labelled, perPosition(unmasked));
  const index = builder.op("Max", [labels, zero]);
  const weight = weights
    ? builder.mul(
        counts,
        builder.op("Gather", [builder.constant(float32([classes], weights)), index], { axis: 0 }),
      )
    : counts;

  const logits = builder.reshape(output, withClasses(classes));
  const logProbability = builder.op("LogSoftmax", [logits], { axis: 1 });
  const atTarget = builder.op("GatherElements", [logProbability, index], { axis: 1 });
  let each = builder.mul(builder.op("Neg", [atTarget]), scaled(builder, weight, 1 - smoothing));
  if (smoothing > 0) {
    const weighted = weights ? builder.mul(logProbability, perClass(weights)) : logProbability;
    const all = builder.reduceSum(weighted, [1], true);
    each = builder.sub(each, builder.mul(all, scaled(builder, counts, share)));
  }
  const total = sum(each);
  const mean = () => reciprocalOf(builder, sum(weight));
  const factor = loss.reduction === "mean" ? mean() : undefined;

  // The gradient at the classes that are not the target's, then what makes each position's sum 0.
  const over = (value: string) =>
    factor === undefined
      ? value
      : perPosition(
          builder.mul(
            builder.reshape(value, [batch, positions]),
            builder.reshape(factor, [batch, 1]),
          ),
        );
  const probability = builder.op("Exp", [logProbability]);
  const smoothed = over(scaled(builder, counts, share));
  const ofTarget = over(scaled(builder, weight, 1 - smoothing));
  const allWeights = (weights ?? []).reduce((a, b) => a + b, 0);
  const mass =
    smoothing > 0
      ? builder.add2(ofTarget, scaled(builder, smoothed, weights ? allWeights : classes))
      : ofTarget;
  let others = builder.mul(probability, mass);
  if (smoothing > 0) {
    const back = weights ? builder.mul(smoothed, perClass(weights)) : smoothed;
    others = builder.sub(others, back);
  }
  const nothing = builder.op("Expand", [builder.scalar(0), builder.ints(withClasses(1))]);
  others = builder.op("ScatterElements", [others, index, nothing], { axis: 1 });
  const rest = builder.op("Neg", [builder.reduceSum(others, [1], true)]);
  const seed = builder.op("ScatterElements", [others, index, rest], { axis: 1 });

  const isPositions = target.reading === "positions";
  const prediction = () => {
    const most = builder.op("ReduceMax", [logProbability, builder.ints([1])], { keepdims: 1 });
    const isWrong = asFloat(builder, builder.op("Greater", [most, atTarget]));
    const ofMean = builder.mul(total, factor ?? mean());
    const parts = [sum(counts), sum(builder.mul(isWrong, counts)), ofMean];
    return { value: columns(builder, parts, batch), width: parts.length };
  };
  return {
    output,
    seed: builder.reshape(seed, shape),
    loss: factor === undefined ? total : builder.mul(total, factor),
    prediction: isPositions
      ? prediction()
      : { value: builder.reshape(probability, [batch, classes]), width: classes },
    ...(isPositions
      ? {
          positions: () => ({
            loss: builder.reshape(each, [batch, positions]),
            predicted: builder.reshape(
              asFloat(builder, builder.op("ArgMax", [logits], { axis: 1 })),
              [batch, positions],
            ),
            width: positions,
          }),
        }
      : {}),
    ...(target.reading === "probabilities"
      ? { margin: softmaxMargin(builder, { probability, index, counts, batch }) }
      : {}),
    floatsPerExample: (smoothing > 0 ? 5 : 4) * classes * positions,
  };
}

function checkWeights(weights: readonly number[], classes: number): readonly number[] {
  if (weights.length !== classes) {
    throw new TracInError(
      "config",
      `"weights" in loss has ${counted(weights.length, "number")} for the model's ${counted(classes, "class", "classes")}.`,
      { file: "tracin.json" },
      "Give one weight for each class, in the order of the model's outputs.",
    );
  }
  return weights;
}
