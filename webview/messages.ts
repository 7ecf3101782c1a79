import { HOST_EXTENSION } from "vscode-messenger-common";
import { createCancellationToken, Messenger } from "vscode-messenger-webview";
import type { EarlyRanking } from "../src/protocol/early.ts";
import type { GivenExample, Place } from "../src/protocol/examples.ts";
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
} from "../src/protocol/lists.ts";
import type { PairReply, PairRequest } from "../src/protocol/pair.ts";
import * as panel from "../src/protocol/panel.ts";
import type { GivenDecision, ReviewItem, SuggestedItem } from "../src/protocol/reviews.ts";
import type { ExplainedLabel } from "../src/protocol/runs.ts";
import type {
  TestListRequest,
  TestRowsReply,
  TestRowsRequest,
  TestSlice,
} from "../src/protocol/test-set.ts";
import { strings } from "./strings.ts";
import { parseViewState, type ViewState } from "./view-state.ts";

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const vscode = acquireVsCodeApi();
const messenger = new Messenger(vscode);

/** Calls `listener` with every state of the panel, and tells the host that the panel can receive. */
export function listen(listener: (state: panel.PanelState) => void): void {
  messenger.onNotification(panel.stateChanged, listener);
  messenger.start();
  messenger.sendNotification(panel.ready, HOST_EXTENSION);
}

/** Calls `listener` with the first places of what is being computed, whenever they change. */
export function listenToEarly(listener: (ranking: EarlyRanking | undefined) => void): void {
  messenger.onNotification(panel.earlyRanked, ({ ranking }) => listener(ranking));
}

/** Calls `listener` with the decisions about the training examples, whenever they change. */
export function listenToReviews(listener: (reviews: panel.PanelReviews) => void): void {
  messenger.onNotification(panel.reviewsChanged, listener);
}

/** Calls `listener` when the host wants a list of the run to be shown. */
export function listenToView(listener: (view: RankedView) => void): void {
  messenger.onNotification(panel.showView, ({ view }) => listener(view));
}

/** Decides about training examples of a run; never rejects. */
export async function decide(
  runId: string,
  items: readonly Omit<SuggestedItem, "dataset">[],
  decision: GivenDecision | { readonly kind: "pick" },
): Promise<
  panel.PanelReply<{
    readonly decision: GivenDecision | undefined;
    readonly skipped: readonly string[];
  }>
> {
  try {
    const request = { runId, items, decision };
    return await messenger.sendRequest(panel.decide, HOST_EXTENSION, request);
  } catch (error) {
    return { ok: false, message: messageOf(error), remedy: undefined };
  }
}

/** Lets the person decide about all examples of a list together; says what was done. Never rejects. */
export function decideShown(list: Omit<ListRequest, "root">): Promise<panel.PanelReply<string>> {
  return answered(messenger.sendRequest(panel.decideShown, HOST_EXTENSION, list));
}

/** Says which list is shown, so that it can be exported as it is. */
export function tellShown(list: Omit<ListRequest, "root">): void {
  messenger.sendNotification(panel.listShown, HOST_EXTENSION, list);
}

/** Takes the latest decision back; never rejects. */
export async function undoReview(): Promise<panel.PanelReply<void>> {
  try {
    return await messenger.sendRequest(panel.undoReview, HOST_EXTENSION);
  } catch (error) {
    return { ok: false, message: messageOf(error), remedy: undefined };
  }
}

/** Asks for a page of a ranked list; never rejects: what fails comes back as `ok: false`. */
export function getRows(request: Omit<RowsRequest, "root">): Promise<panel.PanelReply<RowsReply>> {
  return answered(messenger.sendRequest(panel.getRows, HOST_EXTENSION, request));
}

/** Asks where the score of a row comes from; never rejects. */
export function getPair(request: Omit<PairRequest, "root">): Promise<panel.PanelReply<PairReply>> {
  return answered(messenger.sendRequest(panel.getPair, HOST_EXTENSION, request));
}

/** Asks what a typed filter is and which columns it may name; never rejects. */
export function checkFilter(
  request: Omit<FilterCheckRequest, "root">,
): Promise<panel.PanelReply<FilterCheck>> {
  return answered(messenger.sendRequest(panel.checkFilter, HOST_EXTENSION, request));
}

