import { EventEmitter, Range, type TextDocument, workspace } from "vscode";
import { Owner } from "../project/disposable.ts";
import type { Projects } from "../project/projects.ts";
import type { RunRef } from "../project/session.ts";
import { type Anchor, anchorRows, follow, type Lines, settle } from "./anchors.ts";
import type { ShownMarks } from "./shown-marks.ts";

interface Marked {
  readonly run: RunRef;
  anchors: readonly Anchor[];
  /** Those that are there; the same array as long as nothing changed. */
  shown: readonly Anchor[];
  /** Whether edits have moved rows since they were compared with their hashes. */
  isEdited: boolean;
}

/** Which rows of the open data files are marked, and where they stand now. */
export class MarkedDocuments extends Owner {
  private readonly changed = this.own(new EventEmitter<TextDocument>());
  /** Rows of a document moved or read differently. */
  readonly onDidEdit = this.changed.event;
  private documents = new Map<string, Marked>();

  constructor(
    private readonly marks: ShownMarks,
    private readonly projects: Projects,
  ) {
    super();
    this.own(marks.onDidChange(() => this.documents.clear()));
    this.own(
      workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        const marked = this.documents.get(document.uri.toString());
        if (marked && contentChanges.length > 0) {
          marked.anchors = contentChanges.reduce(follow, marked.anchors);
          marked.isEdited = true;
          this.changed.fire(document);
        }
      }),
    );
    // Opened again it may hold other text: edits were thrown away, or the file changed on disk.
    this.own(workspace.onDidCloseTextDocument(({ uri }) => this.documents.delete(uri.toString())));
  }

  /** The marked rows of a document in the order of the file; none where it belongs to no data of the shown run. */
  async rows(document: TextDocument): Promise<readonly Anchor[]> {
    const { run } = this.marks;
    const isData = document.uri.scheme === "file" && this.projects.isDataFile(document.uri);
    if (run === undefined || !isData) {
      return [];
    }
    const key = document.uri.toString();
    if (this.documents.get(key)?.run !== run) {
      const marks = await this.marks.onRows(document.uri);
      // While the marks were read another request may have done the same, or another run may be shown.
      if (this.marks.run !== run || document.isClosed) {
        return [];
      }
      if (this.documents.get(key)?.run !== run && marks.length > 0) {
        const anchors = anchorRows(linesOf(document), marks);
        this.documents.set(key, { run, anchors, shown: anchors, isEdited: false });
      }
    }
    const marked = this.documents.get(key);
    return marked === undefined ? [] : this.settled(document, marked);
  }

  private settled(document: TextDocument, marked: Marked): readonly Anchor[] {
    if (marked.isEdited) {
      marked.anchors = settle(linesOf(document), marked.anchors);
      marked.shown = marked.anchors.filter(({ isGone }) => !isGone);
      marked.isEdited = false;
    }
    return marked.shown;
  }
}

function linesOf(document: TextDocument): Lines {
  return {
    count: document.lineCount,
    text: (line, lineCount) =>
      document.getText(new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER)),
  };
}
