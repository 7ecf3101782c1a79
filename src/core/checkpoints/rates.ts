import type { Config } from "../config/config.ts";
import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type IntervalRates, intervalRates } from "./intervals.ts";
import { loweredRate } from "./plateau.ts";
import { visitWarnings } from "./visits.ts";

/** The learning rate of one checkpoint and how it weighs. */
export interface ResolvedRate {
  /** eta_i, the step size of the interval that ends at this checkpoint; the largest, where parameter groups differ. */
  readonly learningRate: number;
  /** Rates of the optimizer's parameter groups, where they differ. */
  readonly groupRates?: readonly number[];
  /** Where it comes from, as a person reads it. */
  readonly learningRateSource: string;
  /** eta_i, or eta_i * visits_i / batchSize where those are configured. */
  readonly weight: number;
  /** Where the rate is flagged: the one in force at the previous checkpoint (or the start), which may be that of the interval. */
  readonly previousRate?: number;
  /** Things to look at: a rate of 0, one that changed, checkpoints that are out of order. */
  readonly warnings: readonly string[];
}

const setRate =
  'Set "checkpoints.learningRate" in tracin.json to a number, or to a list with one per checkpoint.';

/**
 * The learning rate of each checkpoint, from the configuration or from the files.
 *
 * State that is saved after a scheduler step holds the rate of the NEXT interval. Where the files tell the rates inside
 * an interval (see {@link intervalRates}), their mean is used. Otherwise the value found is, and a 0, or a change since
 * the previous checkpoint, is flagged and the previous checkpoint's rate is offered.
 * @param checkpoints in training order
 * @returns one entry per checkpoint
 * Throws kind `config` when lists differ in length or a file has no rate.
 */
export function resolveLearningRates(
  config: Config["checkpoints"],
  checkpoints: readonly Checkpoint[],
): readonly ResolvedRate[] {
  const intervals = intervalRates(checkpoints);
  const rates = checkpoints.map(
    (checkpoint, index) =>
      configuredRate(config, checkpoints.length, index) ?? foundRate(checkpoint, intervals[index]),
  );
  if (rates.length > 0 && rates.every(({ value }) => value === 0)) {
    throw new TracInError(
      "config",
      `The learning rate of every checkpoint is 0 (${rates[0]?.source}), so every score would be 0.`,
      { file: checkpoints[0]?.file ?? "tracin.json" },
      setRate,
    );
  }
  const factors = visitFactors(config, checkpoints.length);
  return rates.map(({ value, source, groups, isInForce }, index) => {
    const first = index === 0 ? checkpoints[0] : undefined;
    const lowered = first && isInForce ? loweredRate(first) : undefined;
    const before = first
      ? (lowered?.from ?? initialRate(first))
      : rateInForce(checkpoints[index - 1]);
    const previous = isInForce ? before : undefined;
    const warnings = lowered
      ? [lowered.warning]
      : rateWarnings(value, previous, checkpoints[index - 1]?.file);
    const isOffered = previous !== undefined && previous > 0 && previous !== value;
    return {
      learningRate: value,
      learningRateSource: source,
      ...(groups === undefined ? {} : { groupRates: groups }),
      ...(isOffered ? { previousRate: previous } : {}),
      weight: value * (factors[index] ?? 1),
      warnings: [
        ...(isInForce ? warnings : []),
        ...orderWarnings(checkpoints[index], checkpoints[index - 1]),
        ...(index === 0 && config.visits === undefined ? visitWarnings(checkpoints) : []),
      ],
    };
  });
}

interface Rate {
  readonly value: number;
  readonly source: string;
  /** Rates of the parameter groups, where they differ. */
  readonly groups?: readonly number[];
  /** True when it is the rate in force when the file was saved, which may be that of the next interval. */
  readonly isInForce: boolean;
}

