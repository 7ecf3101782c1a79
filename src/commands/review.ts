import { l10n, window } from "vscode";
import type { Services } from "../project/services.ts";
import { findMislabelled } from "./find-mislabelled.ts";
import { pickProject } from "./pick-project.ts";

/** **TracIn: Review Suspects**: shows the suspects of the shown run, or finds them first. */
export async function reviewSuspects(services: Services): Promise<void> {
  const { session, influence, reviews, compute } = services;
  if (session.state.kind !== "run") {
    const folder = await pickProject(services);
    if (folder === undefined) {
      return;
    }
    const runs = await compute.request("listRuns", { root: folder.root });
    const latest = runs.find(({ kind, changes }) => kind === "suspects" && changes.length === 0);
    if (latest === undefined) {
      await findMislabelled(services);
    } else {
      await session.open({ root: folder.root, runId: latest.id });
    }
  }
  const root = session.run?.root;
  if (root !== undefined) {
    await reviews.load(root);
  }
  await influence.focusList("suspects");
}

/** **TracIn: Undo Review Decision**: takes back the latest decision about suspects. */
export async function undoReview(services: Services): Promise<void> {
  const { session, reviews } = services;
  const root = session.run?.root ?? (await pickProject(services))?.root;
  if (root === undefined) {
    return;
  }
  await reviews.load(root);
  const count = reviews.undoable(root);
  if (count === 0) {
    void window.showInformationMessage(l10n.t("There is no decision to take back."));
    return;
  }
  await reviews.undo(root);
}
