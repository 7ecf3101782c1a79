import type { SecondMoment } from "../checkpoint.ts";
import { plainNumber } from "../progress.ts";
import type { Value } from "./values.ts";

type Dictionary = ReadonlyMap<Value, Value>;

/** One parameter as an optimizer's `state_dict` has it. */
interface Kept {
  /** Its entry of `param_groups`. */
  readonly group: Dictionary;
  /** Slots of the parameter's own shape, by name. */
  readonly slots: ReadonlySet<string>;
  /** How often it was moved. */
  readonly step: number | undefined;
  /** Name of a slot for {@link SecondMoment}. */
  slot(name: string): string;
}

interface Algorithm {
  readonly name: string;
  /** Settings in its parameter groups that tell it from others. */
  readonly settings: readonly string[];
  moment(kept: Kept): SecondMoment | undefined;
}

/** Settings of optimizers that share the slots of a known one, but not its step. */
const foreign = ["grad_averaging", "trust_clip", "always_adapt", "rectify", "lr_in_momentum"];

/** What `torch.optim` (2.13), and what behaves like it, writes. The first whose settings are all there. */
const algorithms: readonly Algorithm[] = [
  { name: "NAdam", settings: ["betas", "eps", "momentum_decay"], moment: adam },
  { name: "Adam", settings: ["betas", "eps", "amsgrad"], moment: adam },
  // Older transformers, Apex and DeepSpeed.
  { name: "Adam", settings: ["betas", "eps", "correct_bias"], moment: adam },
  { name: "Adam", settings: ["betas", "eps", "bias_correction"], moment: adam },
  { name: "RMSprop", settings: ["alpha", "eps", "centered"], moment: rmsprop },
  { name: "Adagrad", settings: ["lr_decay", "eps", "initial_accumulator_value"], moment: adagrad },
  { name: "SGD", settings: ["momentum", "dampening", "nesterov"], moment: () => undefined },
];

/** The optimizer to which a parameter group belongs, by its settings; undefined when it is none of the known ones. */
export function algorithmOf(group: Dictionary): Algorithm | undefined {
  return foreign.some((setting) => group.has(setting))
    ? undefined
    : algorithms.find(({ settings }) => settings.every((setting) => group.has(setting)));
}

/** sqrt(v / (1 - beta2^t)) + eps, with the largest v so far for amsgrad. */
function adam({ group, slots, step, slot }: Kept): SecondMoment | undefined {
  const second = slots.has("max_exp_avg_sq") ? "max_exp_avg_sq" : "exp_avg_sq";
  const betas = group.get("betas");
  const decay = plainNumber(Array.isArray(betas) ? betas[1] : undefined);
  const epsilon = plainNumber(group.get("eps"));
  const isCorrected = group.get("bias_correction") !== false && group.get("correct_bias") !== false;
  if (!slots.has(second) || !isSteps(step) || !isDecay(decay) || !isPositive(epsilon)) {
    return undefined;
  }
  const correction = isCorrected ? 1 / (1 - decay ** step) : 1;
  return { second: slot(second), correction, inside: 0, outside: epsilon };
}

/** sqrt(v) + eps, and sqrt(v - m^2) + eps when centred. */
function rmsprop({ group, slots, slot }: Kept): SecondMoment | undefined {
  const epsilon = plainNumber(group.get("eps"));
  const isCentred = group.get("centered") === true;
  if (!slots.has("square_avg") || (isCentred && !slots.has("grad_avg")) || !isPositive(epsilon)) {
    return undefined;
  }
  return {
    second: slot("square_avg"),
    ...(isCentred ? { mean: slot("grad_avg") } : {}),
    correction: 1,
    inside: 0,
    outside: epsilon,
  };
}

/** (sqrt(sum) + eps) * (1 + (t - 1) * lr_decay). */
function adagrad({ group, slots, step, slot }: Kept): SecondMoment | undefined {
  const epsilon = plainNumber(group.get("eps"));
  const decay = plainNumber(group.get("lr_decay"));
  if (!slots.has("sum") || !isSteps(step) || decay === undefined || !isPositive(epsilon)) {
    return undefined;
  }
  const slower = 1 + (step - 1) * decay;
  return { second: slot("sum"), correction: slower ** 2, inside: 0, outside: slower * epsilon };
}

function isSteps(step: number | undefined): step is number {
  return step !== undefined && step >= 1;
}

function isDecay(decay: number | undefined): decay is number {
  return decay !== undefined && decay >= 0 && decay < 1;
}

function isPositive(epsilon: number | undefined): epsilon is number {
  return epsilon !== undefined && epsilon >= 0;
}
