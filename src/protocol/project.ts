/** What a project amounts to: model, checkpoints, datasets, choice of layers; and what set-up found. */

import type { ExampleForm } from "./examples.ts";

export interface CheckpointSummary {
  readonly file: string;
  readonly learningRate: number;
  /** Where the rate comes from, as a person reads it. */
  readonly learningRateSource: string;
  /** Factor of this checkpoint in every score. */
  readonly weight: number;
  readonly step?: number;
  readonly epoch?: number;
  /** What the checkpoint's names have in front of the model's. */
  readonly prefix?: string;
  /** Its tensors that the model does not use. */
  readonly surplus?: readonly string[];
  /** Weights of the model that it lacks: those of the model file are used. */
  readonly missing?: readonly string[];
  /** Where parameters have different rates; `learningRate` is the largest. */
  readonly groups?: readonly {
    readonly learningRate: number;
    readonly parameters: readonly string[];
  }[];
  /** Where the rate may be that of the next interval: the one in force at the previous checkpoint, offered instead. */
  readonly previousRate?: number;
  readonly warnings: readonly string[];
}

export interface DatasetSummary {
  readonly name: string;
  readonly file: string;
  readonly kind: "table" | "images" | "arrays";
  readonly length: number;
}

/** A parameter of the model. */
export interface ParameterSummary {
  readonly name: string;
  readonly shape: readonly number[];
  /** Whether the chosen layers hold it. */
  readonly counted: boolean;
}

/** What `tracin.json` amounts to. */
export interface ProjectSummary {
  readonly root: string;
  readonly model: {
    readonly file: string;
    readonly parameters: readonly ParameterSummary[];
    readonly buffers: readonly string[];
  };
  readonly checkpoints: readonly CheckpointSummary[];
  readonly datasets: readonly DatasetSummary[];
  readonly labels: readonly string[] | undefined;
  /** What an example consists of. */
  readonly form: ExampleForm;
  /** Standard deviations of the columns of numbers that the features read. */
  readonly scales: Readonly<Record<string, number>>;
  readonly loss: string;
  /** The choice of layers: all, last, or name patterns. */
  readonly layers: "all" | "last" | readonly string[];
}

/** What a choice of layers means for a question about one example. */
export interface LayerEstimate {
  /** Number of parameter elements that count. */
  readonly parameters: number;
  /** Seconds for all training examples, measured on a few batches. */
  readonly seconds: number;
}

/** A question that set-up cannot answer by itself. */
export interface SetupQuestion {
  readonly id: string;
  readonly prompt: string;
  /** Answers to choose from; empty for free text. */
  readonly options: readonly string[];
}

/** What set-up found in a folder. */
export interface SetupProposal {
  /** A (partial) `tracin.json`. */
  readonly config: unknown;
  readonly questions: readonly SetupQuestion[];
  /** What was found, as sentences. */
  readonly notes: readonly string[];
}
