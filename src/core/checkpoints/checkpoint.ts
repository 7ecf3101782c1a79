import type { DataType, Shape, Tensor } from "../graph/tensor.ts";

/** File formats of checkpoints. */
export type CheckpointFormat = "safetensors" | "pytorch" | "onnx";

export interface CheckpointTensor {
  /** Name as the file gives it, nested dictionaries joined with dots (`model.fc1.weight`). */
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** A learning rate as found in a file. */
export interface FoundLearningRate {
  readonly value: number;
  /** Where it was found, as a person reads it: `optimizer.param_groups[0].lr`. */
  readonly source: string;
}

/** An open checkpoint: its table of contents is known and validated, tensors are read on demand. */
export interface Checkpoint {
  readonly file: string;
  readonly format: CheckpointFormat;
  /** The model's tensors by name; optimizer state is not among them. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  /** Rates of the optimizer's parameter groups, in order; empty when the file has none. */
  readonly learningRates: readonly FoundLearningRate[];
  /** How many tensors the optimizer's parameter groups hold together, where the file says it. */
  readonly trainedTensors?: number;
  /** Training step and epoch, where the file says them. */
  readonly step?: number;
  readonly epoch?: number;
  /** One tensor, floating types converted to float32, others as stored. Throws kind `checkpoint`. */
  read(name: string): Promise<Tensor>;
  close(): Promise<void>;
}
