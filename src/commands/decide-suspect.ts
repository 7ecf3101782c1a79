import { l10n, window } from "vscode";
import type { Services } from "../project/services.ts";
import { skipText } from "../project/skip-text.ts";
import type { Decision, ReviewItem } from "../protocol/reviews.ts";

/** Decides about a suspect, or takes the decision back: what quick fixes on data rows do. */
export async function decideSuspect(
  { reviews }: Services,
  root?: unknown,
  item?: unknown,
  decision?: unknown,
): Promise<void> {
  if (typeof root !== "string" || !isItem(item) || !isDecision(decision)) {
    return;
  }
  const [skipped] = await reviews.decide(root, [item], decision);
  if (skipped !== undefined) {
    void window.showInformationMessage(
      l10n.t(
        "Nothing was decided about the example {0}: {1}",
        skipped.index,
        skipText(skipped.reason),
      ),
    );
  }
}

function isItem(value: unknown): value is ReviewItem {
  return (
    typeof value === "object" &&
    value !== null &&
    "dataset" in value &&
    typeof value.dataset === "string" &&
    "index" in value &&
    typeof value.index === "number" &&
    (!("content" in value) || typeof value.content === "string")
  );
}

function isDecision(value: unknown): value is Decision | { readonly kind: "undo" } {
  if (typeof value !== "object" || value === null || !("kind" in value)) {
    return false;
  }
  return value.kind === "relabel"
    ? "to" in value && typeof value.to === "string"
    : value.kind === "keep" || value.kind === "exclude" || value.kind === "undo";
}
