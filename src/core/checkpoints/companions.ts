import { stat } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { TracInError } from "../errors.ts";
import { isJsonObject, type Json, memberAt } from "../formats/json.ts";
import type { Checkpoint, LoggedRate, SchedulerState } from "./checkpoint.ts";
import { readJson } from "./json-file.ts";
import { plainNumber } from "./progress.ts";
import { openPytorch } from "./pytorch/pytorch.ts";
import { readTrainingArguments, type TrainingArguments } from "./pytorch/training-arguments.ts";

/** Names that Hugging Face's libraries give to the weights; the training's state lies beside them. */
const weightFiles = /^(model|pytorch_model|adapter_model)\.(safetensors|bin)(\.index\.json)?$/;

/** Steps of a log; longer ones are cut at the front. */
const mostLogged = 1_000_000;

/**
 * Hugging Face's Trainer and Accelerate keep weights, optimizer, scheduler and progress in separate files of one
 * folder. Rates come from the optimizer, else from the scheduler, else from the last logged one. Other checkpoints,
 * and those that say it themselves, stay as they are. What cannot be read is told as a warning.
 */
export async function withCompanions(path: string, checkpoint: Checkpoint): Promise<Checkpoint> {
  if (!weightFiles.test(basename(path)) || checkpoint.learningRates.length > 0) {
    return checkpoint;
  }
  const beside = new Companions(path, checkpoint.file);
  const optimizer = await beside.first(["optimizer.pt", "optimizer.bin"], openState);
  const scheduler = await beside.first(["scheduler.pt", "scheduler.bin"], openState);
  const state = await beside.first(["trainer_state.json"], openTrainerState);
  const training = await beside.first(["training_args.bin"], readTrainingArguments);
  await scheduler?.close();
  const logged = state?.loggedRates ?? [];
  const rates = [
    optimizer?.learningRates ?? [],
    scheduler?.learningRates ?? [],
    logged.slice(-1).map(({ value, step }) => ({
      value,
      source: `trainer_state.json: log_history, step ${step}`,
    })),
  ];
  const schedulers = scheduler?.schedulers?.map((found) =>
    withSchedule(found, training, state?.totalSteps),
  );
  return {
    ...checkpoint,
    learningRates: rates.find((found) => found.length > 0) ?? [],
    files: [...(checkpoint.files ?? [checkpoint.file]), ...beside.read],
    ...(state?.step === undefined ? {} : { step: state.step }),
    ...(state?.epoch === undefined ? {} : { epoch: state.epoch }),
    ...(logged.length === 0 ? {} : { loggedRates: logged }),
    ...(optimizer?.optimizer === undefined ? {} : { optimizer: optimizer.optimizer }),
    ...(schedulers === undefined ? {} : { schedulers }),
    warnings: [...(checkpoint.warnings ?? []), ...beside.warnings],
    async close() {
      await checkpoint.close();
      await optimizer?.close();
    },
  };
}

/** Files beside the weights: which were read, and which could not be. */
class Companions {
  readonly read: string[] = [];
  readonly warnings: string[] = [];

  constructor(
    private readonly path: string,
    private readonly file: string,
  ) {}

  /** Opens the first of the files that exists. */
  async first<Result>(
    names: readonly string[],
    open: (path: string, file: string) => Promise<Result>,
  ): Promise<Result | undefined> {
    for (const name of names) {
      const path = join(dirname(this.path), name);
      const isFile = await stat(path).then(
        (found) => found.isFile(),
        () => false,
      );
      if (isFile) {
        const file = posix.join(posix.dirname(this.file.replaceAll("\\", "/")), name);
        try {
          const result = await open(path, file);
          this.read.push(file);
          return result;
        } catch (error) {
          this.warnings.push(`${name} cannot be read: ${TracInError.from(error).message}`);
          return undefined;
        }
      }
    }
    return undefined;
  }
}

/** An optimizer or scheduler, with its name before the source of each rate. */
async function openState(path: string, file: string): Promise<Checkpoint> {
  const opened = await openPytorch(path, file);
  const named = <T extends { readonly source: string }>(found: T): T => ({
    ...found,
    source: `${basename(path)}: ${found.source}`,
  });
  return {
    ...opened,
    learningRates: opened.learningRates.map(named),
    schedulers: (opened.schedulers ?? []).map(named),
  };
}

interface TrainerState {
  readonly step: number | undefined;
  readonly epoch: number | undefined;
  readonly totalSteps: number | undefined;
  readonly loggedRates: readonly LoggedRate[];
}

async function openTrainerState(path: string, file: string): Promise<TrainerState> {
  const state = await readJson(path, file);
  const history = memberAt(state, "log_history");
  const entries: readonly Json[] = Array.isArray(history) ? history.slice(-mostLogged) : [];
  return {
    step: count(state, "global_step"),
    epoch: count(state, "epoch"),
    totalSteps: count(state, "max_steps"),
    loggedRates: entries.flatMap((entry): LoggedRate[] => {
      const [step, value] = [count(entry, "step"), count(entry, "learning_rate")];
      return step === undefined || value === undefined ? [] : [{ step, value }];
    }),
  };
}

function count(value: Json, name: string): number | undefined {
  const number = plainNumber(isJsonObject(value) ? memberAt(value, name) : undefined);
  return number !== undefined && number >= 0 ? number : undefined;
}

/** The Trainer's scheduler is a function that the file does not hold; its arguments name it. */
function withSchedule(
  scheduler: SchedulerState,
  training: TrainingArguments | undefined,
  totalSteps: number | undefined,
): SchedulerState {
  if (training?.schedule === undefined || totalSteps === undefined) {
    return scheduler;
  }
  const { schedule, warmupSteps = 0, warmupRatio = 0 } = training;
  // A share of all steps where it is below 1.
  const share = warmupSteps > 0 ? warmupSteps : warmupRatio;
  const warmup = share < 1 ? Math.ceil(share * totalSteps) : share;
  return {
    ...scheduler,
    kind: schedule,
    settings: new Map([
      ...scheduler.settings,
      ["warmup_steps", warmup],
      ["total_steps", totalSteps],
    ]),
  };
}
