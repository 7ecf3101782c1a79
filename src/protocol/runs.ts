/** Runs as lists and headers show them, with their queries. */

import type { ExampleRef, LabelValue, Place, Preview } from "./examples.ts";
import type { RunIndex } from "./gradient-index.ts";
import type { SuspectOrder } from "./lists.ts";
import type { CheckpointSummary } from "./project.ts";
import type { TestSetSummary } from "./test-set.ts";

/** The label whose loss is explained; a number is a class or output index. */
export type ExplainedLabel = "target" | "prediction" | number;

/**
 * What is known of a prediction: probabilities of labels, values of outputs, how many positions are wrong, the number of
 * outputs and their mean loss, or nothing.
 */
export type Reading = "probabilities" | "values" | "positions" | "outputs" | "none";

/** Where the model fails on an example with a label at each position, at the last checkpoint. */
export interface PositionsReading {
  /** Positions that count, and those of them at which another label is the most probable one. */
  readonly count: number;
  readonly wrong: number;
  /** Mean loss of a position. */
  readonly loss: number;
  /** Where the loss is largest, largest first. */
  readonly worst: readonly {
    readonly place: string;
    readonly target: string;
    readonly predicted: string;
    readonly loss: number;
  }[];
  /** Labels that are taken for others, most frequent first. */
  readonly confusions: readonly {
    readonly target: string;
    readonly predicted: string;
    readonly count: number;
  }[];
}

/** What is known of a run's query. */
export interface QueryCard extends ExampleRef {
  /** Whether it stands in no dataset: a person gave it, and the run keeps it. */
  readonly given?: true;
  readonly place: Place;
  readonly preview: Preview;
  /** The example's target as text. */
  readonly target: string;
  readonly reading: Reading;
  /**
   * All labels with probabilities, or outputs with values, at the last checkpoint; highest first for labels. Empty where
   * the reading is another one.
   */
  readonly prediction: readonly LabelValue[];
  /** Where the model fails, for labels at positions. */
  readonly positions: PositionsReading | undefined;
  /** Number of outputs and mean loss of one, where they are too many to show. */
  readonly outputs: { readonly count: number; readonly loss: number } | undefined;
  /** Whether the values of outputs can be explained one by one. */
  readonly choosable?: true;
  /** Label that was explained, if the loss has labels; for labels at positions, that it is the prediction. */
  readonly explained: string | undefined;
  /** Loss of the query at each checkpoint. */
  readonly losses: readonly number[];
}

/** A run as lists and headers show it. */
export interface RunSummary {
  readonly id: string;
  readonly kind: "explain" | "suspects" | "testSet";
  /** ISO 8601. */
  readonly created: string;
  /** One line that names it: `test 142, target 7`. */
  readonly title: string;
  /** Folder relative to the workspace root. */
  readonly folder: string;
  readonly examples: number;
  readonly checkpoints: readonly CheckpointSummary[];
  readonly layers: string;
  readonly engine: string;
  /** Whether gradients were multiplied with the optimizer's step sizes. */
  readonly preconditioned?: boolean;
  /** How scores were found, where a gradient index was asked. */
  readonly index?: RunIndex;
  /** Why a gradient index was not asked although there is one, as sentences. */
  readonly indexUnused?: readonly string[];
  readonly seconds: number;
  /** What is known of the predictions of its examples. */
  readonly reading: Reading;
  /** Numbers by which its suspects can be ranked, the default first. */
  readonly orders: readonly SuspectOrder[];
  readonly queries: readonly QueryCard[];
  /** For kind `testSet`: its one query is the mean over the examples of a slice. */
  readonly testSet?: TestSetSummary;
  /** Inputs that changed since the run, as sentences; empty for a fresh run. */
  readonly changes: readonly string[];
}
