import { FileType, l10n, Range, type TextDocument, Uri, WorkspaceEdit, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";
import type { ApplyPlan, ApplyRow, ReviewItem } from "../protocol/reviews.ts";
import { deletedRuns } from "./line-edits.ts";

/** What came of applying. */
export interface Applied {
  /** Rows and images that were changed. */
  readonly items: readonly ReviewItem[];
  readonly excluded: readonly ReviewItem[];
  readonly refused: ApplyPlan["refused"];
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
      const reason = l10n.t("The row reads differently in the editor.");
      refused.push({ file: `${file}:${line + 1}`, reason });
    }
    addRows(edit, document, same);
    done.push(...same);
    documents.push(document);
  }
  const moved: ReviewItem[] = [];
  const excludedMoves: ReviewItem[] = [];
  for (const { from, to, item } of plan.moves) {
    const target = Uri.joinPath(Uri.file(root), to);
    if (await exists(target)) {
      refused.push({ file: from, reason: l10n.t("There is a file {0} already.", to) });
      continue;
    }
    edit.renameFile(Uri.joinPath(Uri.file(root), from), target, { overwrite: false });
    moved.push(item);
    if (to.startsWith(".tracin/")) {
      excludedMoves.push(item);
    }
  }
  const items = [...done.map(({ item }) => item), ...moved];
  if (items.length > 0 && !(await workspace.applyEdit(edit))) {
    throw new TracInError("data", l10n.t("The editor refused to change the data."));
  }
  for (const document of documents) {
    await document.save();
  }
  const rows = done.filter(({ replacement }) => replacement === null).map(({ item }) => item);
  return { items, excluded: [...rows, ...excludedMoves], refused };
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

function documentProblem(document: TextDocument): string | undefined {
  if (document.isDirty) {
    return l10n.t("The file has unsaved changes; save them first.");
  }
  const settings = workspace.getConfiguration("files", document);
  const wide = WIDE_SETTINGS.find((name) => settings.get(name, false));
  return wide === undefined
    ? undefined
    : l10n.t("The setting files.{0} would change other lines when the file is saved.", wide);
}

async function exists(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    ({ type }) => type !== FileType.Unknown,
    () => false,
  );
}
