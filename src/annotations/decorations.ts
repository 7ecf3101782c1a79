import {
  type DecorationOptions,
  l10n,
  OverviewRulerLane,
  Range,
  type TextEditor,
  type TextEditorDecorationType,
  ThemeColor,
  window,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import type { AnnotationSettings } from "../project/settings.ts";
import type { Mark } from "../protocol/compute.ts";
import type { Anchor } from "./anchors.ts";
import { markColor } from "./colors.ts";
import { hoverText } from "./hover.ts";
import { rowText } from "./text.ts";

/** On longer lines the end is out of sight, so the text stands before the row. */
const LONG_LINE = 160;

type Settings = Pick<AnnotationSettings, "afterText" | "overviewRuler" | "hover">;

/** Draws anchors in an editor: text and hover in the visible ranges, and the overview ruler. */
export class RowDecorations extends Owner {
  private readonly text = this.own(window.createTextEditorDecorationType({}));
  private readonly ruler: Readonly<Record<Mark["kind"], TextEditorDecorationType>> = {
    proponent: this.rulerType("proponent"),
    opponent: this.rulerType("opponent"),
    suspect: this.rulerType("suspect"),
    query: this.rulerType("query"),
  };

  /** Replaces what is drawn in `editor`; `notes` are added to every hover and grey the text. */
  show(
    editor: TextEditor,
    anchors: readonly Anchor[],
    settings: Settings,
    notes: readonly string[],
  ): void {
    const visible = settings.afterText || settings.hover ? anchors.filter(isVisibleIn(editor)) : [];
    editor.setDecorations(
      this.text,
      visible.map((anchor) => textOptions(editor, anchor, settings, notes)),
    );
    for (const [kind, type] of Object.entries(this.ruler)) {
      const ranges = settings.overviewRuler
        ? anchors.filter((anchor) => anchor.marks[0]?.kind === kind)
        : [];
      editor.setDecorations(
        type,
        ranges.map((anchor) => rowRange(editor, anchor)),
      );
    }
  }

  clear(editor: TextEditor): void {
    for (const type of [this.text, ...Object.values(this.ruler)]) {
      editor.setDecorations(type, []);
    }
  }

  private rulerType(kind: Mark["kind"]): TextEditorDecorationType {
    return this.own(
      window.createTextEditorDecorationType({
        overviewRulerColor: markColor(kind),
        overviewRulerLane: OverviewRulerLane.Right,
        isWholeLine: true,
      }),
    );
  }
}

function isVisibleIn(editor: TextEditor): (anchor: Anchor) => boolean {
  return ({ line, lineCount }) =>
    editor.visibleRanges.some(
      (range) => line <= range.end.line && line + lineCount - 1 >= range.start.line,
    );
}

function textOptions(
  editor: TextEditor,
  anchor: Anchor,
  settings: Settings,
  notes: readonly string[],
): DecorationOptions {
  const range = rowRange(editor, anchor);
  const changed = editor.document.getText(range) !== anchor.text;
  const allNotes = changed
    ? [...notes, l10n.t("This row was edited after the run: the marks are those of its old text.")]
    : notes;
  const options: DecorationOptions = { range };
  if (settings.hover) {
    options.hoverMessage = hoverText(anchor.marks, allNotes);
  }
  const first = anchor.marks[0];
  if (settings.afterText && first) {
    const contentText = anchor.marks.map(rowText).join("   ");
    const color =
      allNotes.length > 0 ? new ThemeColor("disabledForeground") : markColor(first.kind);
    const long = editor.document.lineAt(range.end.line).text.length > LONG_LINE;
    options.renderOptions = long
      ? { before: { contentText, color, margin: "0 2em 0 0" } }
      : { after: { contentText, color, margin: "0 0 0 3em" } };
  }
  return options;
}

/** The whole row; cut at the end of the document. */
function rowRange(editor: TextEditor, { line, lineCount }: Anchor): Range {
  return editor.document.validateRange(
    new Range(line, 0, line + lineCount - 1, Number.MAX_SAFE_INTEGER),
  );
}
