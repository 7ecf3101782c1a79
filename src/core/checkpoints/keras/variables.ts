import type { Hdf5Dataset, Hdf5File } from "../../formats/hdf5.ts";
import { memberAt } from "../../formats/json.ts";
import { isCount } from "../../formats/source.ts";
import { isFloat, sameShape } from "../../graph/tensor.ts";
import type { CheckpointTensor, FoundLearningRate } from "../checkpoint.ts";
import { type KeptParameter, type SlotMeaning, slotMeanings } from "./moments.ts";
import { hasSchedule, type OptimizerConfig } from "./optimizer-config.ts";

/** The variables of an optimizer in an HDF5 file of Keras. */
export interface OptimizerVariables {
  /** Updates so far. */
  readonly iteration: number | undefined;
  /** True where they are numbered; names do not tell whose rate it is when one optimizer wraps another. */
  readonly isNumbered: boolean;
  /** The variable that holds the rate, which callbacks change; Keras 2 does not save it, schedules have none. */
  readonly rate: FoundLearningRate | undefined;
  /** Why there is no rate, where there may be one. */
  readonly rateUnknown?: string;
  /** What it keeps of each parameter; undefined where that cannot be told for certain. */
  readonly kept: readonly KeptParameter[] | undefined;
}

/** Groups at the root that hold no weights of the model. */
export const foreignGroups = /^(optimizer|optimizer_weights|metrics)\//;

/**
 * Reads the optimizer's variables: numbered, in the order in which Keras creates them (`optimizer/vars/0`), or named
 * (`optimizer_weights/...` of legacy files).
 * @param tensors the model's, by name
 */
