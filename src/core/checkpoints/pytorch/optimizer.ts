import { TracInError } from "../../errors.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { FoundLearningRate, OptimizerParameter, OptimizerState } from "../checkpoint.ts";
import { plainNumber } from "../progress.ts";
import { algorithmOf } from "./algorithms.ts";
import type { Found } from "./contents.ts";
import { TensorView, type Value } from "./values.ts";

/** How tensors of the file are checked and read. */
export interface TensorAccess {
  /** Throws kind `checkpoint` when the tensor does not lie in the file. */
  check(name: string, view: TensorView): void;
  read(view: TensorView): Promise<Tensor>;
}

/** Rates of all parameter groups, and what the optimizers keep of each parameter. */
export interface OptimizerContents {
  readonly learningRates: readonly FoundLearningRate[];
  readonly state: OptimizerState | undefined;
}

/**
 * Reads the `state_dict` of one or several optimizers. Parameters are numbers there, in the order in which they were
 * given to the optimizer; newer files may name them (`param_names`), and states of sharded training do.
 */
export async function readOptimizers(
  optimizers: readonly Found[],
  access: TensorAccess,
): Promise<OptimizerContents> {
  const reader = new OptimizerReader(access);
  for (const found of optimizers) {
    await reader.add(found);
  }
  return { learningRates: reader.learningRates, state: reader.state() };
}

/** A number, also in a tensor of one element; undefined for anything else. */
export async function numberIn(
  value: Value | undefined,
  name: string,
  access: TensorAccess,
): Promise<number | undefined> {
  if (!(value instanceof TensorView)) {
    return plainNumber(value);
  }
  if (value.shape.some((size) => size !== 1)) {
    return undefined;
  }
  access.check(name, value);
  return plainNumber(Number((await access.read(value)).data[0]));
}

/** Slots that have the shape of the parameter. */
const shaped = new Set([
  "exp_avg",
  "exp_avg_sq",
  "momentum_buffer",
  "square_avg",
  "sum",
  "exp_inf",
  "prev",
]);

class OptimizerReader {
  readonly learningRates: FoundLearningRate[] = [];
  private readonly parameters: OptimizerParameter[] = [];
  private readonly slots = new Map<string, TensorView>();
  private readonly algorithms = new Set<string | undefined>();
  private updates: number | undefined;

  constructor(private readonly access: TensorAccess) {}

  async add({ path, dictionary }: Found): Promise<void> {
    const prefix = path === "" ? "" : `${path}.`;
    const state = mapOf(dictionary.get("state"));
    for (const [index, group] of listOf(dictionary.get("param_groups")).entries()) {
      const source = `${prefix}param_groups[${index}].lr`;
      const rate = await numberIn(mapOf(group).get("lr"), source, this.access);
      if (rate === undefined || rate < 0) {
        continue;
      }
      const [initial, largest, least] = await Promise.all(
        ["initial_lr", "max_lr", "min_lr"].map((key) =>
          numberIn(mapOf(group).get(key), source, this.access),
        ),
      );
      this.learningRates.push({
        value: rate,
        source,
        ...(initial === undefined ? {} : { initial }),
        ...(largest === undefined ? {} : { largest }),
        ...(least === undefined ? {} : { least }),
      });
      this.algorithms.add(algorithmOf(mapOf(group))?.name);
      const names = listOf(mapOf(group).get("param_names"));
      for (const [place, id] of listOf(mapOf(group).get("params")).entries()) {
        const name = names[place] ?? id;
        this.parameters.push({
          ...(typeof name === "string" ? { name } : {}),
          ...(await this.parameter(
            mapOf(group),
            mapOf(state.get(id)),
            `${prefix}state[${String(id)}].`,
          )),
        });
      }
    }
  }

  state(): OptimizerState | undefined {
    const [algorithm, ...others] = this.algorithms;
    const { access, parameters, slots, updates } = this;
    return this.learningRates.length === 0
      ? undefined
      : {
          ...(algorithm !== undefined && others.length === 0 ? { algorithm } : {}),
          ...(updates === undefined ? {} : { updates }),
          parameters,
          read(slot) {
            const view = slots.get(slot);
            if (view === undefined) {
              throw new TracInError("internal", `The optimizer keeps no "${slot}".`);
            }
            return access.read(view);
          },
        };
  }

  private async parameter(
    group: ReadonlyMap<Value, Value>,
    kept: ReadonlyMap<Value, Value>,
    prefix: string,
  ): Promise<OptimizerParameter> {
    const own = [...kept].flatMap(([slot, value]) =>
      typeof slot === "string" && value instanceof TensorView && slot !== "step"
        ? [{ slot, view: value }]
        : [],
    );
    for (const { slot, view } of own) {
      this.access.check(prefix + slot, view);
      this.slots.set(prefix + slot, view);
    }
    const shape = own.find(({ slot }) => shaped.has(slot))?.view.shape;
    // Apex counts the steps once for the group.
    const counted = kept.get("step") ?? group.get("step");
    const step = await numberIn(counted, `${prefix}step`, this.access);
    if (step !== undefined) {
      this.updates = Math.max(step, this.updates ?? 0);
    }
    const secondMoment = algorithmOf(group)?.moment({
      group,
      slots: new Set(own.map(({ slot }) => slot)),
      step,
      slot: (name) => prefix + name,
    });
    return {
      group: this.learningRates.length - 1,
      ...(shape === undefined ? {} : { shape }),
      ...(secondMoment === undefined ? {} : { secondMoment }),
    };
  }
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : [];
}

function mapOf(value: Value | undefined): ReadonlyMap<Value, Value> {
  return value instanceof Map ? value : new Map();
}
