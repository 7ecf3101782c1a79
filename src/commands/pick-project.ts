import { commands, l10n, type Uri, window } from "vscode";
import type { ProjectFolder } from "../project/projects.ts";
import type { Services } from "../project/services.ts";

/**
 * The project that a command is about: the one that `uri` lies in, the current one, or the one that the person picks.
 * Where there is none, set-up is offered and the result is undefined.
 */
export async function pickProject(
  { projects }: Services,
  uri?: Uri,
): Promise<ProjectFolder | undefined> {
  const known = uri ? projects.nearest(uri) : projects.current;
  if (known) {
    return known;
  }
  if (projects.all.length === 0) {
    await offerSetup();
    return undefined;
  }
  const choice = await window.showQuickPick(
    projects.all.map((folder) => ({ label: folder.name, description: folder.root, folder })),
    { title: l10n.t("TracIn: which folder?"), placeHolder: l10n.t("Folder with tracin.json") },
  );
  return choice?.folder;
}

async function offerSetup(): Promise<void> {
  const setUp = l10n.t("Set Up Workspace");
  const sample = l10n.t("Open Sample");
  const choice = await window.showInformationMessage(
    l10n.t("This workspace has no tracin.json, which says where model, checkpoints and data are."),
    setUp,
    sample,
  );
  if (choice === setUp) {
    await commands.executeCommand("tracin.setUpWorkspace");
  } else if (choice === sample) {
    await commands.executeCommand("tracin.openSample");
  }
}
