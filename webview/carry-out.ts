import type { ListRequest, RankedRow } from "../src/protocol/lists.ts";
import type { GivenDecision } from "../src/protocol/reviews.ts";
import { decide, decideShown, undoReview } from "./messages.ts";
import type { RankedList } from "./ranked-list.ts";
import type { ReviewAction } from "./review.ts";
import { decisionText } from "./row.ts";
import { strings } from "./strings.ts";

/**
 * Carries out what a person does with the selected suspects of a list, or the active one.
 * @returns what to tell the person; undefined when there is nothing to say
 */
export async function carryOut(
  action: ReviewAction,
  list: RankedList | undefined,
  runId: string,
  /** The list with its filter, for what is about all of it. */
  shownList: Omit<ListRequest, "root">,
): Promise<string | undefined> {
  const words = strings.review;
  if (action.kind === "next") {
    return list?.moveOn("undecided") ? "" : words.allDecided;
  }
  if (action.kind === "undo") {
    const reply = await undoReview();
    return reply.ok ? words.undone : reply.message;
  }
  if (action.kind === "all") {
    const reply = await decideShown(shownList);
    return reply.ok ? reply.value : reply.message;
  }
  const rows = (await list?.selection.rows()) ?? [];
  const [first] = rows;
  if (!list || !first) {
    return undefined;
  }
  const suggestions = rows.filter(({ suggested }) => suggested !== undefined);
  const decided = action.kind === "suggestion" ? suggestions : rows;
  if (decided.length === 0) {
    return words.noSuggestion;
  }
  const items = decided.map(({ index, content, suggested }) => ({
    index,
    ...(content === undefined ? {} : { content }),
    ...(suggested === undefined ? {} : { suggested: suggested.label }),
  }));
  const reply = await decide(runId, items, decisionFor(action));
  if (!reply.ok) {
    return reply.message;
  }
  const { decision, skipped } = reply.value;
  if (decision === undefined) {
    return undefined;
  }
  if (list.selection.count > 0) {
    const left = [...skipped, ...(decided.length < rows.length ? [words.withoutSuggestion] : [])];
    return [words.decidedRows(decided.length - skipped.length, shown(decision)), ...left].join(" ");
  }
  if (skipped.length > 0) {
    return skipped.join(" ");
  }
  list.moveOn("below");
  return words.decided(first.rank, shown(decision, first));
}

/** A decision in a word; the suggestion of a single row by its label. */
function shown(decision: GivenDecision, row?: RankedRow): string {
  if (decision.kind !== "suggestion") {
    return decisionText(decision);
  }
  return row?.suggested === undefined
    ? strings.review.toSuggestion
    : strings.review.relabelled(row.suggested.label);
}

function decisionFor(
  action: Exclude<
    ReviewAction,
    { readonly kind: "undo" } | { readonly kind: "next" } | { readonly kind: "all" }
  >,
): GivenDecision | { readonly kind: "pick" } {
  return action.kind === "label" ? { kind: "relabel", to: action.label } : { kind: action.kind };
}
