import {
  l10n,
  Range,
  type TextDocument,
  type TextEditor,
  type Uri,
  window,
  workspace,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { relativeTo } from "../project/paths.ts";
import type { Projects } from "../project/projects.ts";
import type { Session } from "../project/session.ts";
import { annotationSettings } from "../project/settings.ts";
import { neighbour } from "./anchors.ts";
import { RowDecorations } from "./decorations.ts";
import type { MarkedDocuments } from "./marked-documents.ts";
import type { ShownMarks } from "./shown-marks.ts";

/** Typing and scrolling come in bursts; the marks follow when a burst is over. */
const QUIET_MS = 60;

/** The marks of the shown run on the rows of open data files. */
export class RowAnnotations extends Owner {
  private readonly decorations: RowDecorations;
  private revision = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly session: Session,
    projects: Projects,
    private readonly marks: ShownMarks,
    private readonly documents: MarkedDocuments,
    extension: Uri,
  ) {
    super();
    this.decorations = this.own(new RowDecorations(extension));
    this.own({ dispose: () => clearTimeout(this.timer) });
    this.own(marks.onDidChange(() => this.schedule()));
    this.own(
      marks.onDidDecide(() => {
        this.revision++;
        this.schedule();
      }),
    );
    this.own(
      session.onDidChangePanel((state) => {
        if (state.kind === "run") {
          this.schedule(); // what the run says about changed inputs is known by now
        }
      }),
    );
    this.own(projects.onDidChange(() => this.schedule()));
    this.own(window.onDidChangeVisibleTextEditors(() => this.schedule()));
    this.own(window.onDidChangeTextEditorVisibleRanges(() => this.schedule()));
    this.own(documents.onDidEdit(() => this.schedule()));
    this.own(workspace.onDidCloseTextDocument(() => this.schedule()));
  }

  /** Puts the cursor on the next (or previous) marked row of a data file. */
  async goTo(editor: TextEditor, direction: 1 | -1): Promise<void> {
    const anchors = await this.documents.rows(editor.document);
    const line = neighbour(anchors, editor.selection.active.line, direction);
    if (line === undefined) {
      void window.showInformationMessage(l10n.t("The shown run marks no row of this file."));
      return;
    }
    const range = new Range(line, 0, line, 0);
    await window.showTextDocument(editor.document, {
      viewColumn: editor.viewColumn ?? 1,
      selection: range,
    });
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.render(), QUIET_MS);
  }

  private async render(): Promise<void> {
    await this.marks.tellMenus();
    const settings = annotationSettings();
    for (const editor of window.visibleTextEditors) {
      const { run } = this.marks;
      const anchors = await this.documents.rows(editor.document);
      if (this.marks.run === run) {
        this.decorations.show(editor, anchors, settings, {
          notes: this.notes(editor.document),
          decisionOf: (mark) => this.marks.decisionOf(mark),
          revision: this.revision,
        });
      }
    }
  }

  /** What a person should know before trusting the marks of this document. */
  private notes(document: TextDocument): readonly string[] {
    const { state, run } = this.session;
    if (state.kind !== "run" || run === undefined) {
      return [];
    }
    const file = relativeTo(run.root, document.uri.fsPath);
    return state.run.changes.filter((change) => change.includes(file));
  }
}
