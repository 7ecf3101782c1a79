import { l10n, Selection, Uri, window } from "vscode";
import type { Services } from "../project/services.ts";
import { explainPrediction } from "./explain-prediction.ts";

/** **TracIn: Clear Annotations**: all marks go, of every kind, until they are wanted again or another run is shown. */
export function clearAnnotations({ marks }: Services): void {
  marks.hide();
}

/** **TracIn: Show Annotations**: what Clear Annotations took away. */
export function showAnnotations({ marks }: Services): void {
  marks.show();
}

/** Explains the example on a line (counted from 0) of a data file: what the links in hovers and lenses do. */
export async function explainRow(services: Services, uri?: unknown, line?: unknown): Promise<void> {
  if (typeof uri !== "string" || typeof line !== "number") {
    return;
  }
  const target = Uri.parse(uri, true);
  const selection = new Selection(line, 0, line, 0);
  await window.showTextDocument(target, { selection, preserveFocus: false });
  await explainPrediction(services, target);
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
