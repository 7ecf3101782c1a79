import { l10n, Uri, window, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { Services } from "../project/services.ts";

const SCRIPT = "export_to_tracin.py";

/** **TracIn: Export PyTorch Model**: puts the export script into the workspace and opens it. It is not run. */
export async function exportPyTorchModel({ context, projects }: Services): Promise<void> {
  const root = projects.current?.root;
  const folder = root === undefined ? workspace.workspaceFolders?.[0]?.uri : Uri.file(root);
  if (folder === undefined) {
    throw new TracInError(
      "config",
      l10n.t("No folder is open."),
      {},
      l10n.t("Open the folder with your training code, then try again."),
    );
  }
  const target = Uri.joinPath(folder, SCRIPT);
  if (!(await exists(target))) {
    const source = Uri.joinPath(context.extensionUri, "media", "export", SCRIPT);
    await workspace.fs.copy(source, target);
  }
  await window.showTextDocument(target);
}

async function exists(uri: Uri): Promise<boolean> {
  try {
    await workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
