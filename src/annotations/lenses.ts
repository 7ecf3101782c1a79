import {
  CodeLens,
  type CodeLensProvider,
  EventEmitter,
  l10n,
  languages,
  Range,
  type TextDocument,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { annotationSettings } from "../project/settings.ts";
import type { MarkedDocuments } from "./marked-documents.ts";
import type { ShownMarks } from "./shown-marks.ts";
import { decisionText, rowText } from "./text.ts";

/** Lines above marked rows that say their ranks and explain them; off unless a person wants them. */
export class RowLenses extends Owner implements CodeLensProvider {
  private readonly changed = this.own(new EventEmitter<void>());
  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(
    private readonly marks: ShownMarks,
    private readonly documents: MarkedDocuments,
  ) {
    super();
    this.own(languages.registerCodeLensProvider({ scheme: "file" }, this));
    this.own(marks.onDidChange(() => this.changed.fire()));
    this.own(marks.onDidDecide(() => this.changed.fire()));
  }

  async provideCodeLenses(document: TextDocument): Promise<CodeLens[]> {
    if (!annotationSettings().codeLens) {
      return [];
    }
    const rows = await this.documents.rows(document);
    return rows.flatMap(({ line, marks, isChanged }) => {
      const range = new Range(line, 0, line, 0);
      const ranks = marks
        .map((mark) => {
          const decision = this.marks.decisionOf(mark);
          return decision === undefined ? rowText(mark) : decisionText(decision);
        })
        .join("   ");
      return [
        new CodeLens(range, {
          title: isChanged ? l10n.t("{0} (row changed since the run)", ranks) : ranks,
          command: "tracin.openInfluence",
        }),
        new CodeLens(range, {
          title: l10n.t("Explain This Row"),
          command: "tracin.explainRow",
          arguments: [document.uri.toString(), line],
        }),
      ];
    });
  }
}
