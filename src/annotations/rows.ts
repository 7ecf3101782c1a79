import {
  commands,
  l10n,
  Range,
  type TextDocument,
  type TextEditor,
  type Uri,
  window,
  workspace,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import { isInside, relativeTo } from "../project/paths.ts";
import type { Projects } from "../project/projects.ts";
import type { RunRef, Session } from "../project/session.ts";
import { annotationSettings } from "../project/settings.ts";
import type { Mark } from "../protocol/compute.ts";
import { type Anchor, follow, neighbour } from "./anchors.ts";
import { RowDecorations } from "./decorations.ts";
import { byImportance } from "./text.ts";

/** Typing and scrolling come in bursts; the marks follow when a burst is over. */
const QUIET_MS = 60;

type MarksByFile = ReadonlyMap<string, readonly Mark[]>;

interface MarkedDocument {
  anchors: readonly Anchor[];
  /** The anchors as they fit the file on disk; they count again when edits are thrown away. */
  saved: readonly Anchor[];
}

/** The marks of the shown run on the rows of open data files. */
export class RowAnnotations extends Owner {
  private readonly decorations = this.own(new RowDecorations());
  private documents = new Map<string, MarkedDocument>();
  /** The marks of a run by data file. */
  private grouped: { readonly run: RunRef; readonly byFile: MarksByFile } | undefined;
  private hidden = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly session: Session,
    private readonly projects: Projects,
  ) {
    super();
    this.own({ dispose: () => clearTimeout(this.timer) });
    this.own(session.onDidChangeRun(() => this.reset()));
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
    this.own(workspace.onDidSaveTextDocument((document) => this.saved(document)));
    this.own(workspace.onDidCloseTextDocument((document) => this.closed(document)));
    this.own(
      workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const marked = this.documents.get(document.uri.toString());
        if (marked && contentChanges.length > 0) {
          marked.anchors = contentChanges.reduce(follow, marked.anchors);
          this.schedule();
        }
      }),
    );
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("tracin.annotations")) {
          this.grouped = undefined;
          this.documents.clear();
          this.schedule();
        }
      }),
    );
  }

  /** Takes all marks away until a run is shown again. */
  clear(): void {
    this.hidden = true;
    this.schedule();
  }

  /** Puts the cursor on the next (or previous) marked row of a data file. */
  async goTo(editor: TextEditor, direction: 1 | -1): Promise<void> {
    await this.prepare(editor.document);
    const anchors = this.documents.get(editor.document.uri.toString())?.anchors ?? [];
    const line = neighbour(anchors, editor.selection.active.line, direction);
    if (line === undefined || this.hidden) {
      void window.showInformationMessage(l10n.t("The shown run marks no row of this file."));
      return;
    }
    const range = new Range(line, 0, line, 0);
    await window.showTextDocument(editor.document, {
      viewColumn: editor.viewColumn ?? 1,
      selection: range,
    });
  }

  private reset(): void {
    this.hidden = false;
    this.grouped = undefined;
    this.documents.clear();
    this.schedule();
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.render(), QUIET_MS);
  }

  private async render(): Promise<void> {
    const run = this.hidden ? undefined : this.session.run;
    await commands.executeCommand("setContext", "tracin.hasMarks", run !== undefined);
    const settings = annotationSettings();
    for (const editor of window.visibleTextEditors) {
      if (run === undefined || !this.belongs(editor.document.uri, run)) {
        this.decorations.clear(editor);
        continue;
      }
      await this.prepare(editor.document);
      const marked = this.documents.get(editor.document.uri.toString());
      if (this.session.run === run && !this.hidden) {
        this.decorations.show(editor, marked?.anchors ?? [], settings, this.notes(editor.document));
      }
    }
  }

  /** Anchors the marks of a document's file, the first time that it is seen. */
  private async prepare(document: TextDocument): Promise<void> {
    const run = this.session.run;
    const key = document.uri.toString();
    if (run === undefined || this.documents.has(key)) {
      return;
    }
    if (this.grouped?.run !== run) {
      try {
        const byFile = groupByFile(await this.session.marks());
        if (this.session.run !== run) {
          return; // another run is shown by now
        }
        this.grouped = { run, byFile };
      } catch {
        return; // the log says why; the next change of the editor tries again
      }
    }
    const marks = this.grouped.byFile.get(relativeTo(run.root, document.uri.fsPath)) ?? [];
    if (marks.length > 0) {
      const anchors = anchor(document, marks);
      this.documents.set(key, { anchors, saved: anchors });
    }
  }

  private belongs(uri: Uri, run: RunRef): boolean {
    return uri.scheme === "file" && isInside(uri.fsPath, run.root) && this.projects.isDataFile(uri);
  }

  /** What a person should know before trusting the marks of this document. */
  private notes(document: TextDocument): readonly string[] {
    const state = this.session.state;
    const run = this.session.run;
    if (state.kind !== "run" || run === undefined) {
      return [];
    }
    const file = relativeTo(run.root, document.uri.fsPath);
    return state.run.changes.filter((change) => change.includes(file));
  }

  private saved(document: TextDocument): void {
    const marked = this.documents.get(document.uri.toString());
    if (marked) {
      marked.saved = marked.anchors;
    }
  }

  private closed(document: TextDocument): void {
    const marked = this.documents.get(document.uri.toString());
    if (marked) {
      marked.anchors = marked.saved;
    }
  }
}

function groupByFile(marks: readonly Mark[]): MarksByFile {
  const files = new Map<string, Mark[]>();
  for (const mark of marks) {
    const list = files.get(mark.place.file);
    if (list) {
      list.push(mark);
    } else {
      files.set(mark.place.file, [mark]);
    }
  }
  return files;
}

function anchor(document: TextDocument, marks: readonly Mark[]): readonly Anchor[] {
  const rows = new Map<number, Mark[]>();
  for (const mark of [...marks].sort(byImportance)) {
    rows.set(mark.place.line, [...(rows.get(mark.place.line) ?? []), mark]);
  }
  return [...rows].flatMap(([line, ofRow]) => {
    const lineCount = ofRow[0]?.place.lineCount ?? 1;
    return line < document.lineCount
      ? [{ line, lineCount, text: rowTextAt(document, line, lineCount), marks: ofRow }]
      : [];
  });
}

/** The text of a row that may span lines; shorter when the document ends within it. */
function rowTextAt(document: TextDocument, line: number, lineCount: number): string {
  return document.getText(new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER));
}
