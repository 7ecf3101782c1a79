import { l10n } from "vscode";

/** Counts with the word for what is counted; every form is a sentence of its own, so that languages can have theirs. */
export const counted = {
  examples: (count: number) =>
    count === 1 ? l10n.t("1 example") : l10n.t("{0} examples", shown(count)),
  trainingExamples: (count: number) =>
    count === 1 ? l10n.t("1 training example") : l10n.t("{0} training examples", shown(count)),
  checkpoints: (count: number) =>
    count === 1 ? l10n.t("1 checkpoint") : l10n.t("{0} checkpoints", shown(count)),
  parameters: (count: number) =>
    count === 1 ? l10n.t("1 parameter") : l10n.t("{0} parameters", shown(count)),
  rows: (count: number) => (count === 1 ? l10n.t("1 row") : l10n.t("{0} rows", shown(count))),
};

function shown(count: number): string {
  return count.toLocaleString();
}
