/** Lists of a run: how they are asked for, narrowed, ordered and shown, and the marks made of them. */

import type { LabelValue, Place, Preview } from "./examples.ts";
import type { Reading } from "./runs.ts";

/** The lists of a run: ranked, or all examples in file order. */
export type RankedView = "proponents" | "opponents" | "suspects" | "all";

/** Numbers by which suspects can be ranked. */
export type SuspectOrder = "margin" | "combined" | "loss" | "selfInfluence";

/** Values from `from` up to and including `to`. */
export interface NumberRange {
  readonly column: string;
  readonly from: number;
  readonly to: number;
}

/** What narrows a list: typed text (plain words, or an SQL condition), and ranges of numbers. */
export interface RowFilter {
  readonly text?: string;
  readonly ranges?: readonly NumberRange[];
}

export interface RowSort {
  readonly column: string;
  readonly descending: boolean;
}

/** Names a list of a run. */
export interface ListRequest {
  readonly root: string;
  readonly runId: string;
  readonly view: RankedView;
  /** Which query of the run, for proponents and opponents. */
  readonly query: number;
  readonly order?: SuspectOrder;
  readonly filter?: RowFilter;
  /** Another order than that of the view. */
  readonly sort?: RowSort;
}

export interface RowsRequest extends ListRequest {
  readonly offset: number;
  readonly limit: number;
}

/** A column by which rows can be filtered and sorted. */
export interface TableColumn {
  readonly name: string;
  readonly kind: "number" | "text";
}

/** What a typed filter is, the columns that it may name, and what is wrong with it at the characters [from, to). */
export interface FilterCheck {
  readonly kind: "none" | "words" | "condition";
  readonly columns: readonly TableColumn[];
  readonly problem:
    | { readonly message: string; readonly from: number; readonly to: number }
    | undefined;
}

export interface FilterCheckRequest {
  readonly root: string;
  readonly runId: string;
  readonly query: number;
  readonly text: string;
  /**
   * What words are looked for in is read meanwhile: because a person is about to type, or where that is soon done because
   * the list is shown.
   */
  readonly readAhead?: "typing" | "shown";
}

export interface HistogramRequest extends ListRequest {
  /** A column of numbers. */
  readonly column: string;
  readonly bins: number;
}

/** Counts of bins of equal width in [from, to]; no bins where there are no values. */
export interface Histogram {
  readonly from: number;
  readonly to: number;
  readonly counts: readonly number[];
}

/** One training example in a ranked list. */
export interface RankedRow {
  /** 1 for the first. */
  readonly rank: number;
  readonly index: number;
  /** Hash of everything but its target; early rows have none. */
  readonly content?: string;
  readonly place: Place;
  readonly preview: Preview;
  readonly target: string;
  /** What is known of its prediction at the last checkpoint; empty for nothing. */
  readonly predicted: string;
  /** Score on the query; 0 in a run without query. */
  readonly score: number;
  /** Whether the score is an estimate of a gradient index. */
  readonly estimated?: true;
  /** The part of each checkpoint in `score` (in a run without query: in self-influence). */
  readonly parts: readonly number[];
  readonly selfInfluence: number;
  /** Mean loss over the checkpoints. */
  readonly loss: number;
  /** Mean over the checkpoints of the probability of its label less that of the best other one; undefined where it has none. */
  readonly margin: number | undefined;
  /** Mean of its places in the lists by loss and by margin, from 1; undefined where it has no margin. */
  readonly combined: number | undefined;
  /** Label with the highest probability at the last checkpoint, when it is not the target. */
  readonly suggested: LabelValue | undefined;
}

export interface RowsReply {
  /** Length of the whole list. */
  readonly total: number;
  /** Largest absolute score in the list, for a common scale. */
  readonly scale: number;
  readonly rows: readonly RankedRow[];
}

/** A training example that argues about the label of another one. */
export interface Neighbour {
  readonly index: number;
  readonly place: Place;
  readonly preview: Preview;
  readonly target: string;
  /** Its score on the other one with the label that this one has in the data. */
  readonly score: number;
}

/** The training examples that argue most for and against the label of one, itself left out; strongest first. */
export interface Neighbours {
  /** Its proponents: training on them made the label likelier. */
  readonly for: readonly Neighbour[];
  /** Its opponents: training on them made the label less likely. */
  readonly against: readonly Neighbour[];
}

/** A mark on a row of a data file or on an image. */
export interface Mark {
  readonly kind: "proponent" | "opponent" | "suspect" | "query";
  readonly dataset: string;
  readonly rank: number;
  readonly value: number;
  readonly place: Place;
  readonly index: number;
  /** Hash of everything but its target, for training examples. */
  readonly content?: string;
  readonly target: string;
  readonly predicted: string;
  readonly reading: Reading;
  readonly suggested: LabelValue | undefined;
  readonly selfInfluence: number;
  readonly loss: number;
  readonly margin: number | undefined;
}
