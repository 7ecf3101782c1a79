import type { FoundLearningRate } from "./checkpoint.ts";

/** Step, epoch and rate that a checkpoint states about itself. */
export interface Progress {
  readonly learningRates: readonly FoundLearningRate[];
  readonly step?: number;
  readonly epoch?: number;
}

const stepKeys = ["global_step", "step", "iteration", "iter", "steps", "num_steps"];
const epochKeys = ["epoch", "epochs", "current_epoch"];
const rateKeys = ["learning_rate", "lr", "learningRate"];

/**
 * Reads training step, epoch and learning rate from a dictionary of plain values (numbers, or numbers as text).
 * @param prefix written before the key in the source of a rate
 */
export function progressFrom(values: ReadonlyMap<unknown, unknown>, prefix = ""): Progress {
  const find = (keys: readonly string[]) => {
    for (const key of keys) {
      const value = plainNumber(values.get(key));
      if (value !== undefined && value >= 0) {
        return { key, value };
      }
    }
    return undefined;
  };
  const step = find(stepKeys);
  const epoch = find(epochKeys);
  const rate = find(rateKeys);
  return {
    learningRates: rate ? [{ value: rate.value, source: `${prefix}${rate.key}` }] : [],
    ...(step ? { step: step.value } : {}),
    ...(epoch ? { epoch: epoch.value } : {}),
  };
}

/** A finite number, also from text or a big integer; undefined for anything else. */
export function plainNumber(value: unknown): number | undefined {
  const number =
    typeof value === "number" || typeof value === "bigint"
      ? Number(value)
      : typeof value === "string" && /^\s*[-+\d.]/.test(value)
        ? Number(value)
        : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}
