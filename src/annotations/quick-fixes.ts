import {
  CodeAction,
  type CodeActionContext,
  CodeActionKind,
  type CodeActionProvider,
  type Command,
  l10n,
  languages,
  Range,
  type TextDocument,
  WorkspaceEdit,
} from "vscode";
import type { Compute } from "../project/compute.ts";
import { Owner } from "../project/disposable.ts";
import type { Mark } from "../protocol/lists.ts";
import type { Decision } from "../protocol/reviews.ts";
import type { Anchor } from "./anchors.ts";
import type { MarkedDocuments } from "./marked-documents.ts";
import type { ShownMarks } from "./shown-marks.ts";

/** A quick fix that gives a row another label; the edit is made when it is chosen. */
class RelabelAction extends CodeAction {
  constructor(
    title: string,
    readonly document: TextDocument,
    readonly row: Range,
    readonly mark: Mark,
    readonly to: string,
  ) {
    super(title, CodeActionKind.QuickFix);
    this.isPreferred = true;
  }
}

/** Quick fixes on suspects: relabel, exclude, mark as right; and the way back where something was decided. */
export class SuspectFixes extends Owner implements CodeActionProvider {
  constructor(
    private readonly compute: Compute,
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
    const { line, lineCount } = row;
    const range = new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER);
    const title = l10n.t("Relabel to {0}", label);
    const action = new RelabelAction(title, document, document.validateRange(range), mark, label);
    action.command = this.deciding(title, mark, { kind: "relabel", to: label });
    return action;
  }

  /** The same edit as Apply makes. */
  async resolveCodeAction(action: CodeAction): Promise<CodeAction> {
    const { run } = this.marks;
    if (run === undefined || !(action instanceof RelabelAction)) {
      return action;
    }
    const { document, row, mark, to } = action;
    const change = await this.compute
      .request("relabelText", {
        root: run.root,
        dataset: mark.dataset,
        text: document.getText(row),
        from: mark.target,
        to,
      })
      .catch(() => null); // the log says why; the decision is taken all the same
    if (change !== null) {
      const start = document.offsetAt(row.start);
      const at = (offset: number) => document.positionAt(start + offset);
      const range = new Range(at(change.start), at(change.end));
      action.edit = new WorkspaceEdit();
      action.edit.replace(document.uri, range, change.text);
    }
    return action;
  }

  private decide(title: string, mark: Mark, decision: Decision | { readonly kind: "undo" }) {
    const action = new CodeAction(title, CodeActionKind.QuickFix);
    action.command = this.deciding(title, mark, decision);
    return action;
  }

  private deciding(
    title: string,
    { dataset, index, content }: Mark,
    decision: Decision | { readonly kind: "undo" },
  ): Command {
    const item = { dataset, index, ...(content === undefined ? {} : { content }) };
    return {
      title,
      command: "tracin.decideSuspect",
      arguments: [this.marks.run?.root, item, decision],
    };
  }
}
