import type { SchedulerState } from "./checkpoint.ts";

/** The settings of a schedule by name, and the rate from which it started. */
interface Form {
  number(name: string): number;
  list(name: string): readonly number[];
  readonly base: number;
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

/** The rate of each parameter group after so many steps of a scheduler; undefined when its formula is not known here. */
export function ratesAfter(scheduler: SchedulerState, steps: number): number[] | undefined {
  const { parts, settings, base } = scheduler;
  if (parts !== undefined) {
    // SequentialLR: each part counts from its own milestone.
    const milestones = listOf(settings.get("milestones"));
    const index = milestones.filter((at) => at <= steps).length;
    const part = parts[index];
    return part && ratesAfter(part, steps - (milestones[index - 1] ?? 0));
  }
  const schedule = schedules.find(
    (known) =>
      known.kind === scheduler.kind &&
      known.settings.every((name) => settings.has(name)) &&
      known.without?.some((name) => settings.has(name)) !== true,
  );
  const form = {
    number: (name: string) => Number(settings.get(name)),
    list: (name: string) => listOf(settings.get(name)),
  };
  const rates = schedule && base.map((own) => schedule.rate({ ...form, base: own }, steps));
  return rates?.every((rate) => rate >= 0) === true && rates.length > 0 ? rates : undefined;
}

function listOf(value: number | readonly number[] | undefined): readonly number[] {
  return typeof value === "object" ? value : [];
}
