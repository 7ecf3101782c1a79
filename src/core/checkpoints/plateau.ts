import type { Checkpoint } from "./checkpoint.ts";
import { schedulerOf } from "./intervals.ts";

/** What ReduceLROnPlateau may have done in the step after the last update. */
export interface LoweredRate {
  /** The rate before it; undefined where the state does not tell it. */
  readonly from?: number;
  readonly warning: string;
}

/**
 * Whether ReduceLROnPlateau may have lowered the rate after the last update before a checkpoint was saved, which a state without a
 * predecessor shows: it then counts no bad steps, and its cooldown, if it has one, is whole.
 */
export function loweredRate(
  checkpoint: Pick<Checkpoint, "schedulers" | "learningRates">,
): LoweredRate | undefined {
  const scheduler = schedulerOf(checkpoint);
  const number = (name: string) => Number(scheduler?.settings.get(name));
  const [factor, patience, cooldown] = [number("factor"), number("patience"), number("cooldown")];
  // The first step is never a bad one, and more than `patience` bad ones lower the rate.
  const isPossible =
    (scheduler?.count ?? 0) >= patience + 2 &&
    number("num_bad_epochs") === 0 &&
    (cooldown === 0 || number("cooldown_counter") === cooldown);
  if (!isPossible || !(factor > 0 && factor < 1)) {
    return undefined;
  }
  const value = Math.max(...(scheduler?.current ?? []));
  const least = scheduler?.settings.get("min_lrs");
  const isClipped = typeof least === "object" && least.some((own) => own >= value);
  const has = `${cooldown > 0 ? "" : "may have "}lowered the rate in its last step`;
  if (isClipped) {
    return {
      warning: `ReduceLROnPlateau ${has}, to the least that it sets (${value}); the update before it had a larger one, which the file does not tell. Set checkpoints.learningRate in tracin.json if the training used another rate.`,
    };
  }
  const from = Number((value / factor).toPrecision(12));
  return {
    from,
    warning: `ReduceLROnPlateau ${has}, after the last update: then the rate up to here was ${from}, not ${value}. Use Previous Checkpoint's Rate, in the Checkpoints view, or checkpoints.learningRate in tracin.json sets it.`,
  };
}
