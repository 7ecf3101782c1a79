import { commands, l10n, Uri, window } from "vscode";
import { TracInError } from "../core/errors.ts";
import { ComputeEnded } from "./compute-ended.ts";

/**
 * Tells the person what went wrong, where, and what to do. A cancelled action says nothing,
 * and the end of the compute process has its own message.
 */
export async function showError(error: unknown, root?: string): Promise<void> {
  const problem = TracInError.from(error);
  if (problem.kind === "cancelled" || problem instanceof ComputeEnded) {
    return;
  }
  const showLog = l10n.t("Show Log");
  const openFile = l10n.t("Open File");
  const file = problem.place.file;
  const line = problem.place.line;
  const opens = root !== undefined && file !== undefined && line !== undefined;
  const choice = await window.showErrorMessage(
    problem.describe(),
    ...(opens ? [openFile, showLog] : [showLog]),
  );
  if (choice === showLog) {
    await commands.executeCommand("tracin.showLog");
  } else if (choice === openFile && opens) {
    const uri = Uri.joinPath(Uri.file(root), file).with({ fragment: `L${line}` });
    await commands.executeCommand("vscode.open", uri);
  }
}
