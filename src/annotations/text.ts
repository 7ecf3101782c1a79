import { l10n } from "vscode";
import type { Mark } from "../protocol/lists.ts";
import { probabilityText } from "../protocol/probability-text.ts";
import type { Review } from "../protocol/reviews.ts";
import { formatScore, ordinal } from "../views/format.ts";

/** What stands behind a suspect that was decided about. */
export function decisionText({ decision }: Review): string {
  switch (decision.kind) {
    case "keep":
      return `✓ ${l10n.t("kept")}`;
    case "relabel":
      return `→ ${l10n.t("relabelled {0}", decision.to)}`;
    case "exclude":
      return `✕ ${l10n.t("excluded")}`;
  }
}

/** The badge of an image that was decided about. */
export function decisionBadge({ decision }: Review): string {
  return { keep: "✓", relabel: "→", exclude: "✕" }[decision.kind];
}

/** What stands behind a row: `▲ 3rd proponent +0.182`, `⚠ setosa? (0.94)`. */
export function rowText(mark: Mark): string {
  switch (mark.kind) {
    case "proponent":
      return `▲ ${l10n.t("{0} proponent", ordinal(mark.rank))} ${formatScore(mark.value)}`;
    case "opponent":
      return `▼ ${l10n.t("{0} opponent", ordinal(mark.rank))} ${formatScore(mark.value)}`;
    case "suspect":
      return mark.suggested === undefined
        ? `⚠ ${l10n.t("{0} suspect", ordinal(mark.rank))}`
        : `⚠ ${mark.suggested.label}? (${probabilityText(mark.suggested.value)})`;
    case "query":
      return `◆ ${l10n.t("query")}`;
  }
}

/** The badge of an image file, two characters at most: `P1`, `O9`, `!3`; from the tenth on `P`, `O`, `!` alone. */
export function badgeText(mark: Mark): string {
  const letter = { proponent: "P", opponent: "O", suspect: "!", query: "Q" }[mark.kind];
  return mark.kind === "query" || mark.rank > 9 ? letter : `${letter}${mark.rank}`;
}

/** One line that explains a mark, for tooltips. */
export function tooltipText(mark: Mark): string {
  const rank = ordinal(mark.rank);
  const score = formatScore(mark.value);
  switch (mark.kind) {
    case "proponent":
      return l10n.t("{0} proponent, score {1}: it lowered the query's loss", rank, score);
    case "opponent":
      return l10n.t("{0} opponent, score {1}: it raised the query's loss", rank, score);
    case "suspect":
      return mark.suggested === undefined
        ? l10n.t("{0} suspect: target {1}", rank, mark.target)
        : l10n.t(
            "{0} suspect: target {1}, the model says {2} ({3})",
            rank,
            mark.target,
            mark.suggested.label,
            probabilityText(mark.suggested.value),
          );
    case "query":
      return l10n.t("The query: its prediction is explained");
  }
}

/** The order in which several marks on one thing are shown; the first one gives the badge. */
export function byImportance(a: Mark, b: Mark): number {
  const order = { query: 0, proponent: 1, opponent: 1, suspect: 2 };
  return order[a.kind] - order[b.kind] || a.rank - b.rank;
}
