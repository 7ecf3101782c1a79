/**
 * What the extension host asks of the compute process, over vscode-jsonrpc. The method name is the key of
 * {@link ComputeApi}; every request can be cancelled and may report {@link Progress}; an error reply carries a
 * `SerializedError` (src/core/errors.ts) in its data.
 */

/** Where an example stands, for opening and marking it. */
export interface Place {
  /** Data file (or image manifest) relative to the workspace root, with forward slashes. */
  readonly file: string;
  /** First line, counted from 0, and the number of lines. */
  readonly line: number;
  readonly lineCount: number;
  /** The image file of an image example, relative to the workspace root. */
  readonly image?: string;
  /** Hash of the row's text when the run was made (src/core/datasets/row-hash.ts), to tell whether it changed since. */
  readonly rowHash?: number;
}

/** An example of a dataset. */
export interface ExampleRef {
  readonly dataset: string;
  /** Counted from 0, in file order. */
  readonly index: number;
}

/** What a person is shown of an example. */
export type Preview =
  | {
      readonly kind: "image";
      readonly mime: "image/png" | "image/jpeg";
      readonly bytes: Uint8Array;
    }
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "fields";
      readonly entries: readonly (readonly [name: string, value: string])[];
    };

/** A label with its probability, or an output with its value. */
export interface LabelValue {
  readonly label: string;
  readonly value: number;
}

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
  /** Label that was explained, if the loss has labels; for labels at positions, that it is the prediction. */
  readonly explained: string | undefined;
  /** Loss of the query at each checkpoint. */
  readonly losses: readonly number[];
}

/** A run as lists and headers show it. */
export interface RunSummary {
  readonly id: string;
  readonly kind: "explain" | "suspects";
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
  readonly seconds: number;
  /** What is known of the predictions of its examples. */
  readonly reading: Reading;
  readonly queries: readonly QueryCard[];
  /** Inputs that changed since the run, as sentences; empty for a fresh run. */
  readonly changes: readonly string[];
}

/** The lists of a run: ranked, or all examples in file order. */
export type RankedView = "proponents" | "opponents" | "suspects" | "all";

/** Numbers by which suspects can be ranked. */
export type SuspectOrder = "selfInfluence" | "loss";

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
  /** Hash of everything but its target; runs of older versions have none. */
  readonly content?: string;
  readonly place: Place;
  readonly preview: Preview;
  readonly target: string;
  /** What is known of its prediction at the last checkpoint; empty for nothing. */
  readonly predicted: string;
  /** Score on the query; 0 in a run without query. */
  readonly score: number;
  /** The part of each checkpoint in `score` (in a run without query: in self-influence). */
  readonly parts: readonly number[];
  readonly selfInfluence: number;
  /** Mean loss over the checkpoints. */
  readonly loss: number;
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

/** A mark on a row of a data file or on an image. */
export interface Mark {
  readonly kind: "proponent" | "opponent" | "suspect" | "query";
  readonly dataset: string;
  readonly rank: number;
  readonly value: number;
  readonly place: Place;
  readonly index: number;
  /** Hash of everything but its target, for training examples; runs of older versions have none. */
  readonly content?: string;
  readonly target: string;
  readonly predicted: string;
  readonly reading: Reading;
  readonly suggested: LabelValue | undefined;
  readonly selfInfluence: number;
  readonly loss: number;
}

/** What a person decides about an example. */
export type Decision =
  | { readonly kind: "keep" }
  | { readonly kind: "relabel"; readonly to: string }
  | { readonly kind: "exclude" };

/** An example to decide about; `content` as the row or mark has it, so that a row that has changed since is not mistaken for it. */
export interface ReviewItem extends ExampleRef {
  readonly content?: string;
}

/**
 * How a decision stands to the data as it is now: `open` waits to be applied, `done` has nothing to apply (kept) or is
 * applied, `changed` has a label that is neither the old nor the new one, `gone` is no longer in the dataset.
 */
export type ReviewState = "open" | "done" | "changed" | "gone";

