import { l10n, window } from "vscode";
import type { Services } from "../project/services.ts";

/** **TracIn: Clear Annotations**: marks and badges go until a run is shown again. */
export function clearAnnotations({ rows, badges }: Services): void {
  rows.clear();
  badges.clear();
}

/** **TracIn: Go to Next (Previous) Influential Row** of the data file in the editor. */
export async function goToInfluential({ rows }: Services, direction: 1 | -1): Promise<void> {
  const editor = window.activeTextEditor;
  if (editor === undefined) {
    void window.showInformationMessage(l10n.t("Open a data file of the shown run first."));
    return;
  }
  await rows.goTo(editor, direction);
}
