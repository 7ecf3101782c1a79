import type { LossSettings } from "../config/loss-schema.ts";
import type { JsonObject } from "../formats/json.ts";
import type { Graph } from "../graph/graph.ts";
import { type Shape, sizeOf } from "../graph/tensor.ts";

/**
 * A tensor of the model that checkpoints replace, under the name that the checkpoint gives it
 * (for PyTorch the key of the state_dict).
 */
export interface ModelWeight {
  /** Name of the graph initializer; equals the checkpoint's name wherever the exporter kept it. */
  readonly name: string;
  readonly shape: Shape;
  /**
   * `parameter`: trained by gradient descent. `buffer`: follows the checkpoint but has no gradient
   * (running statistics, positional encodings, frozen weights). `constant`: part of the architecture; never in a checkpoint.
   */
  readonly role: "parameter" | "buffer" | "constant";
  /** Whether the file says that it is none of the module's own tensors: its exporter computed it from others. */
  readonly computed?: boolean;
  /** Further names under which a checkpoint may hold it, the likeliest first (each kind of Keras file has its own). */
  readonly aliases?: readonly string[];
}

/** A loss with its settings, as `tracin.json` writes it, and what only a model file can say. */
export interface ModelLoss extends LossSettings {
  /**
   * By output, the output of the graph that says which of its positions count: float32 [batch, ...], 1 where one does. It holds
   * for every loss of that output.
   */
  readonly masks?: Readonly<Record<string, string>>;
  /** Why the loss that the file was compiled with is not read, as a person reads it; then there is no `type`. */
  readonly unread?: string;
  /** With `sum`: of the means over the last axis of the output, as Keras sums the losses of positions. */
  readonly meanOfLast?: true;
}

/** What a Keras model file tells of its training, for files of weights that do not repeat it. */
export interface TrainingSettings {
  /** The model file, relative to the workspace. */
  readonly file: string;
  /** What `compile` was given. */
  readonly compiled: JsonObject;
  /** Version of Keras that wrote the file, where it is known. */
  readonly version: string | undefined;
}

/** An imported model: the inference graph of the network, without a loss. */
export interface Model {
  /** File that it came from, relative to the workspace. */
  readonly file: string;
  /**
   * Inputs are the model's inputs alone (initializers are not repeated as inputs); every weight is an
   * initializer; exporter aliases (Identity of a merged initializer) are initializers of their own.
   */
  readonly graph: Graph;
  /**
   * All floating initializers of rank or size that training could change, with the role that the file
   * alone tells. Whether a `parameter` is really one is settled against the checkpoints.
   */
  readonly weights: readonly ModelWeight[];
  /** Whether the file itself says what was trained (metadata of TracIn: Export PyTorch Model). */
  readonly recorded: boolean;
  /**
   * Row of an embedding table that gets no gradient where the table is looked up (`padding_idx`), by the name of
   * the table; empty when the file does not say.
   */
  readonly paddingRows: ReadonlyMap<string, number>;
  /** Names in the state_dict that are one tensor (tied weights), where the file says them. */
  readonly ties?: readonly (readonly string[])[];
  /** Names of the parameters in the order of the module, as its optimizer was given them, where the file says it. */
  readonly order?: readonly string[];
  /**
   * What the file says of the loss that the model was trained with (the compiled loss of a Keras model), and of where the
   * classes are in its outputs; `tracin.json` goes over it.
   */
  readonly loss?: ModelLoss;
  readonly training?: TrainingSettings;
  /**
   * True when the graph's weights are zeros that wait for a checkpoint (Keras, where architecture and weights are read apart): then
   * no weight may be missing from a checkpoint, frozen or not.
   */
  readonly hollow?: boolean;
  /**
   * The same model for data of these shapes (by input, the batch first), where its graph depends on sizes that the file leaves
   * open: recurrent layers are unrolled over the time steps. Then `graph` is a sketch that never runs; names, types and weights are the same.
   */
  readonly sized?: (shapes: ReadonlyMap<string, Shape>) => Model;
}

/** Bytes of the weights of a checkpoint. */
export function weightBytes({ weights }: Model): number {
  return weights.reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
}
