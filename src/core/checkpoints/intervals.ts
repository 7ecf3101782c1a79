import type { Checkpoint, SchedulerState } from "./checkpoint.ts";
import { ratesAfter } from "./schedules.ts";

/** Rates of the interval that ends at a checkpoint. */
export interface IntervalRates {
  /** One for each parameter group. */
  readonly values: readonly number[];
  /** How they were found, as a person reads it. */
  readonly source: string;
}

/** Whether a training saves after it has stepped its scheduler, or before. */
type Timing = "after" | "before";

/** Largest relative difference between a schedule's formula, in steps of its own, and the rate that is stored. */
const tolerance = 1e-5;
/** A mean over more steps than these is taken over evenly spaced ones. */
const mostSteps = 100_000;

/**
 * The mean rates of the interval that ends at each checkpoint, where the files tell more than the rate in force when
 * they were saved; undefined where they do not.
 *
 * A scheduler counts its steps, so two checkpoints tell which of its steps lie between them; its formula, which must
 * give the stored rates, tells their rates. Whether the last step had been taken when the file was saved follows from
 * the number of updates. Without a known formula, the rates that were logged in the interval are averaged.
 * @param checkpoints in training order
 */
export function intervalRates(
  checkpoints: readonly Checkpoint[],
): readonly (IntervalRates | undefined)[] {
  const timing = timingOf(checkpoints);
  return checkpoints.map((checkpoint, index) => {
    const previous = checkpoints[index - 1];
    return (
      (timing && scheduled(checkpoint, previous, timing)) ??
      logged(checkpoint, previous, index === 0)
    );
  });
}

/** The one scheduler that sets the rates of all groups. */
export function schedulerOf({
  schedulers,
  learningRates,
}: Pick<Checkpoint, "schedulers" | "learningRates">): SchedulerState | undefined {
  const [scheduler, ...others] = schedulers ?? [];
  return others.length === 0 && scheduler?.current.length === learningRates.length
    ? scheduler
    : undefined;
}

function scheduled(
  checkpoint: Checkpoint,
  previous: Checkpoint | undefined,
  timing: Timing,
): IntervalRates | undefined {
  const scheduler = schedulerOf(checkpoint);
  const before = previous && schedulerOf(previous);
  const count = scheduler?.count;
  const start = previous === undefined ? 0 : before?.count;
  if (scheduler === undefined || count === undefined || start === undefined || start > count) {
    return undefined;
  }
  // Numbers of the scheduler's steps whose rates were used; with none, the rate stayed what it was.
  const first = timing === "after" || previous === undefined ? start : start + 1;
  const last = Math.max(first, timing === "after" ? count - 1 : count);
  const source = scheduler.source.replace(/_last_lr$/, "");
  const named = source === "" || source.endsWith(" ") ? `${source}scheduler` : source.slice(0, -1);
  const groups = checkpoint.learningRates;
  const formula = (steps: number) => ratesAfter(scheduler, steps, groups);
  if (isFormula(formula, scheduler) && (before === undefined || isFormula(formula, before))) {
    const values = meanRates(formula, first, last);
    const steps = first === last ? `step ${first}` : `steps ${first} to ${last}, averaged`;
    return values && { values, source: `${named}: rate at ${steps}` };
  }
  if (timing === "after" && before !== undefined && count === start + 1) {
    return { values: before.current, source: `${previous?.file}: ${before.source}` };
  }
  return undefined;
}

/** The rates after so many steps of a scheduler. */
type Formula = (steps: number) => number[] | undefined;

/** Whether a formula gives the rates that a scheduler has stored. */
function isFormula(formula: Formula, { count = 0, current, base }: SchedulerState): boolean {
  const rates = formula(count);
  const largest = Math.max(...base);
  return (
    rates?.length === current.length &&
    rates.every((rate, group) => Math.abs(rate - (current[group] ?? 0)) <= tolerance * largest)
  );
}