export async function readOptimizer(
  hdf5: Hdf5File,
  optimizer: OptimizerConfig | undefined,
  kerasVersion: string | undefined,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<OptimizerVariables> {
  const numbered = ["optimizer/inner_optimizer/vars", "optimizer/vars"]
    .map((group) => variablesIn(hdf5, group))
    .find(({ length }) => length > 0);
  return numbered
    ? readNumbered(hdf5, numbered, optimizer, kerasVersion, tensors)
    : readNamed(hdf5, tensors);
}

/** The variables `GROUP/0`, `GROUP/1`, ... */
function variablesIn(hdf5: Hdf5File, group: string): readonly Hdf5Dataset[] {
  const variables: Hdf5Dataset[] = [];
  for (;;) {
    const next = hdf5.datasets.get(`${group}/${variables.length}`);
    if (next === undefined) {
      return variables;
    }
    variables.push(next);
  }
}

async function readNumbered(
  hdf5: Hdf5File,
  variables: readonly Hdf5Dataset[],
  optimizer: OptimizerConfig | undefined,
  kerasVersion: string | undefined,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<OptimizerVariables> {
  const [first, second] = variables;
  const iteration = first && isCounter(first) ? await readCount(hdf5, first.path) : undefined;
  const isScheduled = optimizer !== undefined && hasSchedule(optimizer);
  // Without a configuration, a single number could be the slot of a parameter that is a single number. (The count of a
  // Normalization is an integer.)
  const isCertain =
    optimizer !== undefined ||
    [...tensors.values()].every(({ shape, dtype }) => shape.length > 0 || !isFloat(dtype));
  const mayBeRate =
    second?.shape.length === 0 &&
    second.dtype?.includes("float") &&
    !kerasVersion?.startsWith("2.") &&
    !isScheduled;
  const rate = mayBeRate && isCertain ? second : undefined;
  const value = rate && (await readNumber(hdf5, rate.path));
  const slots = variables.slice(rate ? 2 : 1);
  return {
    iteration,
    isNumbered: true,
    rate:
      rate === undefined || value === undefined || value < 0
        ? undefined
        : { value, source: `${rate.path} (learning_rate)` },
    ...(mayBeRate && !isCertain
      ? {
          rateUnknown: `${second.path} may be the rate or belong to a parameter that is a single number: the file does not hold the optimizer's configuration`,
        }
      : {}),
    kept: optimizer && divide(slots, optimizer),
  };
}

/** Divides slots among parameters, in the order in which an optimizer of Keras creates them. */
function divide(
  slots: readonly Hdf5Dataset[],
  { algorithm, settings }: OptimizerConfig,
): readonly KeptParameter[] | undefined {
  const has = (key: string): boolean => {
    const value = memberAt(settings, key);
    return value === true || (typeof value === "number" && value > 0);
  };
  const own = Object.hasOwn(slotOrders, algorithm) ? slotOrders[algorithm]?.(has) : undefined;
  if (own === undefined) {
    return undefined;
  }
  // Each list is created parameter by parameter, one after the other.
  const lists = [
    ...(has("use_ema") ? [["average"]] : []),
    ...(has("gradient_accumulation_steps") ? [["gradient_accumulator"]] : []),
    ...own,
  ];
  const each = lists.flat().length;
  // Nadam keeps one number beside its slots.
  const shaped = algorithm === "Nadam" && slots.length % each === 1 ? slots.slice(0, -1) : slots;
  const count = shaped.length / each;
  if (each === 0 || !Number.isInteger(count) || count === 0) {
    return undefined;
  }
  const kept = Array.from({ length: count }, () => new Map<SlotMeaning, string>());
  const shapes: Hdf5Dataset["shape"][] = [];
  let start = 0;
  for (const list of lists) {
    for (const [index, parameter] of kept.entries()) {
      for (const [place, name] of list.entries()) {
        const slot = shaped[start + index * list.length + place];
        shapes[index] ??= slot?.shape ?? [];
        if (slot === undefined || !sameShape(slot.shape, shapes[index] ?? [])) {
          return undefined;
        }
        parameter.set(slotMeanings[name] ?? "other", slot.path);
      }
    }
    start += count * list.length;
  }
  return kept.map((parameter, index) => ({ shape: shapes[index] ?? [], slots: parameter }));
}

/** The slots of each optimizer, in lists that are created one after another. */
const slotOrders: Readonly<Record<string, (has: (setting: string) => boolean) => string[][]>> = {
  Adam: adamOrder,
  AdamW: adamOrder,
  Nadam: () => [["momentum", "velocity"]],
  RMSprop: (has) => [
    ["velocity"],
    ...(has("momentum") ? [["momentum"]] : []),
    ...(has("centered") ? [["average_gradient"]] : []),
  ],
  Adagrad: () => [["accumulator"]],
  SGD: (has) => (has("momentum") ? [["momentum"]] : []),
};

function adamOrder(has: (setting: string) => boolean): string[][] {
  return [["momentum", "velocity"], ...(has("amsgrad") ? [["velocity_hat"]] : [])];
}

async function readNamed(
  hdf5: Hdf5File,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<OptimizerVariables> {
  const named = [...hdf5.datasets.values()].filter(({ path }) =>
    path.startsWith("optimizer_weights/"),
  );
  // An optimizer that scales the loss has a counter and a rate of its own.
  const matching = (pattern: RegExp) =>
    named.filter(({ path, shape }) => pattern.test(path) && shape.length === 0);
  const counters = matching(/(^|\/)(iteration|iter)(:0)?$/).filter(isCounter);
  const counts = await Promise.all(counters.map(({ path }) => readCount(hdf5, path)));
  const [rate, ...otherRates] = matching(/(^|\/)learning_rate(:0)?$/);
  const value = rate && otherRates.length === 0 ? await readNumber(hdf5, rate.path) : undefined;
  return {
    iteration: counts.length === 0 ? undefined : Math.max(...counts.map((count) => count ?? 0)),
    isNumbered: false,
    rate:
      rate === undefined || value === undefined || value < 0
        ? undefined
        : { value, source: rate.path },
    kept: named.length === 0 ? undefined : assign(named, tensors),
  };
}

/** Finds the parameter after which each slot is named; undefined when one cannot be told. */
function assign(
  slots: readonly Hdf5Dataset[],
  tensors: ReadonlyMap<string, CheckpointTensor>,
): readonly KeptParameter[] | undefined {
  const parameters = parameterNames(tensors);
  const kept = new Map<string, Map<SlotMeaning, string>>();
  for (const slot of slots) {
    const found = parseSlot(slot.path.replace(/:0$/, ""));
    const name = found && parameters.get(found.parameter);
    if (found === undefined || (name === undefined && slot.shape.length === 0)) {
      // Counters, rates and the like.
      continue;
    }
    const tensor = tensors.get(name ?? "");
    if (name === undefined || tensor === undefined || !sameShape(tensor.shape, slot.shape)) {
      return undefined;
    }
    const own = kept.get(name) ?? new Map<SlotMeaning, string>();
    kept.set(name, own.set(found.meaning, slot.path));
  }
  return [...kept].map(([name, own]) => ({
    name,
    shape: tensors.get(name)?.shape ?? [],
    slots: own,
  }));
}

/**
 * - Keras 3: `optimizer_weights/adam/small_hidden_kernel_velocity`, the slashes of the parameter's path replaced
 * - Keras 2: `optimizer_weights/Adam/v/hidden/kernel` and `optimizer_weights/v/hidden/kernel`
 * - legacy optimizers of Keras 2: `optimizer_weights/Adam/hidden/kernel/v`
 */
function parseSlot(
  path: string,
): { readonly parameter: string; readonly meaning: SlotMeaning } | undefined {
  const parts = path.split("/").slice(1);
  const last = parts.at(-1) ?? "";
  const meaningOf = (slot: string | undefined): SlotMeaning | undefined =>
    slot !== undefined && Object.hasOwn(slotMeanings, slot) ? slotMeanings[slot] : undefined;
  const ending = meaningOf(last);
  if (ending !== undefined && parts.length > 2) {
    return { parameter: flat(parts.slice(1, -1).join("/")), meaning: ending };
  }
  for (const start of [0, 1]) {
    const meaning = meaningOf(parts[start]);
    if (meaning !== undefined && parts.length > start + 1) {
      return { parameter: flat(parts.slice(start + 1).join("/")), meaning };
    }
  }
  const suffix = Object.keys(slotMeanings)
    .filter((slot) => last.endsWith(`_${slot}`))
    .sort((a, b) => b.length - a.length)[0];
  const meaning = meaningOf(suffix);
  return suffix === undefined || meaning === undefined
    ? undefined
    : { parameter: last.slice(0, -suffix.length - 1), meaning };
}

/** Tensors by the names of their parameters, without the group of the layer in front; names that two have are left out. */
function parameterNames(
  tensors: ReadonlyMap<string, CheckpointTensor>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const twice = new Set<string>();
  for (const tensor of tensors.keys()) {
    const own = flat(tensor.replace(/:0$/, "").replace(/^[^/]*\//, ""));
    if (names.has(own)) {
      twice.add(own);
    }
    names.set(own, tensor);
  }
  for (const name of twice) {
    names.delete(name);
  }
  return names;
}

function flat(path: string): string {
  return path.replaceAll("/", "_");
}

function isCounter({ dtype, shape }: Hdf5Dataset): boolean {
  return shape.length === 0 && dtype?.includes("int") === true;
}

/** How many updates were made; undefined where the number cannot be one. */
async function readCount(hdf5: Hdf5File, path: string): Promise<number | undefined> {
  const count = await readNumber(hdf5, path);
  return isCount(count) ? count : undefined;
}

async function readNumber(hdf5: Hdf5File, path: string): Promise<number | undefined> {
  const number = Number((await hdf5.read(path)).data[0]);
  return Number.isFinite(number) ? number : undefined;
}
