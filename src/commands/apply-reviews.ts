import { l10n, Uri, window } from "vscode";
import { applyPlan, moveBack } from "../project/apply.ts";
import { counted } from "../project/counted.ts";
import type { Services } from "../project/services.ts";
import { refusalText } from "../protocol/refusal-text.ts";
import { pickProject } from "./pick-project.ts";

/** **TracIn: Apply Review Decisions**: edits the data as decided; what cannot be edited is told, with the cleaned copy offered. */
export async function applyReviews(services: Services): Promise<void> {
  const { compute, projects, log } = services;
  const root = services.session.run?.root ?? (await pickProject(services))?.root;
  if (root === undefined) {
    return;
  }
  const plan = await compute.request("planApply", { root });
  if (plan.rows.length + plan.moves.length + plan.refused.length === 0) {
    void window.showInformationMessage(l10n.t("There is no decision to apply."));
    return;
  }
  const { changed, excluded, refused, moved } = await applyPlan(root, plan);
  if (excluded.length > 0) {
    await compute.request("noteExcluded", { root, decisions: excluded });
  }
  projects.noteInputs(root);
  const told = l10n.t(
    "{0} changed, {1} of them excluded.",
    counted.examples(changed),
    excluded.length,
  );
  if (refused.length === 0) {
    const undo = l10n.t("Move Images Back");
    const actions = moved.length > 0 ? [undo] : [];
    if ((await window.showInformationMessage(told, ...actions)) === undo) {
      await moveBack(root, moved);
      projects.noteInputs(root);
    }
    return;
  }
  const reasons = refused.map(({ file, reason }) => `${file}: ${refusalText(reason, l10n)}`);
  log.warn(reasons.join("\n"));
  const copy = l10n.t("Write Cleaned Copy");
  const first = reasons.slice(0, 3).join(" ");
  const more = reasons.length > 3 ? l10n.t("and {0} more, see the log", reasons.length - 3) : "";
  const choice = await window.showWarningMessage(
    `${told} ${l10n.t("Not changed:")} ${first} ${more}`.trim(),
    copy,
  );
  if (choice === copy) {
    await writeCleanedCopy(services);
  }
}

/** **TracIn: Write Cleaned Copy**: the training data with the decisions applied, beside the original. */
export async function writeCleanedCopy(services: Services): Promise<void> {
  const { compute } = services;
  const root = services.session.run?.root ?? (await pickProject(services))?.root;
  if (root === undefined) {
    return;
  }
  const { datasets } = await compute.request("open", { root });
  const train = datasets.find(({ name }) => name === "train");
  const file = train?.file ?? "train";
  const isText = /\.(csv|tsv|tab|txt|jsonl|ndjson)$/i.test(file);
  const name = isText ? file.replace(/(\.[^.]+)$/, ".cleaned$1") : `${file}.decisions.jsonl`;
  const to = await window.showSaveDialog({
    defaultUri: Uri.joinPath(Uri.file(root), name),
    title: l10n.t("Write Cleaned Copy"),
  });
  if (to === undefined) {
    return;
  }
  const made = await compute.request("writeCleaned", { root, dataset: "train", to: to.fsPath });
  const { relabelled, excluded, kind, refused } = made;
  const what =
    kind === "copy"
      ? l10n.t("{0} relabelled, {1} left out.", counted.examples(relabelled), excluded)
      : l10n.t("Written: the decisions about {0}.", counted.examples(relabelled + excluded));
  const skipped =
    refused.length > 0 ? l10n.t("Decisions that do not fit any more: {0}.", refused.length) : "";
  void window.showInformationMessage(`${what} ${skipped}`.trim());
}
