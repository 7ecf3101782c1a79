import type { RankedRow } from "../src/protocol/lists.ts";
import type { Decision } from "../src/protocol/reviews.ts";
import { decide, undoReview } from "./messages.ts";
import type { RankedList } from "./ranked-list.ts";
import type { ReviewAction } from "./review.ts";
import { decisionText } from "./row.ts";
import { strings } from "./strings.ts";

/**
 * Carries out what a person does with the active suspect of a list.
 * @returns what to tell the person; undefined when there is nothing to say
 */
export async function carryOut(
  action: ReviewAction,
  list: RankedList | undefined,
  runId: string,
): Promise<string | undefined> {
  const words = strings.review;
  if (action.kind === "next") {
    return list?.moveOn("undecided") ? "" : words.allDecided;
  }
  if (action.kind === "undo") {
    const reply = await undoReview();
    return reply.ok ? words.undone : reply.message;
  }
  const row = list?.activeRow;
  if (!row) {
    return undefined;
  }
  const decision = decisionFor(action, row);
  if (decision === undefined) {
    return words.noSuggestion;
  }
  const { index, content, rank } = row;
  const item = content === undefined ? { index } : { index, content };
  const reply = await decide(runId, [item], decision);
  if (!reply.ok) {
    return reply.message;
  }
  if (reply.value.skipped.length > 0) {
    return reply.value.skipped.join(" ");
  }
  if (reply.value.decision === undefined) {
    return undefined;
  }
  list?.moveOn("below");
  return words.decided(rank, decisionText(reply.value.decision));
}

function decisionFor(
  action: ReviewAction,
  { suggested }: RankedRow,
): Decision | { readonly kind: "pick" } | undefined {
  switch (action.kind) {
    case "label":
      return { kind: "relabel", to: action.label };
    case "suggestion":
      return suggested && { kind: "relabel", to: suggested.label };
    case "keep":
    case "exclude":
    case "pick":
      return { kind: action.kind };
    default:
      return undefined;
  }
}
