import { availableParallelism, totalmem } from "node:os";
import {
  chooseEngine,
  type EngineChoice,
  type EngineSetting,
  engineSettings,
} from "../core/engines/choose.ts";
import { TracInError } from "../core/errors.ts";
import type { Profile } from "../core/tracin/profile.ts";

/** How much of the machine a computation may take. */
export interface ComputeSettings {
  /** Processes over the examples, this one included. */
  readonly processes: number;
  /** Cores that they may keep busy together. */
  readonly cores: number;
  /** Bytes for all processes together. */
  readonly memoryLimit: number;
  readonly engine: EngineSetting;
  /** Program of a helper process; without it everything is computed in this one. */
  readonly shardProgram?: string;
  /** Whether this process serves question after question: helpers are then made ready for the next one. */
  readonly isServing: boolean;
  /** Learns once which engine runs and why. */
  readonly onEngine?: (choice: EngineChoice) => void;
  /** Learns where the time goes. */
  readonly profile?: Profile;
}

const megabyte = 1 << 20;
/** What Node and the engine take before any model is loaded; the code of TensorFlow's library is shared by the processes. */
const baseline = 110 * megabyte;
/** The least that a process needs beyond that for weights, queries and batches. */
const working = 90 * megabyte;

/**
 * Fills in what is not told: one process per core as far as the memory goes; for the memory see {@link defaultMemory}.
 * @param memoryLimit megabytes
 */
export function computeSettings(options: {
  readonly processes?: number | undefined;
  readonly memoryLimit?: number | undefined;
  readonly engine?: string | undefined;
  readonly shardProgram?: string | undefined;
  readonly isServing?: boolean | undefined;
  readonly onEngine?: ((choice: EngineChoice) => void) | undefined;
  readonly profile?: Profile | undefined;
}): ComputeSettings {
  const cores = availableParallelism();
  const memoryLimit =
    (options.memoryLimit ?? 0) > 0
      ? (options.memoryLimit ?? 0) * megabyte
      : defaultMemory(cores, totalmem());
  const fitting = Math.max(1, Math.floor(memoryLimit / (baseline + working)));
  const wanted = (options.processes ?? 0) > 0 ? (options.processes ?? 0) : cores;
  const engine = engineSetting(options.engine || "auto");
  return {
    processes: Math.min(wanted, fitting),
    cores: wanted,
    memoryLimit,
    engine,
    ...(options.shardProgram === undefined ? {} : { shardProgram: options.shardProgram }),
    isServing: options.isServing ?? false,
    ...(options.onEngine === undefined ? {} : { onEngine: options.onEngine }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
  };
}

/**
 * Bytes for all processes together, unless told: 1 GB for each core, so that large models have a process on each, but at
 * most an eighth of the machine's memory; at least 500 MB, and at least 250 MB for each core where that is a quarter of the
 * machine's memory at most. Small models take a few hundred MB whatever the limit is.
 */
export function defaultMemory(cores: number, machine: number): number {
  const large = Math.min(cores * 1000 * megabyte, machine / 8);
  const least = Math.min(cores * 250 * megabyte, machine / 4);
  return Math.max(500 * megabyte, large, least);
}

/** Bytes that each process may use for weights, queries and batches. */
export function memoryPerProcess(settings: ComputeSettings): number {
  return Math.max(working, settings.memoryLimit / settings.processes - baseline);
}

/** The share of a process's memory that readers of data may hold. */
export const dataShare = 0.25;

/** Bytes that the readers of a process's data may hold together. */
export function dataMemory(settings: ComputeSettings): number {
  return memoryPerProcess(settings) * dataShare;
}

/** How the processes of a computation share cores and memory. */
export interface ComputeShare {
  readonly processes: number;
  /** Threads of the engine in each of them. */
  readonly threads: number;
  /** Bytes that each of them may use for weights, queries and batches. */
  readonly memory: number;
}

/**
 * How often a process holds as many numbers as a large model has weights: those of the model's file, of a checkpoint, of
 * another one while it is read, and the gradients of about ten queries, as far as they are not held as factors.
 */
const copies = 8;

/**
 * As many processes as the memory limit holds with a model's weights; at least one. Cores that are left, since a large model
 * fits only once, go to the engine's threads.
 */
export function shareOf(settings: ComputeSettings, weightBytes: number): ComputeShare {
  const { memoryLimit, cores } = settings;
  const isLarge = copies * weightBytes > working;
  const fitting = Math.floor(memoryLimit / (baseline + copies * weightBytes));
  const processes = isLarge
    ? Math.max(1, Math.min(settings.processes, fitting))
    : settings.processes;
  return {
    processes,
    threads: isLarge ? Math.max(1, Math.floor(cores / processes)) : 1,
    memory: memoryPerProcess({ ...settings, processes }),
  };
}

/** A name as the setting that it is. Throws kind `config` when there is no engine of that name. */
export function engineSetting(name: string): EngineSetting {
  const setting = engineSettings.find((each) => each === name);
  if (setting === undefined) {
    throw new TracInError(
      "config",
      `There is no engine "${name}".`,
      {},
      `The engines are: ${engineSettings.join(", ")}.`,
    );
  }
  return setting;
}

const choices = new Map<EngineSetting, Promise<EngineChoice>>();

/** The engine of this process for the settings; it is chosen once, and again after it could not be. */
export function engineFor({ engine, onEngine }: ComputeSettings): Promise<EngineChoice> {
  const known = choices.get(engine);
  if (known !== undefined) {
    return known;
  }
  const choice = chooseEngine(engine);
  choices.set(engine, choice);
  choice.then(onEngine, () => choices.delete(engine));
  return choice;
}
