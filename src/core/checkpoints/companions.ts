import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import type { Checkpoint } from "./checkpoint.ts";
import { type Progress, plainNumber } from "./progress.ts";
import { openPytorch } from "./pytorch/pytorch.ts";

/** Names that Hugging Face gives to the weights; the training's state lies beside them. */
const weightFiles = /^(model\.safetensors|pytorch_model\.bin)$/;
const maximumJson = 64 * 2 ** 20;

/**
 * Hugging Face's Trainer keeps weights, optimizer and progress in separate files of one folder: rates come from
 * `optimizer.pt`, else from the last entry of `trainer_state.json` that has one, which also tells step and epoch.
 * Other checkpoints, and those that say it themselves, stay as they are. A companion that cannot be read counts
 * as missing.
 */
export async function withCompanions(path: string, checkpoint: Checkpoint): Promise<Checkpoint> {
  if (!weightFiles.test(basename(path)) || checkpoint.learningRates.length > 0) {
    return checkpoint;
  }
  const beside = (name: string) => ({
    path: join(dirname(path), name),
    file: posix.join(posix.dirname(checkpoint.file.replaceAll("\\", "/")), name),
  });
  const state = await trainerState(beside("trainer_state.json"));
  const optimizer = await optimizerState(beside("optimizer.pt"));
  return {
    ...checkpoint,
    ...state,
    ...optimizer,
    learningRates: optimizer?.learningRates ?? state?.learningRates ?? [],
  };
}

interface Companion {
  readonly path: string;
  readonly file: string;
}

/** Rates and number of tensors of an optimizer that has rates. */
async function optimizerState({
  path,
  file,
}: Companion): Promise<Pick<Checkpoint, "learningRates" | "optimizer"> | undefined> {
  try {
    const { learningRates, optimizer, close } = await openPytorch(path, file);
    await close();
    if (learningRates.length === 0) {
      return undefined;
    }
    return {
      learningRates: learningRates.map(({ value, source }) => ({
        value,
        source: `${basename(path)}: ${source}`,
      })),
      ...(optimizer === undefined ? {} : { optimizer }),
    };
  } catch {
    return undefined;
  }
}

async function trainerState({ path }: Companion): Promise<Progress | undefined> {
  try {
    if ((await stat(path)).size > maximumJson) {
      return undefined;
    }
    return readTrainerState(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

function readTrainerState(state: unknown): Progress {
  const step = plainNumber(field(state, "global_step"));
  const epoch = plainNumber(field(state, "epoch"));
  const history = field(state, "log_history");
  const entries: unknown[] = Array.isArray(history) ? history : [];
  const index = entries.findLastIndex((entry) => {
    const rate = plainNumber(field(entry, "learning_rate"));
    return rate !== undefined && rate >= 0;
  });
  const rate = plainNumber(field(entries[index], "learning_rate"));
  return {
    learningRates:
      rate === undefined
        ? []
        : [{ value: rate, source: `trainer_state.json: log_history[${index}].learning_rate` }],
    ...(step === undefined ? {} : { step }),
    ...(epoch === undefined ? {} : { epoch }),
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
