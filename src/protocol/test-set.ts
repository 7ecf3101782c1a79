/** Test sets: how right the model is on them, and the slices of them that are explained together. */

import type { LabelValue, Place, Preview } from "./examples.ts";
import type { NumberRange, RowFilter, RowSort } from "./lists.ts";

/** Examples of a test set that are explained together. */
export type TestSlice =
  | { readonly kind: "all" }
  /** What the model gets wrong. */
  | { readonly kind: "errors" }
  /** Examples with a target, or whose prediction it is; with both, a cell of the confusion matrix. */
  | {
      readonly kind: "labels";
      readonly target?: string | undefined;
      readonly predicted?: string | undefined;
    }
  /** For several labels: whether one of them is on in the target and predicted. */
  | {
      readonly kind: "label";
      readonly label: string;
      readonly target?: boolean | undefined;
      readonly predicted?: boolean | undefined;
    }
  /** For labels at positions: one is taken for another somewhere in the example. */
  | { readonly kind: "confusion"; readonly target: string; readonly predicted: string }
  /** Words or a condition, and ranges of numbers. */
  | {
      readonly kind: "filter";
      readonly text?: string | undefined;
      readonly ranges?: readonly NumberRange[] | undefined;
    };

/** One label of a multi-label test set, at the last checkpoint. */
export interface LabelCounts {
  readonly label: string;
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** One output of a regression, in the units of the model's output, at the last checkpoint. */
export interface OutputErrors {
  readonly name: string;
  readonly count: number;
  /** Mean of prediction minus target. */
  readonly meanError: number;
  readonly meanAbsoluteError: number;
  readonly rootMeanSquare: number;
  /** Share of the targets' variance that is explained; null where the targets are all alike. */
  readonly explained: number | null;
}

/**
 * How right the model is on a test set; what is said depends on what is known of predictions. `right` counts at each
 * checkpoint, of `counted` examples (of positions, where there is a label at each).
 */
export type TestOutcome =
  | {
      readonly kind: "labels";
      readonly counted: number;
      readonly right: readonly number[];
      readonly labels: readonly string[];
      /** [target, predicted, examples] for each pair that occurs, as places in `labels`. */
      readonly cells: readonly (readonly [target: number, predicted: number, count: number])[];
    }
  | {
      readonly kind: "multiLabel";
      readonly counted: number;
      readonly right: readonly number[];
      readonly labels: readonly LabelCounts[];
    }
  | {
      readonly kind: "positions";
      readonly counted: number;
      readonly right: readonly number[];
      readonly confusions: readonly {
        readonly target: string;
        readonly predicted: string;
        readonly count: number;
      }[];
    }
  | { readonly kind: "values"; readonly outputs: readonly OutputErrors[] }
  | { readonly kind: "loss" };

/** The test set of a run, and the slice of it that was explained. */
export interface TestSetSummary {
  readonly dataset: string;
  /** Its file or folder, relative to the workspace root. */
  readonly file: string;
  readonly examples: number;
  readonly slice: TestSlice;
  /** The slice in a few words. */
  readonly sliceTitle: string;
  /** Examples of the slice. */
  readonly chosen: number;
  /** Mean loss at each checkpoint, of all examples and of the slice. */
  readonly losses: readonly number[];
  readonly chosenLosses: readonly number[];
  readonly outcome: TestOutcome;
}

/** Names a list of test examples of a run. */
export interface TestListRequest {
  readonly root: string;
  readonly runId: string;
  readonly slice: TestSlice;
  /** Narrows the slice further. */
  readonly filter?: RowFilter;
  /** Largest loss first unless told. */
  readonly sort?: RowSort;
}

export interface TestRowsRequest extends TestListRequest {
  readonly offset: number;
  readonly limit: number;
}

/** One example of a test set. */
export interface TestRow {
  readonly rank: number;
  readonly index: number;
  readonly place: Place;
  readonly preview: Preview;
  readonly target: string;
  /** What is known of its prediction at the last checkpoint; empty for nothing. */
  readonly predicted: string;
  readonly probability: number | undefined;
  /** The prediction with its probability, where it is a label and wrong. */
  readonly wrong: LabelValue | undefined;
  /** At the last checkpoint, and at each. */
  readonly loss: number;
  readonly losses: readonly number[];
}

export interface TestRowsReply {
  /** Examples in the list. */
  readonly total: number;
  /** Largest loss in it. */
  readonly scale: number;
  readonly rows: readonly TestRow[];
}
