import { l10n, MarkdownString, type Uri } from "vscode";
import type { Mark } from "../protocol/lists.ts";
import { probabilityText } from "../protocol/probability-text.ts";
import type { Review } from "../protocol/reviews.ts";
import { formatNumber, formatScore, ordinal } from "../views/format.ts";
import { escapeMarkdown } from "../views/markdown.ts";
import { decisionText } from "./text.ts";

/** Commands that a link in a hover may run. */
const LINKS = ["tracin.openInfluence", "tracin.explainRow", "tracin.reviewSuspects"] as const;

/** The row that a hover stands on. */
export interface HoverPlace {
  readonly uri: Uri;
  /** Counted from 0. */
  readonly line: number;
}

/**
 * Explains the numbers of the marks on one row, with links to the panel and to its own explanation. Everything from files
 * is escaped, and no command but those of the links can run from it.
 */
export function hoverText(
  marks: readonly Mark[],
  notes: readonly string[],
  place: HoverPlace,
  decisionOf: (mark: Mark) => Review | undefined = () => undefined,
): MarkdownString {
  const text = new MarkdownString("", true);
  text.isTrusted = { enabledCommands: LINKS };
  for (const mark of marks) {
    text.appendMarkdown(`${ICONS[mark.kind]} **${escapeMarkdown(heading(mark))}**\n\n`);
    const decision = decisionOf(mark);
    if (decision !== undefined) {
      text.appendMarkdown(`${escapeMarkdown(decisionText(decision))}\n\n`);
    }
    const sentence = decision === undefined ? meaning(mark) : undefined;
    if (sentence !== undefined) {
      text.appendMarkdown(`${escapeMarkdown(sentence)}\n\n`);
    }
  }
  const first = marks[0];
  if (first !== undefined) {
    text.appendMarkdown(
      facts(first)
        .map((line) => `- ${escapeMarkdown(line)}\n`)
        .join(""),
    );
  }
  for (const note of notes) {
    text.appendMarkdown(`\n\n$(warning) ${escapeMarkdown(note)}`);
  }
  const links = [
    link(l10n.t("Open Panel"), "tracin.openInfluence", []),
    link(l10n.t("Explain This Row"), "tracin.explainRow", [place.uri.toString(), place.line]),
    ...(marks.some(({ kind }) => kind === "suspect")
      ? [link(l10n.t("Review Suspects"), "tracin.reviewSuspects", [])]
      : []),
  ];
  text.appendMarkdown(`\n\n${links.join(" · ")}`);
  return text;
}

function link(
  title: string,
  command: (typeof LINKS)[number],
  parameters: readonly unknown[],
): string {
  const query = parameters.length === 0 ? "" : `?${encodeURIComponent(JSON.stringify(parameters))}`;
  // encodeURIComponent leaves parentheses, which would end the link.
  const target = `command:${command}${query}`.replaceAll("(", "%28").replaceAll(")", "%29");
  return `[${escapeMarkdown(title)}](${target})`;
}

const ICONS = {
  proponent: "$(arrow-up)",
  opponent: "$(arrow-down)",
  suspect: "$(warning)",
  query: "$(question)",
} as const;

function heading(mark: Mark): string {
  const rank = ordinal(mark.rank);
  switch (mark.kind) {
    case "proponent":
      return l10n.t("{0} proponent, score {1}", rank, formatScore(mark.value));
    case "opponent":
      return l10n.t("{0} opponent, score {1}", rank, formatScore(mark.value));
    case "suspect":
      return l10n.t("{0} suspect", rank);
    case "query":
      return l10n.t("Query");
  }
}

function meaning(mark: Mark): string | undefined {
  switch (mark.kind) {
    case "proponent":
      return l10n.t(
        "Training on this example lowered the query's loss: over all checkpoints, learning rate times the product of both gradients is positive.",
      );
    case "opponent":
      return l10n.t(
        "Training on this example raised the query's loss: over all checkpoints, learning rate times the product of both gradients is negative.",
      );
    case "suspect":
      return suspicion(mark.margin);
    case "query":
      return undefined;
  }
}

/** Why an example is a suspect; an example has a margin where its target is one of several labels. */
function suspicion(margin: number | undefined): string {
  if (margin === undefined) {
    return l10n.t("Its loss was high all through training: its label may be wrong.");
  }
  return margin <= 0
    ? l10n.t(
        "On average over the checkpoints the model found another label likelier, or as likely: its label may be wrong.",
      )
    : l10n.t(
        "On average over the checkpoints the model found its label likelier than any other, but by less than with most: its label may be wrong.",
      );
}

function targetAndPrediction({ target, predicted, reading }: Mark): string {
  switch (reading) {
    case "probabilities":
    case "values":
      return l10n.t("Target {0}, the model predicts {1}", target, predicted);
    case "positions":
    case "outputs":
      return l10n.t("Target {0}; at the last checkpoint: {1}", target, predicted);
    case "none":
      return l10n.t("Target {0}", target);
  }
}

function facts(mark: Mark): readonly string[] {
  const own =
    mark.kind === "query"
      ? []
      : [
          l10n.t("Self-influence {0}", formatNumber(mark.selfInfluence)),
          l10n.t("Mean loss over the checkpoints {0}", formatNumber(mark.loss)),
          ...(mark.margin === undefined
            ? []
            : [
                l10n.t(
                  "Margin of its label over the best other one {0}, a mean of probabilities from -1 to 1",
                  formatScore(mark.margin),
                ),
              ]),
        ];
  return [
    targetAndPrediction(mark),
    ...(mark.suggested === undefined
      ? []
      : [
          l10n.t(
            "Label that fits better: {0} ({1})",
            mark.suggested.label,
            probabilityText(mark.suggested.value),
          ),
        ]),
    ...own,
  ];
}
