/** Decisions about examples, and what applying them does to the data. */

import type { ExampleRef, Place } from "./examples.ts";

/** What a person decides about an example. */
export type Decision =
  | { readonly kind: "keep" }
  | { readonly kind: "relabel"; readonly to: string }
  | { readonly kind: "exclude" };

/** A decision as it is given: a label of one's own, or each example's own suggestion. */
export type GivenDecision = Decision | { readonly kind: "suggestion" };

/** An example to decide about; `content` as the row or mark has it, so that a row that has changed since is not mistaken for it. */
export interface ReviewItem extends ExampleRef {
  readonly content?: string;
}

/** One with the label that the model suggests, if it does. */
export interface SuggestedItem extends ReviewItem {
  readonly suggested?: string;
}

/** Why an example was not decided about: it has changed since the run or is gone, or the model suggests no other label. */
export type SkipReason = "changed" | "noSuggestion";

/**
 * How a decision stands to the data as it is now: `open` waits to be applied, `done` has nothing to apply (kept) or is
 * applied, `changed` has a label that is neither the old nor the new one, `gone` is no longer in the dataset.
 */
export type ReviewState = "open" | "done" | "changed" | "gone";

/** Names a decision in the file of decisions: the action that it was part of, and its example as it was written down. */
export interface DecisionId extends ExampleRef {
  readonly action: string;
  readonly content: string;
}

/** A decision that stands. */
export interface Review extends ExampleRef {
  readonly id: DecisionId;
  /** Hash of everything but the target. */
  readonly content: string;
  readonly place: Place;
  readonly decision: Decision;
  /** The label when it was decided. */
  readonly from: string;
  /** ISO 8601. */
  readonly time: string;
  readonly state: ReviewState;
}

/** All decisions of a workspace. */
export interface Reviews {
  readonly reviews: readonly Review[];
  /** Examples of the latest action that {@link ComputeApi.undoReview} would take back; 0 when there is none. */
  readonly undoable: number;
  /** Damaged lines of the file of decisions, as sentences. */
  readonly warnings: readonly string[];
}

/** What came of deciding: examples that were skipped, with the reason. */
export interface ReviewsReply extends Reviews {
  readonly skipped: readonly (ReviewItem & { readonly reason: SkipReason })[];
}

/** Why a decision is not applied; the words are `refusalText`'s. */
export type RefusalReason =
  /** Its label is another one by now than when it was decided. */
  | { readonly kind: "labelChanged"; readonly from: string }
  | { readonly kind: "gone" }
  /** The row does not hold its label in one column of its own. */
  | { readonly kind: "labelUnclear"; readonly from: string }
  /** An image whose folder is not its label. */
  | { readonly kind: "folderUnclear" }
  | { readonly kind: "noText" }
  | { readonly kind: "tooLarge" }
  | { readonly kind: "lineEnds" }
  | { readonly kind: "unsaved" }
  | { readonly kind: "notSaved" }
  /** The row reads differently in the editor than on disk. */
  | { readonly kind: "differs" }
  /** A setting that changes more than the edit when a file is saved. */
  | { readonly kind: "savesMore"; readonly setting: string }
  | { readonly kind: "fileExists"; readonly file: string };

/** What is not changed, and why: a whole file, or (`train.csv:3`) a row. */
export interface Refusal {
  readonly file: string;
  readonly reason: RefusalReason;
}

/** How the open decisions change the data; the editor does it, so that it can be undone. */
export interface ApplyPlan {
  /** Rows of text files, in their order. */
  readonly rows: readonly ApplyRow[];
  /** Images whose folder is their label, relative to the root; excluded ones go to `.tracin/excluded`. */
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    readonly id: DecisionId;
  }[];
  readonly refused: readonly Refusal[];
}

/** What becomes of one row. */
export interface ApplyRow {
  readonly id: DecisionId;
  readonly file: string;
  /** Counted from 0. */
  readonly line: number;
  readonly lineCount: number;
  /** The row as it is on disk. */
  readonly text: string;
  /** Null takes the row away. */
  readonly replacement: TextChange | null;
}

/** What takes the place of a part of a row (UTF-16 units). */
export interface TextChange {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What a cleaned copy holds. */
export interface CleanedCopy {
  readonly relabelled: number;
  readonly excluded: number;
  /** `copy` of the dataset, or the `indices` to drop or relabel where no copy can be made. */
  readonly kind: "copy" | "indices";
  readonly refused: ApplyPlan["refused"];
}

/** Whether the example of a decision is in the data now; another one stands at its index otherwise. */
export function isInData({ decision, state }: Pick<Review, "decision" | "state">): boolean {
  return state !== "gone" && !(decision.kind === "exclude" && state === "done");
}
