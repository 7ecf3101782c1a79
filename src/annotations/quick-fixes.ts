import {
  CodeAction,
  type CodeActionContext,
  CodeActionKind,
  type CodeActionProvider,
  l10n,
  languages,
  type Range,
  type TextDocument,
  WorkspaceEdit,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import type { Mark } from "../protocol/lists.ts";
import type { Decision } from "../protocol/reviews.ts";
import type { Anchor } from "./anchors.ts";
import type { MarkedDocuments } from "./marked-documents.ts";
import { labelIn } from "./problems.ts";
import type { ShownMarks } from "./shown-marks.ts";

/** A label that reads the same in a CSV field and in a JSON value, with and without quotes. */
const PLAIN = /^[\p{L}\p{N}_.+-](?:[\p{L}\p{N}_ .+-]*[\p{L}\p{N}_.+-])?$/u;

/** Quick fixes on suspects: relabel, exclude, mark as right; and the way back where something was decided. */
export class SuspectFixes extends Owner implements CodeActionProvider {
  constructor(
    private readonly marks: ShownMarks,
    private readonly documents: MarkedDocuments,
  ) {
    super();
    const kinds = { providedCodeActionKinds: [CodeActionKind.QuickFix] };
    this.own(languages.registerCodeActionsProvider({ scheme: "file" }, this, kinds));
  }

  async provideCodeActions(
    document: TextDocument,
    range: Range,
    { diagnostics }: Pick<CodeActionContext, "diagnostics">,
  ): Promise<CodeAction[]> {
    const rows = await this.documents.rows(document);
    const here = rows.filter(
      ({ line, lineCount }) => line <= range.end.line && line + lineCount > range.start.line,
    );
    const problems = diagnostics.filter(({ source }) => source === "TracIn");
    return here.flatMap((row) =>
      row.marks
        .filter(({ kind }) => kind === "suspect")
        .flatMap((mark) => this.fixes(document, row, mark))
        .map((action) => {
          action.diagnostics = problems;
          return action;
        }),
    );
  }

  private fixes(document: TextDocument, row: Anchor, mark: Mark): CodeAction[] {
    if (this.marks.decisionOf(mark) !== undefined) {
      return [this.decide(l10n.t("Take Back the Decision"), mark, { kind: "undo" })];
    }
    if (row.isChanged) {
      return []; // what was said about the old text
    }
    const { suggested } = mark;
    const others = [
      this.decide(l10n.t("Exclude from the Training Data"), mark, { kind: "exclude" }),
      this.decide(l10n.t("Mark as Right"), mark, { kind: "keep" }),
    ];
    return suggested === undefined
      ? others
      : [this.relabel(document, row, mark, suggested.label), ...others];
  }

  /** Changes the label in the row where it can be told apart; otherwise the decision waits to be applied. */
  private relabel(document: TextDocument, row: Anchor, mark: Mark, label: string): CodeAction {
    const decision = { kind: "relabel", to: label } as const;
    const action = this.decide(l10n.t("Relabel to {0}", label), mark, decision);
    const range = labelIn(document, row.line, row.lineCount, mark);
    if (range !== undefined && canStandFor(document.getText(range), label)) {
      action.edit = new WorkspaceEdit();
      action.edit.replace(document.uri, range, label);
      action.isPreferred = true;
    }
    return action;
  }

  private decide(
    title: string,
    { dataset, index, content }: Mark,
    decision: Decision | { readonly kind: "undo" },
  ): CodeAction {
    const action = new CodeAction(title, CodeActionKind.QuickFix);
    const item = { dataset, index, ...(content === undefined ? {} : { content }) };
    action.command = {
      title,
      command: "tracin.decideSuspect",
      arguments: [this.marks.run?.root, item, decision],
    };
    return action;
  }
}

/** Whether a label may be written in the place of another as it is: nothing to quote, and numbers for numbers. */
function canStandFor(before: string, label: string): boolean {
  const isNumber = (text: string) => text.trim() !== "" && Number.isFinite(Number(text));
  return PLAIN.test(label) && PLAIN.test(before) && isNumber(before) === isNumber(label);
}
