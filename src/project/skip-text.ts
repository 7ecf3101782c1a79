import { l10n } from "vscode";
import type { SkipReason } from "../protocol/reviews.ts";

/** Why an example was not decided about, as a sentence. */
export function skipText(reason: SkipReason): string {
  switch (reason) {
    case "changed":
      return l10n.t("It has changed since the run, or is no longer there.");
    case "noSuggestion":
      return l10n.t("The model suggests no other label.");
  }
}