/** Asks for the distribution of a column in a list; never rejects. */
export function getHistogram(
  request: Omit<HistogramRequest, "root">,
): Promise<panel.PanelReply<Histogram>> {
  return answered(messenger.sendRequest(panel.getHistogram, HOST_EXTENSION, request));
}

/**
 * Asks for the training examples that argue for and against the label of one; never rejects. What is aborted comes back
 * as superseded.
 */
export async function getNeighbours(
  runId: string,
  example: Omit<ReviewItem, "dataset">,
  signal: AbortSignal,
): Promise<panel.PanelReply<Neighbours>> {
  const token = createCancellationToken(signal);
  const request = { runId, example };
  const reply = await answered(
    messenger.sendRequest(panel.getNeighbours, HOST_EXTENSION, request, token),
  );
  return signal.aborted && !reply.ok ? { ...reply, superseded: true } : reply;
}

/** Asks for a page of test examples; never rejects. */
export function getTestRows(
  request: Omit<TestRowsRequest, "root">,
): Promise<panel.PanelReply<TestRowsReply>> {
  return answered(messenger.sendRequest(panel.getTestRows, HOST_EXTENSION, request));
}

/** Asks for the distribution of a column among test examples; never rejects. */
export function getTestHistogram(
  request: Omit<TestListRequest, "root"> & { readonly column: string; readonly bins: number },
): Promise<panel.PanelReply<Histogram>> {
  return answered(messenger.sendRequest(panel.getTestHistogram, HOST_EXTENSION, request));
}

/** Asks what is wrong with a condition on test examples; never rejects. */
export function checkTestFilter(
  runId: string,
  text: string,
): Promise<panel.PanelReply<FilterCheck>> {
  return answered(messenger.sendRequest(panel.checkTestFilter, HOST_EXTENSION, { runId, text }));
}

/** Explains a slice of the run's test set. */
export function explainSlice(runId: string, slice: TestSlice): void {
  messenger.sendNotification(panel.explainSlice, HOST_EXTENSION, { runId, slice });
}

/** Explains one example of the run's test set. */
export function explainTest(runId: string, index: number): void {
  messenger.sendNotification(panel.explainTest, HOST_EXTENSION, { runId, index });
}

async function answered<T>(asked: Promise<panel.PanelReply<T>>): Promise<panel.PanelReply<T>> {
  try {
    return await asked;
  } catch (error) {
    return { ok: false, message: messageOf(error), remedy: undefined };
  }
}

/** Opens the data file at an example's row, or its image. */
export function reveal(place: Place, what: "row" | "image"): void {
  messenger.sendNotification(panel.reveal, HOST_EXTENSION, { place, what });
}

/** Explains the run's query again, for another label. */
export function explainLabel(runId: string, explain: ExplainedLabel): void {
  messenger.sendNotification(panel.explainLabel, HOST_EXTENSION, { runId, explain });
}

/** Explains an example that stands in no dataset; says whether it is being explained. Never rejects. */
export function explainGiven(
  given: Pick<GivenExample, "text" | "row">,
  image: boolean,
): Promise<panel.PanelReply<boolean>> {
  return answered(messenger.sendRequest(panel.explainGiven, HOST_EXTENSION, { given, image }));
}

/** Runs one of the extension's commands. */
export function runCommand(command: panel.PanelCommand): void {
  messenger.sendNotification(panel.runCommand, HOST_EXTENSION, { command });
}

/** Cancels what is being computed. */
export function cancel(): void {
  messenger.sendNotification(panel.cancel, HOST_EXTENSION);
}

/** Shows what was shown before an error. */
export function goBack(): void {
  messenger.sendNotification(panel.goBack, HOST_EXTENSION);
}

/** What the panel looked like when it was last seen. */
export function loadViewState(): ViewState {
  return parseViewState(vscode.getState());
}

/** Keeps what the panel looks like for the next time it is shown. */
export function saveViewState(state: ViewState): void {
  vscode.setState(state);
}

function messageOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) {
    return String(error.message);
  }
  return strings.unknownError;
}
