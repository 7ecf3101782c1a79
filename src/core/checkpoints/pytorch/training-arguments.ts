import { plainNumber } from "../progress.ts";
import { openPickle } from "./pytorch.ts";
import { Opaque, type Value } from "./values.ts";

/** What the Hugging Face Trainer's `training_args.bin` says of the schedule of the learning rate. */
export interface TrainingArguments {
  /** `linear`, `cosine`, `constant`, ... */
  readonly schedule: string | undefined;
  readonly warmupSteps: number | undefined;
  readonly warmupRatio: number | undefined;
}

/** Reads the pickled arguments as data; nothing is executed. Throws kind `checkpoint`. */
export async function readTrainingArguments(
  path: string,
  file: string,
): Promise<TrainingArguments> {
  const { value, close } = await openPickle(path, file);
  await close();
  const state = value instanceof Opaque && value.state instanceof Map ? value.state : new Map();
  return {
    schedule: enumText(state.get("lr_scheduler_type")),
    warmupSteps: plainNumber(state.get("warmup_steps")),
    warmupRatio: plainNumber(state.get("warmup_ratio")),
  };
}

/** A member of an enumeration of texts is pickled as the call `Enumeration(text)`. */
function enumText(value: Value | undefined): string | undefined {
  const text = value instanceof Opaque && Array.isArray(value.args) ? value.args[0] : value;
  return typeof text === "string" ? text : undefined;
}
