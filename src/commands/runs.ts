import { commands, l10n, type QuickPickItem, Uri, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";
import type { RunRef } from "../project/session.ts";
import type { RunSummary } from "../protocol/runs.ts";
import { formatTime } from "../views/format.ts";
import type { RunNode } from "../views/runs.ts";

/** **TracIn: Open Run**: shows a saved run in the Influence view. */
export async function openRun(services: Services, item?: unknown): Promise<void> {
  const node = isRunNode(item) ? item : await pickRun(services, l10n.t("Run to show"));
  if (node) {
    await services.session.open(refOf(node));
    await services.influence.reveal();
  }
}

/** **TracIn: Delete Run**, after a question: what is deleted cannot be brought back. */
export async function deleteRun(services: Services, item?: unknown): Promise<void> {
  const node = isRunNode(item) ? item : await pickRun(services, l10n.t("Run to delete"));
  if (node === undefined) {
    return;
  }
  const remove = l10n.t("Delete");
  const choice = await window.showWarningMessage(
    l10n.t('Delete the run "{0}"?', node.run.title),
    { modal: true, detail: l10n.t("Its folder {0} is deleted from disk.", node.run.folder) },
    remove,
  );
  if (choice === remove) {
    await services.session.delete(refOf(node));
  }
}

/** **TracIn: Reveal Run Folder**: shows the run's files in the Explorer. */
export async function revealRun(services: Services, item?: unknown): Promise<void> {
  const node = isRunNode(item) ? item : await pickRun(services, l10n.t("Run to reveal"));
  if (node) {
    const uri = Uri.joinPath(Uri.file(node.root), node.run.folder, "run.json");
    await commands.executeCommand("revealInExplorer", uri);
  }
}

interface RunItem extends QuickPickItem {
  readonly node: RunNode;
}

async function pickRun(services: Services, placeHolder: string): Promise<RunNode | undefined> {
  const items = listRuns(services);
  const choice = await window.showQuickPick(items, { placeHolder, title: l10n.t("TracIn Runs") });
  return choice?.node;
}

async function listRuns({ compute, projects }: Services): Promise<RunItem[]> {
  const lists = await Promise.all(
    projects.all.map(async ({ root, name }) => {
      const runs = await compute.request("listRuns", { root });
      return runs.map((run: RunSummary): RunItem => {
        const node: RunNode = { kind: "run", root, project: name, run };
        return {
          label: run.title,
          description: formatTime(run.created),
          detail: run.changes.join(" "),
          node,
        };
      });
    }),
  );
  const items = lists.flat();
  if (items.length === 0) {
    throw new TracInError(
      "store",
      l10n.t("There is no saved run yet."),
      {},
      l10n.t("Run TracIn: Explain Prediction or TracIn: Find Mislabelled Examples first."),
    );
  }
  return items.sort((a, b) => b.node.run.created.localeCompare(a.node.run.created));
}

function refOf({ root, run }: RunNode): RunRef {
  return { root, runId: run.id };
}

function isRunNode(item: unknown): item is RunNode {
  return typeof item === "object" && item !== null && "kind" in item && item.kind === "run";
}
