import type { Dataset } from "../datasets/dataset.ts";
import type { Encoder } from "../datasets/encoder.ts";
import { TracInError } from "../errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Model } from "../models/model.ts";
import type { Config } from "./config.ts";
import type { LossName } from "./loss-schema.ts";

/** A checkpoint that was matched with the model. */
export interface ProjectCheckpoint {
  /** File or folder, relative to the workspace. */
  readonly file: string;
  /** All files that it is read from, where it is not `file` alone. */
  readonly files?: readonly string[];
  /** Step size of the interval that ends here: eta_i. */
  readonly learningRate: number;
  /** Where the rate comes from, as a person reads it. */
  readonly learningRateSource: string;
  /** eta_i, or eta_i * visits_i / batchSize where those are configured. */
  readonly weight: number;
  /** Rate of each parameter, where they are not all `learningRate` (which is then the largest of them). */
  readonly parameterRates?: ReadonlyMap<string, number>;
  /** Things to look at, such as a rate of 0 or one that changed since the previous checkpoint. */
  readonly warnings: readonly string[];
  /** Checkpoint tensor for each weight of the model (parameters and buffers). */
  readonly names: ReadonlyMap<string, string>;
  /** Where the rate may be that of the next interval: the one in force at the previous checkpoint. */
  readonly previousRate?: number;
  /** What the checkpoint's names have in front of the model's. */
  readonly prefix?: string;
  /** Tensors of the checkpoint that the model does not use, integers too; counters and the trainer's own state aside. */
  readonly surplus?: readonly string[];
  /** Weights of the model that the checkpoint may lack and does, by the model's names: the model file's values are used. */
  readonly missing?: readonly string[];
  readonly step?: number;
  readonly epoch?: number;
}

/** The loss with its defaults filled in; what is undefined does not apply. */
export interface LossSpec {
  readonly type: LossName;
  /** Over one example's own outputs, or positions that count. */
  readonly reduction: "sum" | "mean";
  /** With `sum`: of the means over the output's last axis, in a Keras model that was compiled so. */
  readonly meanOfLast?: true;
  /** Model output that holds logits (cross-entropies), predictions, or the loss itself. */
  readonly output: string;
  /** Axis of the classes in it; negative from the end. Undefined: the axis that the targets lack. */
  readonly classAxis?: number;
  /** Label of positions that do not count. */
  readonly ignoreIndex?: number;
  /** Whether position t predicts the label of position t + 1. */
  readonly shift?: boolean;
  /** Weight of each class. */
  readonly weights?: readonly number[];
  /** Weight of targets that are on: one for all, or one for each label. */
  readonly posWeight?: number | readonly number[];
  readonly labelSmoothing?: number;
  /** Focal: the exponent of 1 - p. */
  readonly gamma?: number;
  /** Focal. Softmax: a factor, or one for each class; sigmoid: that of what is on. */
  readonly alpha?: number | readonly number[];
  /** Multi-margin: how far the target's score must be above each other. */
  readonly margin?: number;
  /** Multi-margin: exponent of what is missing. */
  readonly power?: 1 | 2;
  /** Whether the output holds logarithms. */
  readonly logInput?: boolean;
  /** Error from which Huber and smooth L1 (there called beta) are linear. */
  readonly delta?: number;
  /** Model output that is shown as the prediction, for the loss "output". */
  readonly prediction?: string;
  /** Model output that says which positions of `output` count: float32, 1 where one does. */
  readonly mask?: string;
}

/** A workspace with everything in `tracin.json` resolved and validated. */
export interface Project {
  /** Absolute folder that holds `tracin.json`. */
  readonly root: string;
  readonly config: Config;
  readonly model: Model;
  /** In training order. */
  readonly checkpoints: readonly ProjectCheckpoint[];
  /** Names of the weights that were trained (role parameter, present in every checkpoint, not frozen). */
  readonly parameters: readonly string[];
  /** Names of checkpoint tensors that follow the checkpoint without being parameters. */
  readonly buffers: readonly string[];
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly encoder: Encoder;
  readonly loss: LossSpec;
  /** Reads the weights (parameters and buffers) of one checkpoint, by the model's names. */
  readWeights(checkpoint: ProjectCheckpoint): Promise<ReadonlyMap<string, Tensor>>;
  /**
   * Where the configuration asks for it: what multiplies each parameter's gradient on one side of the product, element
   * by element, at one checkpoint, by the model's names. Throws kind `config` where the checkpoint does not tell it.
   */
  readonly readPreconditioner?: (
    checkpoint: ProjectCheckpoint,
    parameters: readonly string[],
  ) => Promise<ReadonlyMap<string, Tensor>>;
  close(): Promise<void>;
}

/** The training data of a project. */
export function trainingData(project: Project): Dataset {
  return datasetOf(project, "train");
}

/** A dataset by name. Throws kind `config` when there is none. */
export function datasetOf(project: Project, name: string): Dataset {
  const dataset = project.datasets.get(name);
  if (dataset === undefined) {
    throw new TracInError(
      "config",
      `There is no dataset "${name}".`,
      {},
      `The datasets are: ${[...project.datasets.keys()].join(", ")}.`,
    );
  }
  return dataset;
}
