import { counted } from "../counted.ts";
import { TracInError } from "../errors.ts";
import type { Model } from "../models/model.ts";
import { matches } from "../tracin/layers.ts";
import { type Assignment, assign, type Candidate } from "./assignment.ts";
import type { Checkpoint, OptimizerParameter, OptimizerState } from "./checkpoint.ts";
import { isTrainerState, type Match } from "./match.ts";

/** What is needed to tell which entry of the optimizer's state is which parameter. */
export interface Series {
  readonly model: Model;
  readonly checkpoint: Checkpoint;
  readonly match: Match;
  /** `checkpoints.groups` of the configuration: name patterns of the parameters of each group. */
  readonly groups?: readonly (readonly string[])[] | undefined;
}

/** Tensors that training does not move by gradients, by the names that modules give them. */
const statistics = /(^|\.)(running_mean|running_var|num_batches_tracked|n_averaged)$/;

const remedies =
  'Build the optimizer with model.named_parameters(), which newer PyTorch saves with the state; or list the name patterns of each group under "checkpoints.groups" in tracin.json.';

/** The optimizer's entries of the model's parameters, as far as the files tell them. */
export class OptimizerEntries {
  private readonly byTensor: ReadonlyMap<string, readonly number[]>;
  private readonly optimizer: OptimizerState;
  /** What was taken for granted. */
  readonly assumption: string | undefined;

  /** Throws kind `config` when the optimizer's state does not fit the model. */
  constructor(private readonly series: Series) {
    const { checkpoint } = series;
    const { optimizer } = checkpoint;
    if (optimizer === undefined) {
      throw this.error(
        checkpoint.optimizerUnknown?.reason ?? "The checkpoint holds no state of an optimizer.",
        checkpoint.optimizerUnknown?.remedy ??
          "Save it with the weights: optimizer.state_dict() of PyTorch, model.save of Keras.",
      );
    }
    this.optimizer = optimizer;
    const { groups } = series;
    if (groups !== undefined && groups.length !== checkpoint.learningRates.length) {
      throw this.error(
        `"checkpoints.groups" lists ${counted(groups.length, "group")}, but the optimizer has ${checkpoint.learningRates.length}.`,
        "List the patterns of each group, in the order of the optimizer.",
      );
    }
    const parameters = this.named(optimizer.parameters);
    let found: { assignment: Assignment; candidates: readonly Candidate[] } | undefined;
    for (const { candidates, isOrdered } of this.orders()) {
      const assignment = assign(parameters, candidates, isOrdered);
      if (assignment !== undefined) {
        found = { assignment, candidates };
        break;
      }
    }
    if (found === undefined) {
      throw this.error(
        `The optimizer's state (${counted(optimizer.parameters.length, "tensor")}) does not fit the parameters of the checkpoint: shapes or numbers differ.`,
        'Use an optimizer that was saved with these weights, or set "checkpoints.learningRate" in tracin.json.',
      );
    }
    const { assignment, candidates } = found;
    this.assumption = assignment.assumption;
    this.byTensor = new Map(
      candidates.map(({ name }, index) => [name, assignment.entries[index] ?? []]),
    );
  }

  /**
   * The group of a parameter, by the model's name. Throws kind `config` when it can be in groups between which
   * `isSame` tells a difference, or in none.
   */
  group(weight: string, isSame: (a: number, b: number) => boolean): number {
    const groups = this.entries(weight).map(
      (entry) => this.optimizer.parameters[entry]?.group ?? 0,
    );
    const [first = 0, ...others] = groups;
    const other = others.find((group) => !isSame(first, group));
    if (other !== undefined) {
      throw this.error(
        `Groups of the optimizer have different learning rates, and the parameter "${weight}" may be in group ${Math.min(first, other)} or ${Math.max(first, other)}: ${this.reason}`,
        remedies,
        weight,
      );
    }
    return first;
  }

