import { type LossName, lossFamily } from "../config/loss-schema.ts";
import { counted } from "../counted.ts";
import type { Reading } from "../datasets/target-form.ts";
import { formatNumber, joinLabels, labelName } from "../label-text.ts";

/** What the numbers are that are known of a prediction. */
export interface PredictionForm {
  readonly loss: LossName;
  readonly reading: Reading;
  readonly labels: readonly string[] | undefined;
}

/** What the model says about one example, next to its target. */
export interface Prediction {
  /** Label with the highest probability, labels that are on, output values, or how many positions are wrong. */
  readonly predicted: string;
  /** Probability of it; for several labels, that of the least certain one. Undefined where there is none. */
  readonly probability: number | undefined;
  /** The prediction, where it is a label that differs from the target; never for labels at positions. */
  readonly suggested: string | undefined;
}

/** Numbers that are written out. */
const mostValues = 16;

/**
 * Reads what is known of the prediction of one example at the last checkpoint.
 * @param outputs as the reading says
 * @param target the target as the person reads it
 */
export function readOutputs(
  { loss, reading, labels }: PredictionForm,
  outputs: Float32Array,
  target: string,
): Prediction {
  const plain = (predicted: string): Prediction => ({
    predicted,
    probability: undefined,
    suggested: undefined,
  });
  switch (reading) {
    case "probabilities":
      return readProbabilities(loss, outputs, labels, target);
    case "values": {
      const isNamed = labels !== undefined && labels.length === outputs.length;
      const shown = Array.from(outputs.subarray(0, mostValues), formatNumber).join(", ");
      return plain(
        isNamed && outputs.length > 1
          ? labelName(labels, argmax(outputs))
          : `${shown}${outputs.length > mostValues ? ", …" : ""}`,
      );
    }
    case "positions": {
      const [count = 0, wrong = 0, mean = 0] = outputs;
      return plain(positionsText({ count, wrong, loss: mean }));
    }
    case "outputs": {
      const [count = 0, mean = 0] = outputs;
      return plain(outputsText({ count, loss: mean }));
    }
    case "none":
      return plain("");
  }
}

/** `3 of 24 wrong, mean loss 0.42`, of the positions that count; short, because rows have little room. */
export function positionsText(found: {
  readonly count: number;
  readonly wrong: number;
  readonly loss: number;
}): string {
  const { count, wrong, loss } = found;
  return count === 0
    ? "no position counts"
    : `${wrong} of ${count} wrong, mean loss ${short(loss)}`;
}

/** `784 outputs, mean loss 0.012`. */
export function outputsText(found: { readonly count: number; readonly loss: number }): string {
  return `${counted(found.count, "output")}, mean loss ${short(found.loss)}`;
}

/** Three significant digits. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function readProbabilities(
  loss: LossName,
  outputs: Float32Array,
  labels: readonly string[] | undefined,
  target: string,
): Prediction {
  const best = argmax(outputs);
  const isOne = lossFamily(loss) === "classes";
  const predicted = isOne
    ? labelName(labels, best)
    : joinLabels(
        [...outputs.keys()]
          .filter((o) => (outputs[o] ?? 0) >= 0.5)
          .map((o) => labelName(labels, o)),
      );
  return {
    predicted,
    probability: isOne
      ? outputs[best]
      : outputs.reduce((least, p) => Math.min(least, Math.max(p, 1 - p)), 1),
    suggested: predicted === target ? undefined : predicted,
  };
}

/** All labels with their probabilities, highest first, or the outputs with their values, in order; otherwise nothing. */
export function labelValues(
  { reading, labels }: PredictionForm,
  outputs: Float32Array,
): { label: string; value: number }[] {
  if (reading !== "probabilities" && reading !== "values") {
    return [];
  }
  const names =
    reading === "probabilities" || labels?.length === outputs.length ? labels : undefined;
  const values = Array.from(outputs, (value, index) => ({ label: labelName(names, index), value }));
  return reading === "values" && names === undefined
    ? values
    : values.sort((a, b) => b.value - a.value);
}

function argmax(values: Float32Array): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? 0) > (values[best] ?? 0)) {
      best = index;
    }
  }
  return best;
}
