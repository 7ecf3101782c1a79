import type { LossName } from "../config/config.ts";

/** What the model says about one example, next to its target. */
export interface Reading {
  /** Label with the highest probability, labels that are on, or output values. */
  readonly predicted: string;
  /** Probability of it; for several labels, that of the least certain one. Undefined for regression. */
  readonly probability: number | undefined;
  /** The prediction, where it is a label that differs from the target. */
  readonly suggested: string | undefined;
}

/**
 * Reads the outputs of one example at the last checkpoint.
 * @param outputs [O] probabilities (cross-entropies) or outputs (MSE)
 * @param target the target as the person reads it
 */
export function readOutputs(
  loss: LossName,
  outputs: Float32Array,
  labels: readonly string[] | undefined,
  target: string,
): Reading {
  switch (loss) {
    case "softmax-cross-entropy": {
      const best = argmax(outputs);
      const predicted = labelName(labels, best);
      return {
        predicted,
        probability: outputs[best],
        suggested: predicted === target ? undefined : predicted,
      };
    }
    case "sigmoid-cross-entropy": {
      const predicted = joinLabels(
        [...outputs.keys()]
          .filter((o) => (outputs[o] ?? 0) >= 0.5)
          .map((o) => labelName(labels, o)),
      );
      return {
        predicted,
        probability: outputs.reduce((least, p) => Math.min(least, Math.max(p, 1 - p)), 1),
        suggested: predicted === target ? undefined : predicted,
      };
    }
    case "mse":
      return {
        predicted: Array.from(outputs, formatNumber).join(", "),
        probability: undefined,
        suggested: undefined,
      };
  }
}

/** All labels with their probabilities, highest first; for regression the outputs with their values, in order. */
export function labelValues(
  loss: LossName,
  outputs: Float32Array,
  labels: readonly string[] | undefined,
): { label: string; value: number }[] {
  const values = Array.from(outputs, (value, index) => ({
    label: labelName(labels, index),
    value,
  }));
  return loss === "mse" ? values : values.sort((a, b) => b.value - a.value);
}

/** Name of a class or output; its number where there are no names. */
export function labelName(labels: readonly string[] | undefined, index: number): string {
  return labels?.[index] ?? String(index);
}

/** Several labels as one text. */
export function joinLabels(labels: readonly string[]): string {
  return labels.length === 0 ? "(none)" : labels.join(", ");
}

/** A number with at most six significant digits. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
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
