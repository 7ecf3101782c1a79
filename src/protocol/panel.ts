import type { NotificationType, RequestType } from "vscode-messenger-common";
import type { Progress } from "./compute.ts";
import type { EarlyRanking } from "./early.ts";
import type { ExampleForm, GivenExample, Place, Preview } from "./examples.ts";
import type {
  FilterCheck,
  FilterCheckRequest,
  Histogram,
  HistogramRequest,
  ListRequest,
  Neighbours,
  RankedView,
  RowsReply,
  RowsRequest,
} from "./lists.ts";
import type { PairReply, PairRequest } from "./pair.ts";
import type { GivenDecision, Review, ReviewItem, SuggestedItem } from "./reviews.ts";
import type { ExplainedLabel, RunSummary } from "./runs.ts";
import type { TestListRequest, TestRowsReply, TestRowsRequest, TestSlice } from "./test-set.ts";

/** Everything that the Influence panel shows is a function of this and the pages that it asks for. */
export type PanelState =
  | { readonly kind: "empty"; readonly hasConfig: boolean }
  | { readonly kind: "computing"; readonly title: string; readonly progress: Progress }
  | {
      readonly kind: "error";
      readonly message: string;
      readonly remedy: string | undefined;
      /** Title of the run that was shown before, to which {@link goBack} leads; else it leads to the start. */
      readonly before?: string | undefined;
    }
  | {
      readonly kind: "run";
      readonly run: RunSummary;
      readonly labels: readonly string[] | undefined;
      /** What an example of the project consists of; undefined where the project does not open any more. */
      readonly form?: ExampleForm | undefined;
      /** Standard deviations of its columns of numbers. */
      readonly scales?: Readonly<Record<string, number>> | undefined;
    };

/** Panel -> host: sent once the panel can receive; the host answers with {@link stateChanged}. */
export const ready: NotificationType<void> = { method: "ready" };
/** Host -> panel: the new state. */
export const stateChanged: NotificationType<PanelState> = { method: "stateChanged" };
/** Host -> panel: the first places of the lists of what is being computed; none yet where undefined. */
export const earlyRanked: NotificationType<{ readonly ranking: EarlyRanking | undefined }> = {
  method: "earlyRanked",
};
/** Panel -> host: a page of a ranked list of the shown run. */
export const getRows: RequestType<Omit<RowsRequest, "root">, PanelReply<RowsReply>> = {
  method: "getRows",
};
/** Panel -> host: take the score of a row apart. */
export const getPair: RequestType<Omit<PairRequest, "root">, PanelReply<PairReply>> = {
  method: "getPair",
};
/** Panel -> host: read a typed filter. */
export const checkFilter: RequestType<Omit<FilterCheckRequest, "root">, PanelReply<FilterCheck>> = {
  method: "checkFilter",
};
/** Panel -> host: the distribution of a column in a list of the shown run. */
export const getHistogram: RequestType<Omit<HistogramRequest, "root">, PanelReply<Histogram>> = {
  method: "getHistogram",
};
/** Panel -> host: the training examples that argue for and against the label of one, computed now. */
export const getNeighbours: RequestType<
  { readonly runId: string; readonly example: Omit<ReviewItem, "dataset"> },
  PanelReply<Neighbours>
> = { method: "getNeighbours" };
/** Panel -> host: open the data file at the row, or the image. */
export const reveal: NotificationType<{ readonly place: Place; readonly what: "row" | "image" }> = {
  method: "reveal",
};
/** Panel -> host: explain the shown query again for another label. */
export const explainLabel: NotificationType<{
  readonly runId: string;
  readonly explain: ExplainedLabel;
}> = { method: "explainLabel" };
/**
 * Panel -> host: explain an example that stands in no dataset; the person chooses its image file where it needs one. The
 * answer is whether it is being explained (not where no file was chosen), or what is wrong with it.
 */
