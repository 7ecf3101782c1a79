import { commands, l10n, Uri, window, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";
import type { SetupProposal, SetupQuestion } from "../protocol/project.ts";

/** More rounds than questions exist: stops a set-up that asks the same thing for ever. */
const MOST_ROUNDS = 20;

/** **TracIn: Set Up Workspace**: finds model, checkpoints and data, asks the rest, and writes `tracin.json`. */
export async function setUpWorkspace(services: Services): Promise<void> {
  const folder = await pickFolder();
  if (folder === undefined) {
    return;
  }
  const config = Uri.joinPath(folder, "tracin.json");
  const exists = await workspace.fs.stat(config).then(
    () => true,
    () => false,
  );
  const proposal = await propose(services, folder.fsPath);
  if (proposal === undefined) {
    return;
  }
  if (!hasModel(proposal)) {
    await offerExport(proposal);
    return;
  }
  if (!(await confirm(proposal, exists))) {
    return;
  }
  await services.compute.request("writeConfig", { root: folder.fsPath, config: proposal.config });
  await services.projects.refresh(); // before the file shows, so that whoever sees it can explain
  await window.showTextDocument(config);
}

async function pickFolder(): Promise<Uri | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  if (folders.length === 0) {
    throw new TracInError(
      "config",
      l10n.t("No folder is open."),
      {},
      l10n.t("Open the folder that holds your model, checkpoints and data, then try again."),
    );
  }
  const folder =
    folders.length === 1
      ? folders[0]
      : await window.showWorkspaceFolderPick({ placeHolder: l10n.t("Folder to set up") });
  return folder?.uri;
}

/** Asks until nothing is open; undefined when the person leaves. */
async function propose(services: Services, root: string): Promise<SetupProposal | undefined> {
  const answers: Record<string, string> = {};
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const proposal = await services.compute.request("detect", { root, answers });
    // What was typed and not understood is asked again.
    const question =
      proposal.questions.find(({ id }) => !(id in answers)) ??
      proposal.questions.find(({ options }) => options.length === 0);
    if (question === undefined) {
      return proposal;
    }
    const answer = await ask(question, answers[question.id]);
    if (answer === undefined) {
      return undefined;
    }
    answers[question.id] = answer;
  }
  throw new TracInError(
    "config",
    l10n.t("Set-up could not settle all questions."),
    {},
    l10n.t("Write tracin.json by hand: the editor completes and checks it."),
  );
}

function ask(question: SetupQuestion, typed: string | undefined): Thenable<string | undefined> {
  const title = l10n.t("Set Up Workspace");
  return question.options.length > 0
    ? window.showQuickPick([...question.options], {
        title,
        placeHolder: question.prompt,
        ignoreFocusOut: true,
      })
    : window.showInputBox({
        title,
        prompt: question.prompt,
        value: typed ?? "",
        ignoreFocusOut: true,
        validateInput: (value) =>
          value.trim() === ""
            ? l10n.t("Write an answer, or press Escape to leave.")
            : value === typed
              ? l10n.t("This was not understood.")
              : undefined,
      });
}

async function confirm(proposal: SetupProposal, exists: boolean): Promise<boolean> {
  const write = exists ? l10n.t("Replace tracin.json") : l10n.t("Write tracin.json");
  const choice = await window.showInformationMessage(
    l10n.t("This is what TracIn found"),
    { modal: true, detail: proposal.notes.join("\n") },
    write,
  );
  return choice === write;
}

function hasModel({ config }: SetupProposal): boolean {
  return typeof config === "object" && config !== null && "model" in config;
}

/** Without a model there is nothing to write yet. */
async function offerExport(proposal: SetupProposal): Promise<void> {
  const exportModel = l10n.t("Export PyTorch Model");
  const choice = await window.showInformationMessage(
    l10n.t("There is no model to set up yet"),
    { modal: true, detail: proposal.notes.join("\n") },
    exportModel,
  );
  if (choice === exportModel) {
    await commands.executeCommand("tracin.exportPyTorchModel");
  }
}
