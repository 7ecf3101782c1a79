import { l10n, type QuickPickItem, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Compute } from "../project/compute.ts";
import { counted } from "../project/counted.ts";
import type { Reviews } from "../project/reviews.ts";
import { skipText } from "../project/skip-text.ts";
import type { ListRequest } from "../protocol/lists.ts";
import type { GivenDecision, SuggestedItem } from "../protocol/reviews.ts";

/** Examples that are decided about together at most: each takes a line in the file of decisions. */
const mostTogether = 10_000;

interface Choice extends QuickPickItem {
  readonly decision: GivenDecision;
  readonly items: readonly SuggestedItem[];
  readonly question: string;
}

/**
 * Decides about all examples of a list that have no decision yet: the person chooses what is decided, sees how many they
 * are, and confirms. One undo takes it back.
 *
 * @returns what was done; empty when the person has changed their mind
 * @throws kind `config` when they are too many
 */
export async function decideShown(
  compute: Compute,
  reviews: Reviews,
  list: ListRequest,
): Promise<string> {
  const { root } = list;
  const { total, items } = await compute.request("listed", { ...list, limit: mostTogether });
  if (total > items.length) {
    throw new TracInError(
      "config",
      l10n.t(
        "The list has {0}; at most {1} are decided about together.",
        counted.rows(total),
        mostTogether.toLocaleString(),
      ),
      {},
      l10n.t("Narrow it with a filter, such as margin < -0.5."),
    );
  }
  await reviews.load(root);
  const open = items.filter((item) => reviews.decisionOf(root, item) === undefined);
  if (open.length === 0) {
    return l10n.t("Every row is decided.");
  }
  const choice = await window.showQuickPick(choicesFor(open), {
    title: l10n.t("Decide About {0} Without a Decision", counted.rows(open.length)),
  });
  if (choice === undefined || !(await isConfirmed(choice))) {
    return "";
  }
  const skipped = await reviews.decide(root, choice.items, choice.decision);
  const done = l10n.t(
    "{0} of {1} decided.",
    choice.items.length - skipped.length,
    counted.rows(open.length),
  );
  return [done, ...new Set(skipped.map(({ reason }) => skipText(reason)))].join(" ");
}

function choicesFor(open: readonly SuggestedItem[]): readonly Choice[] {
  const suggested = open.filter((item) => item.suggested !== undefined);
  const choices: readonly Choice[] = [
    {
      label: l10n.t("Keep All {0}", open.length),
      description: l10n.t("their labels are right"),
      decision: { kind: "keep" },
      items: open,
      question: l10n.t("Keep as labelled: {0}?", counted.trainingExamples(open.length)),
    },
    {
      label: l10n.t("Relabel {0} to the Suggestion", suggested.length),
      description: l10n.t("each to the label that the model suggests"),
      decision: { kind: "suggestion" },
      items: suggested,
      question: l10n.t(
        "Relabel {0} to the model's label?",
        counted.trainingExamples(suggested.length),
      ),
    },
    {
      label: l10n.t("Exclude All {0}", open.length),
      description: l10n.t("they are taken out of the training data"),
      decision: { kind: "exclude" },
      items: open,
      question: l10n.t("Exclude {0}?", counted.trainingExamples(open.length)),
    },
  ];
  return choices.filter(({ items }) => items.length > 0);
}

async function isConfirmed({ question }: Choice): Promise<boolean> {
  const decide = l10n.t("Decide");
  const detail = l10n.t(
    "Decisions are noted, and change the data only when they are applied. One undo takes all of them back.",
  );
  const answer = await window.showInformationMessage(question, { modal: true, detail }, decide);
  return answer === decide;
}
