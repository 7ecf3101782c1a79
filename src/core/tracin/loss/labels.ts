import { classAxisOf } from "../../config/class-axis.ts";
import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import { float32, int64, type Shape, sizeOf, tensorOf } from "../../graph/tensor.ts";
import { modelMask } from "./elements.ts";
import { asFloat, columns, reciprocalOf, sumOverExample } from "./examples.ts";
import { type LossSource, type LossValues, targetInput } from "./loss.ts";
import { softmaxMargin } from "./margin.ts";

/** The labels of a batch, and the output as one row of classes for each position. */
export interface Labels {
  readonly classes: number;
  /** Of one example. */
  readonly positions: number;
  /** The output as [rows, classes], or [rows, classes, after] where there are axes after the classes: "by class" below. */
  readonly scores: string;
  /** 1 where a position counts: by class, with one class. */
  readonly counts: string;
  /** A value as by class, with one class. */
  perPosition(value: string): string;
  /** A number for each class. */
  perClass(values: readonly number[]): string;
  /** {@link counts}, times the number of each position's class where there are numbers. */
  weighted(values: readonly number[] | undefined): string;
  /** The value at each position's class. */
  pick(value: string): string;
  /** The value with what is given, or 0, at each position's class. */
  place(value: string, own?: string): string;
  /** Over an example's positions: [batch]. */
  sum(value: string): string;
}

/** Appends the targets: one label, or one at each position (-1 where it does not count). */
export function labelsOf(source: LossSource): Labels {
  const { builder, loss, output, shape, batch, target } = source;
  const axis = classAxisOf(loss, shape, target.shape);
  const classes = shape[axis] as number;
  const rows = sizeOf(shape.slice(0, axis));
  const after = sizeOf(shape.slice(axis + 1));
  const positions = (rows / batch) * after;
  const withClasses = (count: number): Shape =>
    after === 1 ? [rows, count] : [rows, count, after];
  const perPosition = (value: string) => builder.reshape(value, withClasses(1));

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
  // Class of each position, 0 where none counts.
  const index = builder.op("Max", [labels, zero]);
  return {
    classes,
    positions,
    scores: builder.reshape(output, withClasses(classes)),
    counts,
    perPosition,
    perClass: (values) =>
      builder.constant(float32(after === 1 ? [1, classes] : [1, classes, 1], values)),
    weighted: (values) => {
      if (values === undefined) {
        return counts;
      }
      const table = builder.constant(float32([classes], values));
      return builder.mul(counts, builder.op("Gather", [table, index], { axis: 0 }));
    },
    pick: (value) => builder.op("GatherElements", [value, index], { axis: 1 }),
    place: (value, own) => {
      const placed = own ?? builder.op("Expand", [builder.scalar(0), builder.ints(withClasses(1))]);
      return builder.op("ScatterElements", [value, index, placed], { axis: 1 });
    },
    sum: (value) => sumOverExample(builder, value, batch, positions),
  };
}

/**
 * The loss of each example, and what a sum or mean over its positions multiplies their gradients with (by class, with one
 * class; undefined for a sum).
 *
 * @param each loss of each position
 * @param weight what a position counts in a mean
 */
export function reduceLabels(
  { builder, loss, batch }: LossSource,
  labels: Labels,
  { each, weight }: { readonly each: string; readonly weight: string },
): { readonly loss: string; readonly mean: () => string; readonly factor: string | undefined } {
  const total = labels.sum(each);
  const reciprocal = () => reciprocalOf(builder, labels.sum(weight));
  if (loss.reduction === "sum") {
    return { loss: total, mean: () => builder.mul(total, reciprocal()), factor: undefined };
  }
  const one = reciprocal();
  const mean = builder.mul(total, one);
  const spread = builder.op("Expand", [
    builder.reshape(one, [batch, 1]),
    builder.ints([batch, labels.positions]),
  ]);
  return { loss: mean, mean: () => mean, factor: labels.perPosition(spread) };
}

/**
 * What is known of the predictions of labels.
 *
 * @param each loss of each position
 * @param probability by class
 * @param ranking by class: the class with the largest is predicted
 */
export function labelReadings(
  source: LossSource,
  labels: Labels,
  parts: {
    readonly each: string;
    readonly mean: () => string;
    readonly probability: string;
    readonly ranking: string;
  },
): Pick<LossValues, "prediction" | "positions" | "margin"> {
  const { builder, batch, target } = source;
  const { counts, sum, classes, positions: width } = labels;
  const { each, probability, ranking } = parts;
  if (target.reading !== "positions") {
    const prediction = { value: builder.reshape(probability, [batch, classes]), width: classes };
    return target.reading === "probabilities"
      ? { prediction, margin: softmaxMargin(source, labels, probability) }
      : { prediction };
  }
  const most = builder.op("ReduceMax", [ranking, builder.ints([1])], { keepdims: 1 });
  const isWrong = asFloat(builder, builder.op("Greater", [most, labels.pick(ranking)]));
  const values = [sum(counts), sum(builder.mul(isWrong, counts)), parts.mean()];
  return {
    prediction: { value: columns(builder, values, batch), width: values.length },
    positions: () => ({
      loss: builder.reshape(each, [batch, width]),
      predicted: builder.reshape(asFloat(builder, builder.op("ArgMax", [ranking], { axis: 1 })), [
        batch,
        width,
      ]),
      width,
    }),
  };
}

/** @throws kind `config` when there are not as many numbers as classes, or they would cancel out */
export function classWeights(
  { loss, target }: LossSource,
  classes: number,
): readonly number[] | undefined {
  const { weights } = loss;
  if (weights === undefined) {
    return undefined;
  }
  if (target.shape.length === 0 && loss.reduction === "mean") {
    throw new TracInError(
      "config",
      "A mean over one label that is weighted by its own class weight is the loss without weights.",
      { file: "tracin.json" },
      'Leave "reduction" away: each example then counts with the weight of its class, as it does in a batch.',
    );
  }
  return perClassNumbers("weights", weights, classes);
}

/** @throws kind `config` when there are not as many numbers as classes */
export function perClassNumbers(
  key: string,
  numbers: readonly number[],
  classes: number,
): readonly number[] {
  if (numbers.length !== classes) {
    throw new TracInError(
      "config",
      `"${key}" in loss has ${counted(numbers.length, "number")} for the model's ${counted(classes, "class", "classes")}.`,
      { file: "tracin.json" },
      "Give one number for each class, in the order of the model's outputs.",
    );
  }
  return numbers;
}
