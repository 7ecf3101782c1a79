import { commands, l10n, Uri, window, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";

interface Sample {
  readonly folder: string;
  readonly label: string;
  readonly detail: string;
}

/** **TracIn: Open Sample Workspace**: copies a sample to a folder of the person's choice and opens it. */
export async function openSample({ context }: Services): Promise<void> {
  const sample = await window.showQuickPick(samples(), {
    title: l10n.t("Open Sample Workspace"),
    placeHolder: l10n.t("Sample to copy"),
    matchOnDetail: true,
  });
  if (sample === undefined) {
    return;
  }
  const parents = await window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    title: l10n.t("Folder to copy the sample into"),
    openLabel: l10n.t("Copy Here"),
  });
  const parent = parents?.[0];
  if (parent === undefined) {
    return;
  }
  const target = Uri.joinPath(parent, `tracin-${sample.folder}`);
  await copySample(Uri.joinPath(context.extensionUri, "samples", sample.folder), target);
  await open(target);
}

function samples(): readonly (Sample & { description: string })[] {
  return [
    {
      folder: "digits",
      label: l10n.t("Digits"),
      description: l10n.t("images, convolutional network"),
      detail: l10n.t("2,000 handwritten digits, 100 of them with a wrong label."),
    },
    {
      folder: "iris",
      label: l10n.t("Iris"),
      description: l10n.t("CSV, small network"),
      detail: l10n.t("150 flowers with four measures each."),
    },
    {
      folder: "spam",
      label: l10n.t("Spam"),
      description: l10n.t("JSONL, text"),
      detail: l10n.t("Mails, wanted or not, read through a tokenizer."),
    },
  ];
}

async function copySample(source: Uri, target: Uri): Promise<void> {
  try {
    await workspace.fs.copy(source, target, { overwrite: false });
  } catch (cause) {
    throw new TracInError(
      "store",
      l10n.t("The sample could not be copied: {0}", cause instanceof Error ? cause.message : ""),
      { file: target.fsPath },
      l10n.t("Choose a folder that can be written and does not hold the sample yet."),
      { cause },
    );
  }
}

async function open(target: Uri): Promise<void> {
  const here = l10n.t("Open");
  const inNewWindow = l10n.t("Open in New Window");
  const choice = await window.showInformationMessage(
    l10n.t("The sample was copied to {0}.", target.fsPath),
    here,
    inNewWindow,
  );
  if (choice !== undefined) {
    await commands.executeCommand("vscode.openFolder", target, {
      forceNewWindow: choice === inNewWindow,
    });
  }
}