/** A decision that stands. */
export interface Review extends ExampleRef {
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
  readonly skipped: readonly (ReviewItem & { readonly reason: string })[];
}

/** How the open decisions change the data; the editor does it, so that it can be undone. */
export interface ApplyPlan {
  /** Rows of text files, in their order. */
  readonly rows: readonly ApplyRow[];
  /** Images whose folder is their label, relative to the root; excluded ones go to `.tracin/excluded`. */
  readonly moves: readonly {
    readonly from: string;
    readonly to: string;
    readonly item: ReviewItem;
  }[];
  /** What is not changed, and why: whole files, or single rows. */
  readonly refused: readonly { readonly file: string; readonly reason: string }[];
}

/** What becomes of one row. */
export interface ApplyRow {
  readonly item: ReviewItem;
  readonly file: string;
  /** Counted from 0. */
  readonly line: number;
  readonly lineCount: number;
  /** The row as it is on disk. */
  readonly text: string;
  /** What takes the place of a part of `text` (UTF-16 units); null takes the row away. */
  readonly replacement: {
    readonly start: number;
    readonly end: number;
    readonly text: string;
  } | null;
}

/** What a cleaned copy holds. */
export interface CleanedCopy {
  readonly relabelled: number;
  readonly excluded: number;
  /** `copy` of the dataset, or the `indices` to drop or relabel where no copy can be made. */
  readonly kind: "copy" | "indices";
  readonly refused: ApplyPlan["refused"];
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

export interface Progress {
  readonly phase: "opening" | "queries" | "scoring" | "writing";
  readonly done: number;
  readonly total: number;
  /** A sentence for the status line. */
  readonly message: string;
}

/** The requests that the compute process serves: parameters and result of each. */
export interface ComputeApi {
  /** Opens or refreshes the project of a folder and reports what it amounts to. */
  open(params: { readonly root: string }): ProjectSummary;
  /** Measures what a question would cost with other layers than those of `tracin.json`, or with these. */
  estimate(params: {
    readonly root: string;
    readonly layers?: "all" | "last" | readonly string[];
  }): LayerEstimate;
  /** Scores all training examples on queries and saves a run. */
  explain(params: {
    readonly root: string;
    readonly queries: readonly ExampleRef[];
    readonly explain: ExplainedLabel;
  }): RunSummary;
  /** Self-influence and mean loss of all training examples, saved as a run. */
  suspects(params: { readonly root: string }): RunSummary;
  /** The saved runs, newest first; their queries stand for themselves by their places, without image or text. */
  listRuns(params: { readonly root: string }): readonly RunSummary[];
  /** One saved run with the previews of its queries. Throws kind `store` when it is missing or damaged. */
  readRun(params: { readonly root: string; readonly runId: string }): RunSummary;
  deleteRun(params: { readonly root: string; readonly runId: string }): void;
  /** One page of a ranked list. */
  rows(params: RowsRequest): RowsReply;
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
  /** Takes one decision about some examples, or takes the one that stands back; undone together. */
  decide(params: {
    readonly root: string;
    readonly items: readonly ReviewItem[];
    readonly decision: Decision | { readonly kind: "undo" };
  }): ReviewsReply;
  /** Takes back the latest decision, of all examples that it was taken about. */
  undoReview(params: { readonly root: string }): ReviewsReply;
  /** How the open decisions would change the data. */
  planApply(params: { readonly root: string }): ApplyPlan;
  /** Notes that excluded examples were taken out of the data. */
  noteExcluded(params: { readonly root: string; readonly items: readonly ReviewItem[] }): Reviews;
  /** Writes a copy of a dataset with the decisions applied; for arrays and image folders, the indices. */
  writeCleaned(params: {
    readonly root: string;
    readonly dataset: string;
    /** Absolute path. */
    readonly to: string;
  }): CleanedCopy;
  /** Writes a ranked list of a run, whole. */
  exportRun(
    params: Omit<RowsRequest, "offset" | "limit"> & {
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
