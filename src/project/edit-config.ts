import {
  type FormattingOptions,
  findNodeAtLocation,
  getNodeValue,
  type JSONPath,
  modify,
  parseTree,
} from "jsonc-parser";
import { l10n, Range, Uri, WorkspaceEdit, workspace } from "vscode";
import { TracInError } from "../core/errors.ts";

const formatting: FormattingOptions = { insertSpaces: true, tabSize: 2, eol: "\n" };

/**
 * Sets values in a project's `tracin.json` through an edit of the document, so that comments stay and undo works, and
 * saves it. A value of `undefined` takes the entry away.
 *
 * @param root absolute folder of the project
 * @param changes path in the file and its new value, in order
 * @throws kind `config` when the editor refuses the edit
 */
export async function editConfig(
  root: string,
  changes: readonly (readonly [path: JSONPath, value: unknown])[],
): Promise<void> {
  const uri = Uri.joinPath(Uri.file(root), "tracin.json");
  const document = await workspace.openTextDocument(uri);
  const edit = new WorkspaceEdit();
  const before = document.getText();
  const after = changedText(before, changes);
  if (after === before) {
    return;
  }
  const { start, end } = changedPart(before, after);
  const range = new Range(document.positionAt(start), document.positionAt(end));
  edit.replace(uri, range, after.slice(start, after.length - (before.length - end)));
  if (!(await workspace.applyEdit(edit)) || !(await document.save())) {
    throw new TracInError(
      "config",
      l10n.t("tracin.json could not be changed."),
      { file: "tracin.json" },
      l10n.t("Check that the file can be written, and change it by hand if it cannot."),
    );
  }
}

/** The value at a path of a project's `tracin.json` as the editor has it; undefined where there is none. */
export async function readConfig(root: string, path: JSONPath): Promise<unknown> {
  const document = await workspace.openTextDocument(Uri.joinPath(Uri.file(root), "tracin.json"));
  const tree = parseTree(document.getText(), [], { allowTrailingComma: true });
  const node = tree && findNodeAtLocation(tree, path);
  return node && getNodeValue(node);
}

/** The text of a `tracin.json` after changes; comments and everything else in it stay as they are. */
export function changedText(
  text: string,
  changes: readonly (readonly [path: JSONPath, value: unknown])[],
): string {
  return changes.reduce((changed, [path, value]) => applied(changed, path, value), text);
}

function applied(text: string, path: JSONPath, value: unknown): string {
  const edits = modify(text, path, value, { formattingOptions: formatting });
  return edits
    .toSorted((a, b) => b.offset - a.offset)
    .reduce(
      (result, { offset, length, content }) =>
        result.slice(0, offset) + content + result.slice(offset + length),
      text,
    );
}

/** The part of `before` outside of which both texts are the same. */
function changedPart(before: string, after: string): { start: number; end: number } {
  const shortest = Math.min(before.length, after.length);
  let start = 0;
  while (start < shortest && before[start] === after[start]) {
    start++;
  }
  let same = 0;
  while (same < shortest - start && before.at(-1 - same) === after.at(-1 - same)) {
    same++;
  }
  return { start, end: before.length - same };
}
