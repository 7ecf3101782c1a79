import { isJsonObject, type JsonObject, memberAt, objectAt, textAt } from "../../formats/json.ts";
import type { FoundLearningRate } from "../checkpoint.ts";
import { evaluateSchedule } from "./schedules.ts";

/** The optimizer as the training configuration describes it. */
export interface OptimizerConfig {
  /** `Adam`, `SGD`, ...; Keras 2 writes `Custom>Adam` in places. */
  readonly algorithm: string;
  readonly settings: JsonObject;
  /** Where the settings stand, as a person reads it. */
  readonly source: string;
}

/** A rate, or why there is none. */
export type RateFinding =
  | { readonly rate: FoundLearningRate }
  | { readonly rate?: undefined; readonly reason: string };

/**
 * The optimizer in a training configuration (`compile_config`, `training_config`, TensorFlow.js's `trainingConfig`); of
 * one that scales the loss, the optimizer inside.
 * @param source name of the configuration, for the sources of rates
 */
export function optimizerConfig(
  compile: JsonObject | undefined,
  source: string,
): OptimizerConfig | undefined {
  const key = objectAt(compile, "optimizer") ? "optimizer" : "optimizer_config";
  let optimizer = objectAt(compile, key);
  let place = `${source}.${key}.config`;
  for (;;) {
    const settings = objectAt(optimizer, "config");
    const inner = objectAt(settings, "inner_optimizer") ?? objectAt(settings, "optimizer");
    if (inner === undefined) {
      const algorithm = textAt(optimizer, "class_name")?.replace(/^.*>/, "");
      return algorithm === undefined || settings === undefined
        ? undefined
        : { algorithm, settings, source: place };
    }
    optimizer = inner;
    place += ".inner_optimizer.config";
  }
}

/** Whether the rate follows a schedule, so that the number of updates tells it. */
export function hasSchedule({ settings }: OptimizerConfig): boolean {
  return isJsonObject(memberAt(settings, "learning_rate"));
}

/**
 * The rate of the last update that an optimizer's configuration tells.
 * @param iteration updates so far, where the file says it
 */
export function configuredRate(
  { settings, source }: OptimizerConfig,
  iteration: number | undefined,
): RateFinding {
  const key =
    "learning_rate" in settings || !("learningRate" in settings) ? "learning_rate" : "learningRate";
  const value = memberAt(settings, key);
  const place = `${source}.${key}`;
  if (typeof value === "number") {
    const rate = { value, source: place };
    // TensorFlow.js has a setting of that name which means something else.
    return key === "learning_rate" ? decayed(rate, settings, iteration) : { rate };
  }
  const schedule = objectAt(settings, key);
  const name = textAt(schedule, "class_name")?.replace(/^.*>/, "");
  if (name === undefined) {
    return { reason: `${place} is ${JSON.stringify(value ?? null).slice(0, 80)}` };
  }
  if (iteration === undefined) {
    return { reason: `${place} is the schedule ${name}, and the file does not tell the update` };
  }
  // The schedule is asked before each update with the number of those that were made.
  const step = Math.max(0, iteration - 1);
  try {
    const rate = evaluateSchedule(name, objectAt(schedule, "config") ?? {}, step);
    return { rate: { value: rate, source: `${place}: ${name} at update ${step}` } };
  } catch (error) {
    if (error instanceof RangeError) {
      return { reason: `${place} follows the schedule ${name}, but ${error.message}` };
    }
    throw error;
  }
}

/** The legacy optimizers of Keras 2 divide the rate by 1 + decay * updates. */
function decayed(
  rate: FoundLearningRate,
  settings: JsonObject,
  iteration: number | undefined,
): RateFinding {
  const decay = memberAt(settings, "decay");
  if (typeof decay !== "number" || decay === 0) {
    return { rate };
  }
  if (iteration === undefined) {
    return { reason: `${rate.source} decays, and the file does not tell the update` };
  }
  const step = Math.max(0, iteration - 1);
  return {
    rate: {
      value: rate.value / (1 + decay * step),
      source: `${rate.source} with a decay of ${decay} at update ${step}`,
    },
  };
}
