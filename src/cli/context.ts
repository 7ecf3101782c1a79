import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type OpenScorer, openScorer } from "../compute/scoring.ts";
import { type ComputeSettings, computeSettings } from "../compute/settings.ts";
import { configFile } from "../core/config/load.ts";
import { engineSettings } from "../core/engines/choose.ts";
import { TracInError } from "../core/errors.ts";
import { Profile } from "../core/tracin/profile.ts";
import { ProgressDisplay } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** Options that every command takes. */
export interface CommonOptions {
  readonly config: string;
  readonly root: string;
  readonly json?: boolean;
  readonly processes?: number;
  readonly memoryLimit?: number;
  readonly engine?: string;
  readonly layers?: string;
  readonly quiet?: boolean;
  readonly debug?: boolean;
  readonly profile?: boolean;
}

/** What a command works with. */
export interface CommandContext extends Terminal {
  readonly signal: AbortSignal;
  /** Folder of the program's bundles. */
  readonly programs: string;
  /** `performance.now()` at the start of the program. */
  readonly started: number;
}

/** Adds the common options to a command. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--config <file>", "configuration file, relative to the root", configFile)
    .option("--root <folder>", "workspace folder", ".")
    .option("--json", "print JSON to standard output")
    .option(
      "--processes <n>",
      "processes over the examples (default: one per core as memory allows)",
      positive,
    )
    .option("--memory-limit <MB>", "memory for all processes together", positive)
    .addOption(
      new Option("--engine <name>", "engine that runs the graphs (default: auto)").choices(
        engineSettings,
      ),
    )
    .option("--layers <which>", '"all", "last", or name patterns separated by commas')
    .option("--quiet", "no progress")
    .option("--debug", "show stack traces of errors");
}

/** Opens the workspace that the options name, with progress on stderr. */
export async function openWorkspace(
  context: CommandContext,
  options: CommonOptions,
): Promise<{ opened: OpenScorer; progress: ProgressDisplay }> {
  const progress = new ProgressDisplay(context.err, options.quiet ?? false);
  progress.update({
    phase: "opening",
    done: 0,
    total: 1,
    message: "opening model, checkpoints and data",
  });
  try {
    const opening = openScorer({
      root: resolve(options.root),
      config: options.config,
      settings: settingsOf(context, options),
      layers: layersOf(options.layers),
    });
    const opened = await untilAborted(opening, context.signal);
    opened.settings.profile?.add("opening", context.started);
    const { reason, isFallback } = opened.choice;
    if (isFallback || options.debug) {
      progress.note(reason);
    }
    return { opened, progress };
  } catch (error) {
    progress.stop();
    throw error;
  }
}

/** Waits for `work` no longer than until the signal; what still goes on then ends with the program. */
async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new TracInError("cancelled", "Cancelled."));
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Writes the JSON result of a command. */
export function printJson(context: CommandContext, value: unknown): void {
  context.out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a positive whole number. */
export function positive(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new InvalidArgumentError("Expected a whole number of at least 1.");
  }
  return number;
}

function settingsOf(context: CommandContext, options: CommonOptions): ComputeSettings {
  return computeSettings({
    processes: options.processes,
    memoryLimit: options.memoryLimit,
    engine: options.engine,
    shardProgram: join(context.programs, "shard.js"),
    profile: options.profile ? new Profile() : undefined,
  });
}

function layersOf(text: string | undefined): "all" | "last" | string[] | undefined {
  return text === undefined || text === "all" || text === "last"
    ? text
    : text.split(",").map((pattern) => pattern.trim());
}
