import { FileType, l10n, Range, type TextDocument, Uri, WorkspaceEdit, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type {
  ApplyPlan,
  ApplyRow,
  DecisionId,
  Refusal,
  RefusalReason,
} from "../protocol/reviews.ts";
import { deletedRuns } from "./line-edits.ts";
import { relativeTo } from "./paths.ts";

/** What came of applying. */
export interface Applied {
  /** How many rows and images were changed. */
  readonly changed: number;
  /** The decisions by which some of them were taken out. */
  readonly excluded: readonly DecisionId[];
  readonly refused: readonly Refusal[];
  /** Images that were moved. */
  readonly moved: ApplyPlan["moves"];
}

/** Settings with which saving would change more than the edit. */
const WIDE_SETTINGS = ["insertFinalNewline", "trimFinalNewlines", "trimTrailingWhitespace"];

/**
 * Changes the files of a project as planned: one edit of the workspace, undone in one step, then saved. A row that does not
 * read as on disk is left alone and told.
 *
 * @throws kind `data` when the editor refuses the edit
 */
export async function applyPlan(root: string, plan: ApplyPlan): Promise<Applied> {
  const edit = new WorkspaceEdit();
  const refused = [...plan.refused];
  const done: ApplyRow[] = [];
  const documents: TextDocument[] = [];
  for (const file of new Set(plan.rows.map((row) => row.file))) {
    const rows = plan.rows.filter((row) => row.file === file);
    const document = await workspace.openTextDocument(Uri.joinPath(Uri.file(root), file));
    const reason = documentProblem(document);
    if (reason !== undefined) {
      refused.push({ file, reason });
      continue;
    }
    const same = rows.filter((row) => document.getText(rangeOf(row)) === row.text);
    for (const { line } of rows.filter((row) => !same.includes(row))) {
      refused.push({ file: `${file}:${line + 1}`, reason: { kind: "differs" } });
    }
    addRows(edit, document, same);
    done.push(...same);
    documents.push(document);
  }
  const moved: ApplyPlan["moves"][number][] = [];
  for (const move of plan.moves) {
    const { from, to } = move;
    const target = Uri.joinPath(Uri.file(root), to);
    if (await exists(target)) {
      refused.push({ file: from, reason: { kind: "fileExists", file: to } });
      continue;
    }
    edit.renameFile(Uri.joinPath(Uri.file(root), from), target, { overwrite: false });
    moved.push(move);
  }
  const changed = done.length + moved.length;
  if (changed > 0 && !(await workspace.applyEdit(edit))) {
    throw new TracInError("data", l10n.t("The editor refused to change the data."));
  }
  for (const document of documents) {
    if (!(await document.save())) {
      const file = relativeTo(root, document.uri.fsPath);
      refused.push({ file, reason: { kind: "notSaved" } });
    }
  }
  const excluded = [
    ...done.filter(({ replacement }) => replacement === null),
    ...moved.filter(({ to }) => to.startsWith(".tracin/")),
  ];
  return { changed, excluded: excluded.map(({ id }) => id), refused, moved };
}

/**
 * Moves images back to where they were, also through an edit of the workspace. (VS Code's own undo finds such a move only
 * while one of the images is open.)
 *
 * @throws kind `data` when the editor refuses the edit
 */
export async function moveBack(root: string, moved: ApplyPlan["moves"]): Promise<void> {
  const edit = new WorkspaceEdit();
  for (const { from, to } of moved) {
    const [there, back] = [to, from].map((file) => Uri.joinPath(Uri.file(root), file));
    if (there && back) {
      edit.renameFile(there, back, { overwrite: false });
    }
  }
  if (!(await workspace.applyEdit(edit))) {
    throw new TracInError("data", l10n.t("The editor refused to change the data."));
  }
}

function addRows(edit: WorkspaceEdit, document: TextDocument, rows: readonly ApplyRow[]): void {
  for (const { line, replacement } of rows) {
    if (replacement !== null) {
      const start = document.offsetAt(rangeOf({ line, lineCount: 1 }).start);
      const at = (offset: number) => document.positionAt(start + offset);
      const range = new Range(at(replacement.start), at(replacement.end));
      edit.replace(document.uri, range, replacement.text);
    }
  }
  const gone = rows.filter(({ replacement }) => replacement === null);
  for (const { first, next } of deletedRuns(gone)) {
    // Where the last line has no line end, the one before it goes: the file ends as it did.
    const range =
      next < document.lineCount
        ? new Range(first, 0, next, 0)
        : new Range(Math.max(0, first - 1), first === 0 ? 0 : Number.MAX_SAFE_INTEGER, next, 0);
    edit.delete(document.uri, document.validateRange(range));
  }
}

function rangeOf({ line, lineCount }: Pick<ApplyRow, "line" | "lineCount">): Range {
  return new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER);
}

function documentProblem(document: TextDocument): RefusalReason | undefined {
  if (document.isDirty) {
    return { kind: "unsaved" };
  }
  const settings = workspace.getConfiguration("files", document);
  const wide = WIDE_SETTINGS.find((name) => settings.get(name, false));
  return wide === undefined ? undefined : { kind: "savesMore", setting: `files.${wide}` };
}

async function exists(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    ({ type }) => type !== FileType.Unknown,
    () => false,
  );
}
