import { commands, Range, TextEditorRevealType, Uri, window, workspace } from "vscode";
import type { Place } from "../protocol/compute.ts";

/** Opens the data file at the example's row, or its image. */
export async function revealPlace(
  root: string,
  place: Place,
  what: "row" | "image",
): Promise<void> {
  const folder = Uri.file(root);
  if (what === "image" && place.image !== undefined) {
    await commands.executeCommand("vscode.open", Uri.joinPath(folder, place.image));
    return;
  }
  const uri = Uri.joinPath(folder, place.file);
  try {
    const document = await workspace.openTextDocument(uri);
    const last = Math.min(place.line + place.lineCount - 1, document.lineCount - 1);
    const range = new Range(place.line, 0, last, document.lineAt(last).text.length);
    const editor = await window.showTextDocument(document, { preview: true, selection: range });
    editor.revealRange(range, TextEditorRevealType.InCenterIfOutsideViewport);
  } catch {
    // Files over 50 MB and binary ones never become documents; the editor itself can still show them.
    await commands.executeCommand("vscode.open", uri);
  }
}
