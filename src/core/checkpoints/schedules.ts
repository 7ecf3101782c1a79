import type { FoundLearningRate, SchedulerState } from "./checkpoint.ts";

/** The settings of a schedule by name, and the rate from which it started. */
interface Form {
  number(name: string): number;
  word(name: string): string;
  list(name: string): readonly number[];
  readonly base: number;
  /** Number of the parameter group. */
  readonly group: number;
}

interface Schedule {
  /** Name of the Hugging Face Trainer's schedule, where the file tells one. */
  readonly kind?: string;
  /** Settings that it has, and some by which it is told from others. */
  readonly settings: readonly string[];
  readonly without?: readonly string[];
  /** Rate after so many steps of the scheduler. */
  rate(form: Form, steps: number): number;
}

/** Share of the warm-up that is done, below 1; undefined after it. */
function warmUp({ number }: Form, steps: number): number | undefined {
  const warmup = number("warmup_steps");
  return steps < warmup ? steps / Math.max(1, warmup) : undefined;
}

/** Share of the steps after the warm-up. */
function progress({ number }: Form, steps: number): number {
  const warmup = number("warmup_steps");
  return (steps - warmup) / Math.max(1, number("total_steps") - warmup);
}

const trainer = ["warmup_steps", "total_steps"];

/** What CyclicLR multiplies the height of a cycle with. */
function cycleScale({ number, word }: Form, cycle: number, steps: number): number {
  const mode = word("mode");
  return mode === "triangular2"
    ? 2 ** (1 - cycle)
    : mode === "exp_range"
      ? number("gamma") ** steps
      : 1;
}

/** Schedules of the Hugging Face Trainer and of `torch.optim.lr_scheduler`, in closed form. */
const schedules: readonly Schedule[] = [
  { kind: "constant", settings: [], rate: ({ base }) => base },
  {
    kind: "constant_with_warmup",
    settings: trainer,
    rate: (form, steps) => form.base * (warmUp(form, steps) ?? 1),
  },
  {
    kind: "linear",
    settings: trainer,
    rate: (form, steps) =>
      form.base * (warmUp(form, steps) ?? Math.max(0, 1 - progress(form, steps))),
  },
  {
    kind: "cosine",
    settings: trainer,
    rate: (form, steps) =>
      form.base *
      (warmUp(form, steps) ?? Math.max(0, (1 + Math.cos(Math.PI * progress(form, steps))) / 2)),
  },
  {
    settings: ["step_size", "gamma"],
    without: ["max_lrs"],
    rate: ({ number, base }, steps) =>
      base * number("gamma") ** Math.floor(steps / number("step_size")),
  },
  {
    settings: ["milestones", "gamma"],
    rate: ({ number, list, base }, steps) =>
      base * number("gamma") ** list("milestones").filter((at) => at <= steps).length,
  },
  {
    settings: ["gamma"],
    without: ["step_size", "milestones", "max_lrs", "total_size", "mode"],
    rate: ({ number, base }, steps) => base * number("gamma") ** steps,
  },
  {
    settings: ["T_max", "eta_min"],
    rate: ({ number, base }, steps) =>
      number("eta_min") +
      ((base - number("eta_min")) * (1 + Math.cos((Math.PI * steps) / number("T_max")))) / 2,
  },
  {
    // CosineAnnealingWarmRestarts: periods of T_0, T_0 T_mult, T_0 T_mult^2, ... steps.
    settings: ["T_0", "T_mult", "eta_min"],
    rate: ({ number, base }, steps) => {
      const [first, growth, end] = [number("T_0"), number("T_mult"), number("eta_min")];
      let [start, period] = [0, first];
      if (growth === 1) {
        start = steps - (steps % first);
      } else {
        for (; steps >= start + period && period > 0; period *= growth) {
          start += period;
        }
      }
      return end + ((base - end) * (1 + Math.cos((Math.PI * (steps - start)) / period))) / 2;
    },
  },
  {
    settings: ["start_factor", "end_factor", "total_iters"],
    rate: ({ number, base }, steps) => {
      const [start, end, total] = [
        number("start_factor"),
        number("end_factor"),
        number("total_iters"),
      ];
      return base * (start + ((end - start) * Math.min(total, steps)) / total);
    },
  },
  {
    // CyclicLR: up during step_ratio of each cycle, then down.
    settings: ["max_lrs", "total_size", "step_ratio", "mode"],
    rate: (form, steps) => {
      const { number, list, base, group } = form;
      const [size, turn] = [number("total_size"), number("step_ratio")];
      const cycle = Math.floor(1 + steps / size);
      const place = 1 + steps / size - cycle;
      const height = place <= turn ? place / turn : (place - 1) / (turn - 1);
      const largest = list("max_lrs")[group] ?? Number.NaN;
      return base + (largest - base) * height * cycleScale(form, cycle, steps);
    },
  },
  {
    settings: ["factor", "total_iters"],
    rate: ({ number, base }, steps) =>
      base * (steps < number("total_iters") ? number("factor") : 1),
  },
  {
    settings: ["power", "total_iters"],
    rate: ({ number, base }, steps) =>
      base *
      (1 - Math.min(number("total_iters"), steps) / number("total_iters")) ** number("power"),
  },
];