  /** The entry of a parameter, by the model's name. Throws kind `config` when there are several, or none. */
  entry(weight: string): OptimizerParameter {
    const [first = -1, ...others] = this.entries(weight);
    const entry = this.optimizer.parameters[first];
    if (entry === undefined || others.length > 0) {
      throw this.error(
        `The optimizer's state of the parameter "${weight}" may be any of ${others.length + 1}: ${this.reason}`,
        `${remedies}${this.isSorted ? " Where tensors are sorted by name, exporting the model again with TracIn: Export PyTorch Model records the order." : ""}`,
        weight,
      );
    }
    return entry;
  }

  private entries(weight: string): readonly number[] {
    const entries = this.find(weight);
    if (entries.length === 0) {
      throw this.error(
        `The optimizer does not train the parameter "${weight}"${this.series.groups === undefined ? "" : ', as "checkpoints.groups" says'}.`,
        'Name it under "frozen" in tracin.json, so that it does not count.',
        weight,
      );
    }
    return entries;
  }

  /** Whether the optimizer trains a parameter, by the model's name. */
  isTrained(weight: string): boolean {
    return this.find(weight).length > 0;
  }

  private find(weight: string): readonly number[] {
    const { match, checkpoint } = this.series;
    const tensor = match.names.get(weight) ?? "";
    const same = checkpoint.tensors.get(tensor)?.sameAs ?? "";
    return this.byTensor.get(tensor) ?? this.byTensor.get(same) ?? [];
  }

  private get isSorted(): boolean {
    return this.series.checkpoint.isSorted === true && this.series.model.order === undefined;
  }

  private get reason(): string {
    return this.isSorted
      ? "the state has no names, and the file keeps its tensors sorted by name instead of in the order of the module."
      : "the state has no names, and shapes and order leave it open.";
  }

  /** Entries whose names are those of tensors; a name without its tensor is one of a wrapped module. */
  private named(parameters: readonly OptimizerParameter[]): readonly OptimizerParameter[] {
    const { tensors } = this.series.checkpoint;
    const { prefix, names } = this.series.match;
    return parameters.map((parameter) => {
      const { name } = parameter;
      if (name === undefined || tensors.has(name)) {
        return parameter;
      }
      const found = [prefix + name, names.get(name) ?? "", withoutWrappers(name)].find((other) =>
        tensors.has(other),
      );
      return { ...parameter, name: found ?? name };
    });
  }

  /** Possible lists of candidates, the surest first. */
  private orders(): readonly { candidates: readonly Candidate[]; isOrdered: boolean }[] {
    const { model, checkpoint, match } = this.series;
    const copied = new Set(match.copies.flatMap(({ tensors }) => [...tensors]));
    const stored = [...checkpoint.tensors.values()].filter(
      ({ name, dtype, sameAs }) =>
        sameAs === undefined &&
        dtype.includes("float") &&
        !statistics.test(name) &&
        !isTrainerState(name) &&
        !copied.has(name),
    );
    const all = stored.map(({ name, shape }) => this.candidate(name, shape));
    const recorded = (model.order ?? []).flatMap((weight) => {
      const name = match.names.get(weight) ?? match.prefix + weight;
      const tensor = checkpoint.tensors.get(name);
      return tensor === undefined ? [] : [this.candidate(name, tensor.shape)];
    });
    return [
      ...(model.order === undefined ? [] : [{ candidates: recorded, isOrdered: true }]),
      { candidates: all, isOrdered: checkpoint.isSorted !== true },
    ];
  }

  private candidate(name: string, shape: readonly number[]): Candidate {
    const { groups, match } = this.series;
    if (groups === undefined) {
      return { name, shape };
    }
    const weight = [...match.names].find(([, tensor]) => tensor === name)?.[0];
    const known = weight ?? name.slice(name.startsWith(match.prefix) ? match.prefix.length : 0);
    const group = groups.findIndex((patterns) =>
      patterns.some((pattern) => matches(pattern, known)),
    );
    return { name, shape, group };
  }

  private error(message: string, remedy: string, tensor?: string): TracInError {
    const { file } = this.series.checkpoint;
    return new TracInError(
      "config",
      message,
      { file, ...(tensor === undefined ? {} : { tensor }) },
      remedy,
    );
  }
}

/** A name without what data parallel training and compilation put in front. */
function withoutWrappers(name: string): string {
  return name.replace(/^(?:(?:module|_orig_mod)\.)+/, "");
}