export const explainGiven: RequestType<
  { readonly given: Pick<GivenExample, "text" | "row">; readonly image: boolean },
  PanelReply<boolean>
> = { method: "explainGiven" };
/** Panel -> host: a page of the test examples of the shown run. */
export const getTestRows: RequestType<Omit<TestRowsRequest, "root">, PanelReply<TestRowsReply>> = {
  method: "getTestRows",
};
/** Panel -> host: the distribution of a column among test examples of the shown run. */
export const getTestHistogram: RequestType<
  Omit<TestListRequest, "root"> & { readonly column: string; readonly bins: number },
  PanelReply<Histogram>
> = { method: "getTestHistogram" };
/** Panel -> host: read a typed condition on test examples. */
export const checkTestFilter: RequestType<
  { readonly runId: string; readonly text: string },
  PanelReply<FilterCheck>
> = { method: "checkTestFilter" };
/** Panel -> host: explain another slice of the shown test set, or the same one again. */
export const explainSlice: NotificationType<{
  readonly runId: string;
  readonly slice: TestSlice;
}> = { method: "explainSlice" };
/** Panel -> host: explain one example of the shown test set. */
export const explainTest: NotificationType<{ readonly runId: string; readonly index: number }> = {
  method: "explainTest",
};
/** Panel -> host: run one of the extension's own commands (the host checks the name against a list). */
export const runCommand: NotificationType<{ readonly command: PanelCommand }> = {
  method: "runCommand",
};
/** A decision about a training example, for the panel. */
export type PanelReview = Pick<Review, "index" | "content" | "decision" | "state">;

/** The decisions about the training examples of the shown run's project. */
export interface PanelReviews {
  readonly list: readonly PanelReview[];
  /** Examples that an undo would take a decision back for. */
  readonly undoable: number;
}

/** Host -> panel: the decisions have changed. */
export const reviewsChanged: NotificationType<PanelReviews> = { method: "reviewsChanged" };
/** Host -> panel: show one of the lists of the run. */
export const showView: NotificationType<{ readonly view: RankedView }> = { method: "showView" };
/**
 * Panel -> host: decide about training examples of the shown run; `pick` lets the person choose a label. The answer is the
 * decision (undefined where none was chosen) and the reasons of what was skipped.
 */
export const decide: RequestType<
  {
    readonly runId: string;
    readonly items: readonly Omit<SuggestedItem, "dataset">[];
    readonly decision: GivenDecision | { readonly kind: "pick" };
  },
  PanelReply<{ readonly decision: GivenDecision | undefined; readonly skipped: readonly string[] }>
> = { method: "decide" };
/**
 * Panel -> host: decide about all examples of a list that have no decision yet; the person chooses what, and sees how many
 * they are. The answer says what was done.
 */
export const decideShown: RequestType<Omit<ListRequest, "root">, PanelReply<string>> = {
  method: "decideShown",
};
/** Panel -> host: the list that is shown now, with its filter and order; what is exported can be the same. */
export const listShown: NotificationType<Omit<ListRequest, "root">> = { method: "listShown" };
/** Panel -> host: take the latest decision back. */
export const undoReview: RequestType<void, PanelReply<void>> = { method: "undoReview" };
/** Panel -> host: cancel what is being computed. */
export const cancel: NotificationType<void> = { method: "cancel" };
/** Panel -> host: show what was shown before the error. */
export const goBack: NotificationType<void> = { method: "goBack" };

export type PanelCommand =
  | "tracin.explainPrediction"
  | "tracin.explainTestSet"
  | "tracin.findMislabelled"
  | "tracin.applyReviews"
  | "tracin.setUpWorkspace"
  | "tracin.openSample"
  | "tracin.showLog";

/** A reply that carries its error, so that no caller waits for ever. */
export type PanelReply<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly message: string;
      readonly remedy: string | undefined;
      /** Something else was asked for in its place, so nothing is wrong. */
      readonly superseded?: boolean;
    };

export type { Place, Preview, RowsReply, RunSummary };
