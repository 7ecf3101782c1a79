import type { DataType, Shape, Tensor } from "../graph/tensor.ts";

/** File formats of checkpoints. */
export type CheckpointFormat = "safetensors" | "pytorch" | "onnx" | "keras" | "tfjs" | "npz";

export interface CheckpointTensor {
  /** Name as the file gives it, nested dictionaries joined with dots (`model.fc1.weight`). */
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
  /** The name under which the file has the same tensor already (tied weights), where it stores it once. */
  readonly sameAs?: string;
}

/** A learning rate as found in a file. */
export interface FoundLearningRate {
  readonly value: number;
  /** Where it was found, as a person reads it: `optimizer.param_groups[0].lr`. */
  readonly source: string;
  /** The rate from which the optimizer started, where a scheduler has written it down (PyTorch's `initial_lr`). */
  readonly initial?: number;
  /** The rates between which OneCycleLR moves it, likewise (`max_lr`, `min_lr`). */
  readonly largest?: number;
  readonly least?: number;
}

/**
 * The squares of gradients that an adaptive optimizer keeps for a parameter, and how they shape its steps: element by
 * element, a gradient g moves the parameter by the learning rate times g / (sqrt(correction * second - mean^2 + inside)
 * + outside). PyTorch's Adam: correction 1 / (1 - beta2^t), outside eps. Keras's Adam: outside eps / sqrt(1 - beta2^t).
 * Keras's RMSprop: inside eps.
 */
export interface SecondMoment {
  /** Slot with the running average (or sum) of squared gradients, for {@link OptimizerState.read}. */
  readonly second: string;
  /** Slot with the running average of gradients, for centred variants. */
  readonly mean?: string;
  readonly correction: number;
  readonly inside: number;
  readonly outside: number;
}

/** What an optimizer knows of one parameter. */
export interface OptimizerParameter {
  /** Its name as the state gives it, where it does; otherwise order and shapes must tell which tensor it is. */
  readonly name?: string;
  /** Shape of the parameter, where the state has a slot of that shape. */
  readonly shape?: Shape;
  /** Which of {@link Checkpoint.learningRates} is its rate. */
  readonly group: number;
  /** Missing when the optimizer keeps none, or has not moved this parameter yet. */
  readonly secondMoment?: SecondMoment;
}

/** The state of the optimizers in a checkpoint, joined. */
export interface OptimizerState {
  /** What it is, for people: `Adam`, `RMSprop`; missing when the state does not tell. */
  readonly algorithm?: string;
  /** The other file that its settings come from, where this one does not hold them. */
  readonly settingsFrom?: string;
  /** How many updates it has made, where it counts them. */
  readonly updates?: number;
  /** In the order of the file, group after group. */
  readonly parameters: readonly OptimizerParameter[];
  /** One slot as float32, in the layout of the parameter's tensor in the checkpoint. Throws kind `checkpoint`. */
  read(slot: string): Promise<Tensor>;
}

/** The rate of a parameter group that OneCycleLR starts or ends a phase with. */
export type PhaseEnd = "initial" | "largest" | "least";

/** A part of OneCycleLR, up to a step. */
export interface SchedulePhase {
  readonly end: number;
  readonly from: PhaseEnd;
  readonly to: PhaseEnd;
}

/** The state of a learning-rate scheduler. */
export interface SchedulerState {
  /** Where it was found: `lr_schedulers[0]._last_lr`. */
  readonly source: string;
  /** Rates that it has set, one for each parameter group: those of the NEXT update. */
  readonly current: readonly number[];
  /** Rates from which it started. */
  readonly base: readonly number[];
  /** How often it was stepped. */
  readonly count?: number;
  /** Name of the schedule where the file beside it tells: `linear`, `cosine`, ... of the Hugging Face Trainer. */
  readonly kind?: string;
  /** The schedulers that a SequentialLR runs one after the other, from its `milestones` on; or a ChainedScheduler together. */
  readonly parts?: readonly SchedulerState[];
  /** Those of OneCycleLR; the rates stand in the optimizer's groups. */
  readonly phases?: readonly SchedulePhase[];
  /** Its other numbers and words by the names of PyTorch's schedulers: `step_size`, `gamma`, `milestones`, `mode`, ... */
  readonly settings: ReadonlyMap<string, number | string | readonly number[]>;
}

/** A learning rate as the training has logged it at a step. */
export interface LoggedRate {
  readonly step: number;
  readonly value: number;
}

/** An open checkpoint: its table of contents is known and validated, tensors are read on demand. */
export interface Checkpoint {
  /** The file, or the folder of a trainer, as the person would write it. */
  readonly file: string;
  /** All files that it was read from, where it is not `file` alone. */
  readonly files?: readonly string[];
  readonly format: CheckpointFormat;
  /** The model's tensors by name; optimizer state is not among them. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Rates of the optimizer's parameter groups, in order; empty when the file has none. */
  readonly learningRates: readonly FoundLearningRate[];
  /** Why there is no rate, where the file has one that cannot be told: a schedule that is not known. */
  readonly rateUnknown?: string;
  /** State of the optimizer, where the file (or one beside it) holds it. */
  readonly optimizer?: OptimizerState;
  /** Why there is no state, where the file has one that cannot be told, and what to do. */
  readonly optimizerUnknown?: { readonly reason: string; readonly remedy: string };
  /** States of schedulers, where the file (or one beside it) holds them. */
  readonly schedulers?: readonly SchedulerState[];
  /** True where the file keeps its tensors sorted by name, so that their order does not tell the order in the module. */
  readonly isSorted?: boolean;
  /** Training step and epoch, where the file says them. */
  readonly step?: number;
  readonly epoch?: number;
  /** Names of tensors that the file does not repeat because they are another one (tied weights), where it says so. */
  readonly ties?: ReadonlyMap<string, string>;
  /** True for an adapter (PEFT), which holds only what was added to the weights of another model. */
  readonly isAdapter?: boolean;
  /** Rates that the training has logged, in the order of its steps. */
  readonly loggedRates?: readonly LoggedRate[];
  /** Things to look at: a file beside the weights that cannot be read. */
  readonly warnings?: readonly string[];
  /** One tensor, floating types converted to float32, others as stored. Throws kind `checkpoint`. */
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}