/**
 * The rate of each parameter group after so many steps of a scheduler; undefined when its formula is not known here.
 * @param groups the optimizer's own rates
 */
export function ratesAfter(
  scheduler: SchedulerState,
  steps: number,
  groups: readonly FoundLearningRate[],
): number[] | undefined {
  const rates = computedRates(scheduler, steps, groups);
  return rates?.every((rate) => rate >= 0) === true && rates.length > 0 ? rates : undefined;
}

/** What the formula gives; it may be no rate where the settings are not those of the formula. */
function computedRates(
  scheduler: SchedulerState,
  steps: number,
  groups: readonly FoundLearningRate[],
): number[] | undefined {
  const { parts, settings, base, phases } = scheduler;
  if (phases !== undefined) {
    return groups.map((group) => oneCycle(scheduler, steps, group));
  }
  if (parts !== undefined && !settings.has("milestones")) {
    return chained(parts, base, steps, groups);
  }
  if (parts !== undefined) {
    // SequentialLR: each part counts from its own milestone.
    const milestones = listOf(settings.get("milestones"));
    const index = milestones.filter((at) => at <= steps).length;
    const part = parts[index];
    return part && ratesAfter(part, steps - (milestones[index - 1] ?? 0), groups);
  }
  const schedule = schedules.find(
    (known) =>
      known.kind === scheduler.kind &&
      known.settings.every((name) => settings.has(name)) &&
      known.without?.some((name) => settings.has(name)) !== true,
  );
  const form = {
    number: (name: string) => Number(settings.get(name)),
    word: (name: string) => String(settings.get(name)),
    list: (name: string) => listOf(settings.get(name)),
  };
  return schedule && base.map((own, group) => schedule.rate({ ...form, base: own, group }, steps));
}

/** ChainedScheduler: each part multiplies the rate, as those do that know no least rate. */
function chained(
  parts: readonly SchedulerState[],
  base: readonly number[],
  steps: number,
  groups: readonly FoundLearningRate[],
): number[] {
  const factors = parts.map((part) => ratesAfter(part, steps, groups));
  return base.map((own, group) =>
    factors.reduce((rate, found) => (rate * (found?.[group] ?? Number.NaN)) / own, own),
  );
}

/** OneCycleLR goes from phase to phase along half a cosine, or a line. NaN where the group does not hold the rates. */
function oneCycle(
  { phases = [], settings }: SchedulerState,
  steps: number,
  group: FoundLearningRate,
): number {
  const found = phases.findIndex(({ end }) => steps <= end);
  const index = found === -1 ? phases.length - 1 : found;
  const phase = phases[index];
  const start = phases[index - 1]?.end ?? 0;
  const from = group[phase?.from ?? "initial"] ?? Number.NaN;
  const to = group[phase?.to ?? "initial"] ?? Number.NaN;
  const share = (steps - start) / ((phase?.end ?? 0) - start);
  return settings.get("_anneal_func_type") === "linear"
    ? from + (to - from) * share
    : to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;
}

function listOf(value: number | string | readonly number[] | undefined): readonly number[] {
  return typeof value === "object" ? value : [];
}
