import { type JsonObject, memberAt } from "../../formats/json.ts";

type Schedule = (settings: Settings, step: number) => number;

/** The settings of a schedule; one that is missing or of another type ends the evaluation. */
class Settings {
  constructor(private readonly config: JsonObject) {}

  number(key: string, fallback?: number): number {
    const value = memberAt(this.config, key) ?? fallback;
    if (typeof value !== "number") {
      throw new RangeError(`its setting ${key} is ${JSON.stringify(value)}`);
    }
    return value;
  }

  numbers(key: string): number[] {
    const values = memberAt(this.config, key);
    if (!Array.isArray(values) || !values.every((value) => typeof value === "number")) {
      throw new RangeError(`its setting ${key} is no list of numbers`);
    }
    return values;
  }

  flag(key: string): boolean {
    return memberAt(this.config, key) === true;
  }

  has(key: string): boolean {
    return typeof memberAt(this.config, key) === "number";
  }
}

/** keras.optimizers.schedules, which are the same in Keras 2 and 3. */
const schedules: Readonly<Record<string, Schedule>> = {
  ExponentialDecay: (settings, step) =>
    initial(settings) * settings.number("decay_rate") ** elapsed(settings, step),
  InverseTimeDecay: (settings, step) =>
    initial(settings) / (1 + settings.number("decay_rate") * elapsed(settings, step)),
  PiecewiseConstantDecay: (settings, step) => {
    const boundaries = settings.numbers("boundaries");
    const passed = boundaries.filter((boundary) => step > boundary).length;
    return settings.numbers("values")[passed] ?? Number.NaN;
  },
  PolynomialDecay: (settings, step) => {
    const end = settings.number("end_learning_rate", 0.0001);
    const once = settings.number("decay_steps");
    const cycles = settings.flag("cycle") ? Math.max(1, Math.ceil(step / once)) : 1;
    const fraction = Math.min(1, step / (once * cycles));
    return (initial(settings) - end) * (1 - fraction) ** settings.number("power", 1) + end;
  },
  CosineDecay: (settings, step) => {
    const target = settings.has("warmup_target") ? settings.number("warmup_target") : undefined;
    const warmup = target === undefined ? 0 : settings.number("warmup_steps", 0);
    if (target !== undefined && step < warmup) {
      return initial(settings) + ((target - initial(settings)) * step) / warmup;
    }
    const fraction = Math.min(1, (step - warmup) / settings.number("decay_steps"));
    return (target ?? initial(settings)) * cosine(settings, fraction, 1);
  },
  CosineDecayRestarts: (settings, step) => {
    const growth = settings.number("t_mul", 2);
    const fraction = step / settings.number("first_decay_steps");
    const restarts =
      growth === 1
        ? Math.floor(fraction)
        : // Keras works in single precision here, which matters where a period ends.
          Math.floor(
            Math.fround(
              Math.fround(Math.log(Math.fround(1 - Math.fround(fraction) * (1 - growth)))) /
                Math.fround(Math.log(growth)),
            ),
          );
    const before = growth === 1 ? restarts : (1 - growth ** restarts) / (1 - growth);
    const within = (fraction - before) / growth ** restarts;
    return initial(settings) * cosine(settings, within, settings.number("m_mul", 1) ** restarts);
  },
};

function initial(settings: Settings): number {
  return settings.number("initial_learning_rate");
}

/** Steps in units of `decay_steps`. */
function elapsed(settings: Settings, step: number): number {
  const periods = step / settings.number("decay_steps");
  return settings.flag("staircase") ? Math.floor(periods) : periods;
}

/** The share of the rate that is left after a fraction of the period, down to `alpha`. */
function cosine(settings: Settings, fraction: number, factor: number): number {
  const alpha = settings.number("alpha", 0);
  return (1 - alpha) * 0.5 * factor * (1 + Math.cos(Math.PI * fraction)) + alpha;
}

/**
 * The rate that a schedule of Keras gives for an update.
 * @param step updates before it: 0 for the first
 * Throws a `RangeError` with the reason for schedules that are not known or lack a setting.
 */
export function evaluateSchedule(name: string, config: JsonObject, step: number): number {
  const schedule = Object.hasOwn(schedules, name) ? schedules[name] : undefined;
  if (schedule === undefined) {
    throw new RangeError(`the schedule ${name} is not known`);
  }
  const rate = schedule(new Settings(config), step);
  if (!Number.isFinite(rate) || rate < 0) {
    throw new RangeError(`it gives ${rate} for update ${step}`);
  }
  return rate;
}
