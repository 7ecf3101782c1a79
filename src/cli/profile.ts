import type { Command } from "commander";
import { closeScorer, type ScorerInUse } from "../compute/scoring.ts";
import {
  type Profile,
  type ProfileSnapshot,
  type Stage,
  stages,
  type TimeSpent,
} from "../core/tracin/profile.ts";
import { type CommandContext, withCommonOptions } from "./context.ts";
import { paint, table } from "./terminal.ts";

/** Stages that are part of scoring, of passing over an index or of building one. */
const inner: ReadonlySet<Stage> = new Set([
  "hashing",
  "reading",
  "decoding",
  "checkpoints",
  "compiling",
  "engine",
  "collecting",
]);

const titles: Readonly<Record<Stage, string>> = {
  opening: "opening model, checkpoints and data",
  queries: "reading and predicting the queries",
  passing: "passing over the index",
  scoring: "scoring",
  building: "building the index",
  hashing: "hashing files, weights and examples",
  reading: "reading what is stored (beside the engine)",
  decoding: "decoding examples (beside the engine)",
  checkpoints: "weights (read ahead) and gradients of the queries",
  compiling: "compiling the graph",
  engine: "engine",
  collecting: "collecting results",
  writing: "writing (beside scoring, and after it)",
  ranking: "ranking",
};

/** Adds the common options and `--profile` to a command that scores, or builds an index. */
export function withProfile(command: Command): Command {
  return withCommonOptions(command).option("--profile", "show where the time goes");
}

/** What was measured of a question that is answered, or of an index that is built. */
export interface QuestionProfile {
  /** Of this process, which may go on measuring. */
  readonly own: Profile;
  /** Of the helpers that scored. */
  readonly helpers: readonly ProfileSnapshot[];
  /** Seconds that asking for it took, which nobody waits for otherwise. */
  readonly overhead: number;
}

/**
 * Collects what was measured; ends the sessions and the helpers, because only then the engine tells of its operators.
 * Without `--profile` nothing is done.
 */
export async function collectProfile(opened: ScorerInUse): Promise<QuestionProfile | undefined> {
  const own = opened.settings.profile;
  if (own === undefined) {
    return undefined;
  }
  const started = performance.now();
  const found = await opened.helpers.profiles();
  await closeScorer(opened);
  const helpers = found.filter(({ stages: spent }) => spent.scoring ?? spent.building);
  return { own, helpers, overhead: (performance.now() - started) / 1000 };
}

/** The key `profile` of a command's JSON, where it was asked for. */
export function profileJson(context: CommandContext, profile: QuestionProfile | undefined) {
  if (profile === undefined) {
    return {};
  }
  const processes = [profile.own.snapshot(), ...profile.helpers];
  return {
    profile: {
      seconds: elapsed(context, profile),
      processes: processes.map(({ stages: spent }) => ({ stages: spent })),
      operators: operatorsOf(processes),
    },
  };
}

/** Prints stages by process, and operators of all processes together, where that was asked for. */
export function printProfile(context: CommandContext, profile: QuestionProfile | undefined): void {
  if (profile === undefined) {
    return;
  }
  const { out } = context;
  const processes = [profile.own.snapshot(), ...profile.helpers];
  out.write(`\n${paint(out, "bold", `Where ${elapsed(context, profile).toFixed(2)} s went`)}\n`);
  const rows = stages
    .filter((stage) => processes.some(({ stages: spent }) => spent[stage] !== undefined))
    .map((stage) => [
      `${inner.has(stage) ? "  " : ""}${titles[stage]}`,
      ...processes.map(({ stages: spent }) => spent[stage]?.seconds.toFixed(3) ?? ""),
    ]);
  const names = ["this process", ...profile.helpers.map((_, index) => `helper ${index + 1}`)];
  const right = names.map((_, index) => index + 1);
  out.write(`${table(out, ["seconds", ...names], rows, right)}\n`);
  const operators = operatorsOf(processes);
  if (operators.length === 0) {
    return;
  }
  const whole = operators.reduce((total, { seconds }) => total + seconds, 0);
  const lines = operators.map(({ operator, seconds, count }) => [
    operator,
    seconds.toFixed(3),
    `${((100 * seconds) / whole).toFixed(1)}%`,
    String(count),
  ]);
  out.write(
    `\n${table(out, ["operator, all processes", "seconds", "share", "runs"], lines, [1, 2, 3])}\n`,
  );
}

/** Seconds since the start of the program. */
function elapsed({ started }: CommandContext, { overhead }: QuestionProfile): number {
  return (performance.now() - started) / 1000 - overhead;
}

/** Operators of all processes, the dearest first. */
function operatorsOf(processes: readonly ProfileSnapshot[]) {
  const all = new Map<string, TimeSpent>();
  for (const [operator, { seconds, count }] of processes.flatMap(({ operators }) =>
    Object.entries(operators),
  )) {
    const known = all.get(operator);
    all.set(operator, {
      seconds: seconds + (known?.seconds ?? 0),
      count: count + (known?.count ?? 0),
    });
  }
  return [...all]
    .map(([operator, spent]) => ({ operator, ...spent }))
    .sort((a, b) => b.seconds - a.seconds);
}
