import {
  commands,
  l10n,
  Range,
  type TextDocument,
  TextEditorRevealType,
  Uri,
  window,
  workspace,
} from "vscode";
import { lineNow } from "../annotations/anchors.ts";
import type { Place } from "../protocol/examples.ts";

/** Opens the data file at the example's row, where it stands now, or its image. */
export async function revealPlace(
  root: string,
  place: Place,
  what: "row" | "image",
): Promise<void> {
  const folder = Uri.file(root);
  if (place.image !== undefined && (what === "image" || place.image === place.file)) {
    await commands.executeCommand("vscode.open", Uri.joinPath(folder, place.image));
    return;
  }
  const uri = Uri.joinPath(folder, place.file);
  if (place.lineCount === 0) {
    await offerBinary(uri, place.file);
    return;
  }
  let document: TextDocument;
  try {
    document = await workspace.openTextDocument(uri);
  } catch {
    // Files over 50 MB never become documents for extensions; the editor itself opens them, at the row.
    const selection = new Range(place.line, 0, place.line, 0);
    await commands.executeCommand("vscode.open", uri, { preview: true, selection });
    return;
  }
  const lines = {
    count: document.lineCount,
    text: (line: number, count: number) =>
      document.getText(new Range(line, 0, line + count - 1, Number.MAX_SAFE_INTEGER)),
  };
  const first = Math.min(lineNow(lines, place), document.lineCount - 1);
  const last = Math.min(first + Math.max(1, place.lineCount) - 1, document.lineCount - 1);
  const range = new Range(first, 0, last, document.lineAt(last).text.length);
  const editor = await window.showTextDocument(document, { preview: true, selection: range });
  editor.revealRange(range, TextEditorRevealType.InCenterIfOutsideViewport);
}

/** Arrays and other binary files have no rows to jump to: says so, and where their examples are seen. */
async function offerBinary(uri: Uri, file: string): Promise<void> {
  const panel = l10n.t("Show in Panel");
  const open = l10n.t("Open Anyway");
  const choice = await window.showInformationMessage(
    l10n.t(
      "{0} is no text that an editor could show by rows. Its examples are in the Influence panel.",
      file,
    ),
    panel,
    open,
  );
  if (choice === panel) {
    await commands.executeCommand("tracin.openInfluence");
  } else if (choice === open) {
    await commands.executeCommand("vscode.open", uri);
  }
}
