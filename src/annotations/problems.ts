import {
  Diagnostic,
  DiagnosticSeverity,
  l10n,
  languages,
  Range,
  type TextDocument,
  Uri,
  workspace,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import type { Projects } from "../project/projects.ts";
import { annotationSettings } from "../project/settings.ts";
import type { Mark } from "../protocol/lists.ts";
import { probabilityText } from "../protocol/probability-text.ts";
import { ordinal } from "../views/format.ts";
import { labelRange } from "./label-range.ts";
import type { MarkedDocuments } from "./marked-documents.ts";
import type { ShownMarks } from "./shown-marks.ts";

/** Edits come in bursts; the problems follow when a burst is over. */
const QUIET_MS = 200;

/** The suspects of the shown run as entries of the Problems view. */
export class SuspectProblems extends Owner {
  private readonly problems = this.own(languages.createDiagnosticCollection("tracin"));
  private timer: NodeJS.Timeout | undefined;
  private turn = 0;

  constructor(
    private readonly marks: ShownMarks,
    private readonly documents: MarkedDocuments,
    projects: Projects,
  ) {
    super();
    this.own({ dispose: () => clearTimeout(this.timer) });
    this.own(marks.onDidChange(() => this.schedule()));
    this.own(marks.onDidDecide(() => this.schedule()));
    this.own(projects.onDidChange(() => this.schedule()));
    this.own(documents.onDidEdit(() => this.schedule()));
    this.own(workspace.onDidOpenTextDocument(() => this.schedule()));
    this.own(workspace.onDidCloseTextDocument(() => this.schedule()));
  }

  private schedule(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.update(), QUIET_MS);
  }

  private async update(): Promise<void> {
    const turn = ++this.turn;
    const { run } = this.marks;
    if (run === undefined || !annotationSettings().problems) {
      this.problems.clear();
      return;
    }
    const found = new Map<Uri, readonly Diagnostic[]>();
    for (const [file, marks] of await this.marks.byFile()) {
      const suspects = marks.filter((mark) => this.isOpen(mark));
      if (suspects.length > 0) {
        const uri = Uri.joinPath(Uri.file(run.root), file);
        found.set(uri, await this.of(uri, suspects));
      }
    }
    if (turn === this.turn) {
      this.problems.clear();
      for (const [uri, diagnostics] of found) {
        this.problems.set(uri, diagnostics);
      }
    }
  }

  /** A suspect that nothing was decided about; where the model says a label at all, it says another one. */
  private isOpen(mark: Mark): boolean {
    const { kind, reading, suggested } = mark;
    const isDoubted = reading !== "probabilities" || suggested !== undefined;
    return kind === "suspect" && isDoubted && this.marks.decisionOf(mark) === undefined;
  }

  /** Where the file is open, its rows as they are now; a row that changed since the run is no suspect any more. */
  private async of(uri: Uri, suspects: readonly Mark[]): Promise<readonly Diagnostic[]> {
    const key = uri.toString();
    const document = workspace.textDocuments.find((open) => open.uri.toString() === key);
    if (document === undefined) {
      return suspects.map((mark) => problem(rowRange(mark), mark));
    }
    const rows = await this.documents.rows(document);
    return rows.flatMap(({ line, lineCount, marks, isChanged }) =>
      marks
        .filter((mark) => this.isOpen(mark) && !isChanged)
        .map((mark) => problem(inDocument(document, line, lineCount, mark), mark)),
    );
  }
}

function rowRange({ place }: Mark): Range {
  const last = place.line + Math.max(1, place.lineCount) - 1;
  return new Range(place.line, 0, last, Number.MAX_SAFE_INTEGER);
}

function problem(range: Range, mark: Mark): Diagnostic {
  const diagnostic = new Diagnostic(range, problemText(mark), DiagnosticSeverity.Information);
  diagnostic.source = "TracIn";
  diagnostic.code = "suspect";
  return diagnostic;
}

/** The label within the row where it can be told, otherwise the row. */
function inDocument(document: TextDocument, line: number, lineCount: number, mark: Mark): Range {
  return (
    labelIn(document, line, lineCount, mark) ??
    document.validateRange(new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER))
  );
}

/** Where the label stands in a row of a document; undefined where it cannot be told from other fields. */
function labelIn(
  document: TextDocument,
  line: number,
  lineCount: number,
  mark: Mark,
): Range | undefined {
  const row = document.validateRange(
    new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER),
  );
  const found = labelRange(document.getText(row), mark.target);
  if (found === undefined) {
    return undefined;
  }
  const start = document.offsetAt(row.start);
  return new Range(
    document.positionAt(start + found.start),
    document.positionAt(start + found.end),
  );
}

/** What the Problems view says of a suspect. */
function problemText({ rank, target, suggested }: Mark): string {
  return suggested === undefined
    ? l10n.t("{0} suspect: the label {1} may be wrong.", ordinal(rank), target)
    : l10n.t(
        "{0} suspect: the label {1} may be wrong; the model says {2} ({3}).",
        ordinal(rank),
        target,
        suggested.label,
        probabilityText(suggested.value),
      );
}
