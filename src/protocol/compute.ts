/**
 * What the extension host asks of the compute process, over vscode-jsonrpc. The method name is the key of
 * {@link ComputeApi}; every request can be cancelled and may report {@link Progress}; an error reply carries a
 * `SerializedError` (src/core/errors.ts) in its data.
 */

import type { EarlyRanking } from "./early.ts";
import type { ExampleRef, GivenExample, Place, Preview, QueryRef } from "./examples.ts";
import type { IndexPlan, IndexSettings, IndexSummary } from "./gradient-index.ts";
import type {
  FilterCheck,
  FilterCheckRequest,
  Histogram,
  HistogramRequest,
  ListRequest,
  Mark,
  Neighbours,
  RowsReply,
  RowsRequest,
} from "./lists.ts";
import type { PairReply, PairRequest } from "./pair.ts";
import type { LayerEstimate, ProjectSummary, SetupProposal } from "./project.ts";
import type {
  ApplyPlan,
  CleanedCopy,
  DecisionId,
  GivenDecision,
  ReviewItem,
  Reviews,
  ReviewsReply,
  SuggestedItem,
  TextChange,
} from "./reviews.ts";
import type { ExplainedLabel, RunSummary } from "./runs.ts";
import type { TestListRequest, TestRowsReply, TestRowsRequest, TestSlice } from "./test-set.ts";

export interface Progress {
  readonly phase: "opening" | "evaluating" | "queries" | "scoring" | "reranking" | "writing";
  readonly done: number;
  readonly total: number;
  /** A sentence for the status line. */
  readonly message: string;
  /** The lists as they stand, with some reports of a run; what it holds is as large as a page of rows. */
  readonly early?: EarlyRanking;
}

/** Whether a phase takes time and says how much of it is done: scoring, and scoring the best of an index again. */
export function hasShare(phase: Progress["phase"]): boolean {
  return phase === "scoring" || phase === "reranking";
}

