import type { PhaseEnd, SchedulePhase, SchedulerState } from "../checkpoint.ts";
import { plainNumber } from "../progress.ts";
import type { Found } from "./contents.ts";
import { numberIn, type TensorAccess } from "./optimizer.ts";
import type { Value } from "./values.ts";

/** Settings of a scheduler are a handful of numbers and lists of milestones. */
const longestList = 10_000;

/** OneCycleLR has two or three. */
const mostPhases = 10;

/** Schedulers may run others; nobody nests them deeper. */
const deepest = 4;

/** Reads the `state_dict` of learning-rate schedulers; those without a rate in force are left out. */
export async function readSchedulers(
  schedulers: readonly Found[],
  access: TensorAccess,
  depth = 0,
): Promise<SchedulerState[]> {
  const found: SchedulerState[] = [];
  for (const { path, dictionary } of schedulers) {
    const prefix = path === "" ? "" : `${path}.`;
    const rates = async (key: string) => numbers(dictionary.get(key), `${prefix}${key}`, access);
    const current = await rates("_last_lr");
    if (current !== undefined && current.length > 0 && current.every((rate) => rate >= 0)) {
      const inner = dictionary.get("_schedulers");
      const parts = (Array.isArray(inner) && depth < deepest ? inner : []).flatMap(
        (part, index): Found[] =>
          part instanceof Map ? [{ path: `${prefix}_schedulers[${index}]`, dictionary: part }] : [],
      );
      const runs = await readSchedulers(parts, access, depth + 1);
      // ChainedScheduler counts in its parts alone, which are stepped together.
      const own = plainNumber(dictionary.get("last_epoch"));
      const count =
        own ?? (runs.every((run) => run.count === runs[0]?.count) ? runs[0]?.count : undefined);
      found.push({
        source: `${prefix}_last_lr`,
        current,
        base: (await rates("base_lrs")) ?? runs[0]?.base ?? [],
        ...(count === undefined || count < 0 ? {} : { count }),
        ...(runs.length === 0 ? {} : { parts: runs }),
        ...phasesOf(dictionary.get("_schedule_phases")),
        settings: settingsOf(dictionary),
      });
    }
  }
  return found;
}

async function numbers(
  value: Value | undefined,
  name: string,
  access: TensorAccess,
): Promise<number[] | undefined> {
  if (!Array.isArray(value) || value.length > longestList) {
    return undefined;
  }
  const read: number[] = [];
  for (const [index, item] of value.entries()) {
    const number = await numberIn(item, `${name}[${index}]`, access);
    if (number === undefined) {
      return undefined;
    }
    read.push(number);
  }
  return read;
}

const phaseEnds: Readonly<Record<string, PhaseEnd>> = {
  initial_lr: "initial",
  max_lr: "largest",
  min_lr: "least",
};

/** The phases of OneCycleLR; none where one is not as it writes them. */
function phasesOf(value: Value | undefined): { readonly phases?: readonly SchedulePhase[] } {
  const list = Array.isArray(value) && value.length <= mostPhases ? value : [];
  const phases = list.flatMap((phase): SchedulePhase[] => {
    const read = (key: string) => (phase instanceof Map ? phase.get(key) : undefined);
    const end = plainNumber(read("end_step"));
    const from = phaseEnds[String(read("start_lr"))];
    const to = phaseEnds[String(read("end_lr"))];
    return end === undefined || from === undefined || to === undefined ? [] : [{ end, from, to }];
  });
  return phases.length > 0 && phases.length === list.length ? { phases } : {};
}

/** Settings that are words. */
const words = new Set(["mode", "scale_mode", "_anneal_func_type"]);
/** Settings that are lists of numbers; the milestones are SequentialLR's. */
const lists = new Map([
  ["max_lrs", "max_lrs"],
  ["min_lrs", "min_lrs"],
  ["_milestones", "milestones"],
]);

/**
 * Plain numbers, lists of them and words by name; the milestones of MultiStepLR are a Counter, whose keys count as often as it
 * says.
 */
function settingsOf(dictionary: ReadonlyMap<Value, Value>): SchedulerState["settings"] {
  const settings = new Map<string, number | string | readonly number[]>();
  for (const [key, value] of dictionary) {
    if (typeof key !== "string") {
      continue;
    }
    const number = plainNumber(value);
    const list = lists.get(key);
    if (number !== undefined) {
      settings.set(key, number);
    } else if (words.has(key) && typeof value === "string") {
      settings.set(key, value);
    } else if (list !== undefined && Array.isArray(value) && value.length <= longestList) {
      settings.set(
        list,
        value.map(plainNumber).filter((each) => each !== undefined),
      );
    } else if (key === "milestones" && value instanceof Map && value.size <= longestList) {
      settings.set(key, milestonesOf(value));
    }
  }
  return settings;
}

function milestonesOf(counter: ReadonlyMap<Value, Value>): number[] {
  const milestones: number[] = [];
  for (const [milestone, count] of counter) {
    const [at, times] = [plainNumber(milestone), plainNumber(count)];
    for (let time = 0; at !== undefined && time < Math.min(times ?? 0, 1000); time++) {
      milestones.push(at);
    }
  }
  return milestones;
}