function configuredRate(
  { learningRate }: Config["checkpoints"],
  count: number,
  index: number,
): Rate | undefined {
  if (typeof learningRate === "number") {
    return {
      value: learningRate,
      source: "tracin.json: checkpoints.learningRate",
      isInForce: false,
    };
  }
  if (!Array.isArray(learningRate)) {
    return undefined;
  }
  checkLength("learningRate", learningRate, count);
  const value = learningRate[index];
  if (value === undefined || value === "from-file") {
    return undefined;
  }
  return {
    value,
    source: `tracin.json: checkpoints.learningRate[${index}]`,
    isInForce: false,
  };
}

/** The rate that a checkpoint holds, the largest of its groups. */
function rateInForce(checkpoint: Checkpoint | undefined): number | undefined {
  const rates = checkpoint?.learningRates.map(({ value }) => value) ?? [];
  return rates.length === 0 ? undefined : Math.max(...rates);
}

/** The rate from which the optimizer started, the largest of its groups. */
function initialRate({ learningRates }: Checkpoint): number | undefined {
  const rates = learningRates.flatMap(({ initial }) => initial ?? []);
  return rates.length === 0 ? undefined : Math.max(...rates);
}

function foundRate(checkpoint: Checkpoint, interval: IntervalRates | undefined): Rate {
  const found = checkpoint.learningRates;
  const [first] = found;
  if (!first) {
    throw new TracInError(
      "config",
      checkpoint.rateUnknown === undefined
        ? "The checkpoint holds no learning rate: it was saved without the optimizer's state."
        : `The checkpoint does not tell its learning rate: ${checkpoint.rateUnknown}.`,
      { file: checkpoint.file },
      setRate,
    );
  }
  const values = interval?.values ?? found.map(({ value }) => value);
  const largest = Math.max(...values);
  const isSame = values.every((value) => value === largest);
  const source = interval?.source ?? found.find(({ value }) => value === largest)?.source ?? "";
  return {
    value: largest,
    source: isSame ? source : `${source}, the largest of ${values.length} parameter groups`,
    ...(isSame ? {} : { groups: values }),
    isInForce: interval === undefined,
  };
}

function visitFactors({ visits, batchSize }: Config["checkpoints"], count: number): number[] {
  if (Array.isArray(visits)) {
    checkLength("visits", visits, count);
  }
  return Array.from({ length: count }, (_, index) => {
    const each = Array.isArray(visits) ? visits[index] : visits;
    return each === undefined ? 1 : each / (batchSize ?? 1);
  });
}

function checkLength(key: string, values: readonly unknown[], count: number): void {
  if (values.length !== count) {
    throw new TracInError(
      "config",
      `"checkpoints.${key}" lists ${counted(values.length, "value")} for ${counted(count, "checkpoint")}.`,
      { file: "tracin.json" },
      "List one value for each checkpoint, in the order of the Checkpoints view, or a single number.",
    );
  }
}

function rateWarnings(
  value: number,
  previous: number | undefined,
  previousFile: string | undefined,
): string[] {
  const offer =
    previous === undefined || previous === 0
      ? "Set checkpoints.learningRate in tracin.json if the training used another rate."
      : `If the file was saved after a scheduler step, the rate up to here was that of ${previousFile ?? "the start"}: ${previous}. Use Previous Checkpoint's Rate, in the Checkpoints view, or checkpoints.learningRate in tracin.json sets it.`;
  if (value === 0) {
    return [`The learning rate found is 0, so this checkpoint adds nothing to any score. ${offer}`];
  }
  if (previous !== undefined && previous !== value) {
    return [`The learning rate changed from ${previous} to ${value} here. ${offer}`];
  }
  return [];
}

function orderWarnings(checkpoint?: Checkpoint, previous?: Checkpoint): string[] {
  const [now, before] = [checkpoint?.step ?? checkpoint?.epoch, previous?.step ?? previous?.epoch];
  const comparable = (checkpoint?.step === undefined) === (previous?.step === undefined);
  return comparable && now !== undefined && before !== undefined && now < before
    ? [`It was saved at step ${now}, before the checkpoint that stands in front of it (${before}).`]
    : [];
}