function meanRates(formula: Formula, first: number, last: number): number[] | undefined {
  const stride = Math.max(1, Math.ceil((last - first + 1) / mostSteps));
  const sums: number[] = [];
  let steps = 0;
  for (let step = first; step <= last; step += stride) {
    const rates = formula(step);
    if (rates === undefined) {
      return undefined;
    }
    rates.forEach((rate, group) => {
      sums[group] = (sums[group] ?? 0) + rate;
    });
    steps++;
  }
  return sums.map((sum) => sum / steps);
}

/**
 * Told by the updates that the optimizers count (or the files say) against the steps of the schedulers: both grow in the
 * same proportion when every stretch of updates is followed by a step before the file is saved.
 */
function timingOf(checkpoints: readonly Checkpoint[]): Timing | undefined {
  const counts = checkpoints.flatMap((checkpoint) => {
    const steps = schedulerOf(checkpoint)?.count;
    const updates = checkpoint.optimizer?.updates ?? checkpoint.step;
    return steps === undefined ? [] : [{ steps, updates, epoch: checkpoint.epoch }];
  });
  if (counts.length === 0) {
    return undefined;
  }
  const isProportional = (more: number): boolean => {
    const [head, ...tail] = counts.map(({ steps, updates }) => [steps + more, updates] as const);
    const [steps = 0, updates] = head ?? [];
    return (
      steps > 0 &&
      updates !== undefined &&
      updates > 0 &&
      tail.every(([others, made]) => made !== undefined && made * steps === updates * others) &&
      (updates === steps || tail.some(([others]) => others !== steps))
    );
  };
  if (isProportional(0)) {
    return "after";
  }
  if (isProportional(1)) {
    return "before";
  }
  const byEpoch = timingByEpochs(counts);
  if (byEpoch !== undefined) {
    return byEpoch;
  }
  // Epochs may be counted from 0 or from 1, so only what neither count allows is decided by them.
  const ahead = counts.map(({ steps, epoch }) => (epoch === undefined ? undefined : steps - epoch));
  return ahead.every((difference) => difference === 1)
    ? "after"
    : ahead.every((difference) => difference === -1)
      ? "before"
      : undefined;
}

/**
 * A scheduler that is stepped k > 1 times in each epoch has made a multiple of k steps when an epoch is saved after its last
 * step, and one less before it, wherever epochs are counted from.
 */
function timingByEpochs(
  counts: readonly { readonly steps: number; readonly epoch: number | undefined }[],
): Timing | undefined {
  const [first, ...others] = counts;
  const each = others.map(({ steps, epoch = Number.NaN }, index) => {
    const before = counts[index];
    return (steps - (before?.steps ?? 0)) / (epoch - (before?.epoch ?? Number.NaN));
  });
  const [size] = each;
  if (first === undefined || size === undefined || !Number.isInteger(size) || size < 2) {
    return undefined;
  }
  const left = first.steps % size;
  return each.some((other) => other !== size) || (left !== 0 && left !== size - 1)
    ? undefined
    : left === 0
      ? "after"
      : "before";
}

function logged(
  checkpoint: Checkpoint,
  previous: Checkpoint | undefined,
  isFirst: boolean,
): IntervalRates | undefined {
  const start = isFirst ? 0 : previous?.step;
  const { step: end, loggedRates = [], learningRates } = checkpoint;
  if (start === undefined || end === undefined) {
    return undefined;
  }
  const inside = loggedRates.filter(({ step }) => step > start && step <= end);
  const [reference] = learningRates;
  if (inside.length === 0 || reference === undefined) {
    return undefined;
  }
  const mean = inside.reduce((sum, { value }) => sum + value, 0) / inside.length;
  // The log has the rate of the first group; one schedule moves all groups in proportion.
  const { base } = schedulerOf(checkpoint) ?? {};
  const isSame = learningRates.every(({ value }) => value === reference.value);
  const values = learningRates.map((_, group) =>
    isSame ? mean : (mean * (base?.[group] ?? Number.NaN)) / (base?.[0] ?? Number.NaN),
  );
  return values.every(Number.isFinite)
    ? {
        values,
        source: `trainer_state.json: mean of ${inside.length === 1 ? "the rate" : `the ${inside.length} rates`} logged in steps ${start + 1} to ${end}`,
      }
    : undefined;
}
