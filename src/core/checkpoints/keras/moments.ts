import { memberAt } from "../../formats/json.ts";
import type { Shape, Tensor } from "../../graph/tensor.ts";
import type { OptimizerState, SecondMoment } from "../checkpoint.ts";
import type { OptimizerConfig } from "./optimizer-config.ts";

/** What an optimizer keeps of one parameter: the paths of its slots by their meaning. */
export interface KeptParameter {
  /** The parameter's tensor in the checkpoint, where the slots are named after it. */
  readonly name?: string;
  readonly shape: Shape;
  readonly slots: ReadonlyMap<SlotMeaning, string>;
}

/** `second`: squared gradients; `largest`: the largest of those so far (amsgrad); `mean`: gradients, when centred. */
export type SlotMeaning = "second" | "largest" | "mean" | "other";

/** The slots of all optimizers that are read, by the names that Keras 3, Keras 2 and TensorFlow.js give them. */
export const slotMeanings: Readonly<Record<string, SlotMeaning>> = {
  velocity: "second",
  v: "second",
  rms: "second",
  accumulator: "second",
  velocity_hat: "largest",
  vhat: "largest",
  average_gradient: "mean",
  mg: "mean",
  momentum: "other",
  m: "other",
  average: "other",
  gradient_accumulator: "other",
};

/** Whose formulas hold: those of `tf.keras.optimizers.legacy` differ, and so do TensorFlow.js's. */
export type Dialect = "keras" | "legacy" | "tfjs";

/** The state of an optimizer for preconditioned scores. */
export function optimizerState(
  { algorithm, settings }: OptimizerConfig,
  dialect: Dialect,
  iteration: number | undefined,
  kept: readonly KeptParameter[],
  read: (path: string) => Promise<Tensor>,
): OptimizerState {
  const number = (key: string): number | undefined => {
    const value = memberAt(settings, key);
    return typeof value === "number" ? value : undefined;
  };
  const formula = Object.hasOwn(formulas, algorithm) ? formulas[algorithm] : undefined;
  return {
    algorithm,
    parameters: kept.map(({ name, shape, slots }) => {
      const secondMoment = formula?.({
        number,
        isCentred: memberAt(settings, "centered") === true,
        isAmsgrad: memberAt(settings, "amsgrad") === true,
        slots,
        dialect,
        iteration,
      });
      return {
        ...(name === undefined ? {} : { name }),
        shape,
        group: 0,
        ...(secondMoment === undefined ? {} : { secondMoment }),
      };
    }),
    read,
  };
}

interface Given {
  number(key: string): number | undefined;
  readonly isCentred: boolean;
  readonly isAmsgrad: boolean;
  readonly slots: ReadonlyMap<SlotMeaning, string>;
  readonly dialect: Dialect;
  readonly iteration: number | undefined;
}

const formulas: Readonly<Record<string, (given: Given) => SecondMoment | undefined>> = {
  Adam: adam,
  AdamW: adam,
  Nadam: (given) => adam(given, true),
  RMSprop: rmsprop,
  RMSProp: rmsprop,
  Adagrad: adagrad,
};

/**
 * Keras puts the correction into the rate, lr sqrt(1 - beta2^t) / (sqrt(v) + eps); Nadam and TensorFlow.js apply it to
 * v, lr / (sqrt(v / (1 - beta2^t)) + eps).
 */
function adam(
  { number, isAmsgrad, slots, dialect, iteration }: Given,
  isNadam = false,
): SecondMoment | undefined {
  const second = slots.get(isAmsgrad ? "largest" : "second");
  const decay = number("beta_2") ?? number("beta2");
  const epsilon = number("epsilon");
  const updates = Math.floor((iteration ?? 0) / (number("gradient_accumulation_steps") ?? 1));
  if (second === undefined || decay === undefined || epsilon === undefined || updates < 1) {
    return undefined;
  }
  const correction = 1 / (1 - decay ** updates);
  return {
    second,
    correction,
    inside: 0,
    outside: isNadam || dialect === "tfjs" ? epsilon : epsilon * Math.sqrt(correction),
  };
}

/** sqrt(v - m^2 + eps); the legacy one without momentum sqrt(v - m^2) + eps; TensorFlow.js's, centred, sqrt(v - (m^2 + eps)). */
function rmsprop({ number, isCentred, slots, dialect }: Given): SecondMoment | undefined {
  const second = slots.get("second");
  const mean = slots.get("mean");
  const epsilon = number("epsilon");
  if (second === undefined || epsilon === undefined || (isCentred && mean === undefined)) {
    return undefined;
  }
  const isOutside = dialect === "legacy" && (number("momentum") ?? 0) === 0;
  const sign = dialect === "tfjs" && isCentred ? -1 : 1;
  return {
    second,
    ...(isCentred && mean !== undefined ? { mean } : {}),
    correction: 1,
    inside: isOutside ? 0 : sign * epsilon,
    outside: isOutside ? epsilon : 0,
  };
}

/** sqrt(sum + eps); the legacy one sqrt(sum) + eps. TensorFlow.js does not save its eps, which is 1e-7. */
function adagrad({ number, slots, dialect }: Given): SecondMoment | undefined {
  const second = slots.get("second");
  const epsilon = number("epsilon") ?? (dialect === "tfjs" ? 1e-7 : undefined);
  if (second === undefined || epsilon === undefined) {
    return undefined;
  }
  const isOutside = dialect === "legacy";
  return {
    second,
    correction: 1,
    inside: isOutside ? 0 : epsilon,
    outside: isOutside ? epsilon : 0,
  };
}