/** The requests that the compute process serves: parameters and result of each. */
export interface ComputeApi {
  /** Opens or refreshes the project of a folder and reports what it amounts to. */
  open(params: { readonly root: string }): ProjectSummary;
  /**
   * Gets ready for what a person is about to ask: opens the project and loads the engine, and with `compile` also compiles
   * the model for a question about one example. What is wrong is told by the question itself.
   */
  warmUp(params: { readonly root: string; readonly compile: boolean }): void;
  /** Measures what a question would cost with other layers than those of `tracin.json`, or with these. */
  estimate(params: {
    readonly root: string;
    readonly layers?: "all" | "last" | readonly string[];
  }): LayerEstimate;
  /** Scores all training examples on queries and saves a run. */
  explain(params: {
    readonly root: string;
    readonly queries: readonly QueryRef[];
    readonly explain: ExplainedLabel;
    /** False computes all scores; otherwise an index that is up to date is asked. */
    readonly useIndex?: boolean;
  }): RunSummary;
  /** Reads an example that stands in no dataset, as `explain` will. Throws kind `data` where it is none. */
  checkExample(params: { readonly root: string; readonly given: GivenExample }): void;
  /**
   * Runs the model on a dataset, scores all training examples on a slice of it (the mean over its examples), and saves a
   * run. Throws kind `data` when the slice is empty.
   */
  explainTestSet(params: {
    readonly root: string;
    readonly dataset: string;
    readonly slice: TestSlice;
    /** False computes all scores; otherwise an index that is up to date is asked. */
    readonly useIndex?: boolean;
  }): RunSummary;
  /** Self-influence and mean loss of all training examples, saved as a run. */
  suspects(params: { readonly root: string; readonly useIndex?: boolean }): RunSummary;
  /** The gradient index of a project, and the ways in which it could be built. */
  planIndex(params: { readonly root: string }): IndexPlan;
  /** Builds the gradient index, or what is missing of it. */
  buildIndex(params: { readonly root: string; readonly settings: IndexSettings }): IndexSummary;
  /** The saved runs, newest first; their queries stand for themselves by their places, without image or text. */
  listRuns(params: { readonly root: string }): readonly RunSummary[];
  /** One saved run with the previews of its queries. Throws kind `store` when it is missing or damaged. */
  readRun(params: { readonly root: string; readonly runId: string }): RunSummary;
  deleteRun(params: { readonly root: string; readonly runId: string }): void;
  /** One page of a ranked list. */
  rows(params: RowsRequest): RowsReply;
  /** One page of a run's test examples. */
  testRows(params: TestRowsRequest): TestRowsReply;
  /** How the numbers of a column are distributed among test examples. */
  testHistogram(
    params: TestListRequest & { readonly column: string; readonly bins: number },
  ): Histogram;
  /** Reads a typed filter of test examples without using it. */
  checkTestFilter(params: {
    readonly root: string;
    readonly runId: string;
    readonly text: string;
  }): FilterCheck;
  /** Where in a training example its score comes from, and the factors of its product at the last layer. */
  pair(params: PairRequest): PairReply;
  /** Reads a typed filter without using it. */
  checkFilter(params: FilterCheckRequest): FilterCheck;
  /** How the numbers of a column are distributed in a list; its own ranges do not narrow it. */
  histogram(params: HistogramRequest): Histogram;
  /** Marks of the top `limit` of each list of a run, in one data file or (without `file`) in all. */
  marks(params: {
    readonly root: string;
    readonly runId: string;
    readonly limit: number;
    readonly file?: string;
  }): readonly Mark[];
  /** The decisions about examples in `.tracin/reviews.jsonl`, as they stand to the data. */
  reviews(params: { readonly root: string }): Reviews;
  /**
   * The `limit` training examples that argue most for and against the label of one, computed now. Throws kind `data` when it has
   * changed since the run.
   */
  neighbours(params: {
    readonly root: string;
    readonly example: ReviewItem;
    readonly limit: number;
  }): Neighbours;
  /** Takes one decision about some examples, or takes the one that stands back; undone together. */
  decide(params: {
    readonly root: string;
    readonly items: readonly SuggestedItem[];
    readonly decision: GivenDecision | { readonly kind: "undo" };
  }): ReviewsReply;
  /** The first `limit` examples of a list, as decisions about them need them, and how many it has. */
  listed(params: ListRequest & { readonly limit: number }): {
    readonly total: number;
    readonly items: readonly SuggestedItem[];
  };
  /** Takes back the latest decision, of all examples that it was taken about. */
  undoReview(params: { readonly root: string }): ReviewsReply;
  /** How the open decisions would change the data. */
  planApply(params: { readonly root: string }): ApplyPlan;
  /** What to change in the text of a row so that it has another label; null where it does not hold the old one by itself. */
  relabelText(params: {
    readonly root: string;
    readonly dataset: string;
    readonly text: string;
    readonly from: string;
    readonly to: string;
  }): TextChange | null;
  /** Notes that excluded examples were taken out of the data just now. */
  noteExcluded(params: {
    readonly root: string;
    readonly decisions: readonly DecisionId[];
  }): Reviews;
  /** Writes a copy of a dataset with the decisions applied; for arrays and image folders, the indices. */
  writeCleaned(params: {
    readonly root: string;
    readonly dataset: string;
    /** Absolute path. */
    readonly to: string;
  }): CleanedCopy;
  /** Writes a list of a run: whole, or as its filter and sort have it. */
  exportRun(
    params: ListRequest & {
      /** Absolute path; its extension tells the format: csv, jsonl or parquet. */
      readonly to: string;
    },
  ): void;
  /** The example that stands at a line (counted from 0) of a data file, or is an image file; null when none. */
  locate(params: {
    readonly root: string;
    readonly file: string;
    readonly line?: number;
  }): ExampleRef | null;
  /** What to show of an example, for quick picks and cards. */
  preview(params: { readonly root: string } & ExampleRef): {
    readonly place: Place;
    readonly target: string;
    readonly preview: Preview;
  };
  /** Finds model, checkpoints and data in a folder. */
  detect(params: {
    readonly root: string;
    readonly answers: Readonly<Record<string, string>>;
  }): SetupProposal;
  /** Lets an engine multiply two matrices; which one ran, and why. Throws kind `engine` when it does not run here. */
  checkEngine(params: { readonly engine: string }): string;
  /** Validates and writes `tracin.json`. */
  writeConfig(params: { readonly root: string; readonly config: unknown }): void;
}
