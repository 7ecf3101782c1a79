import {
  type DecorationOptions,
  l10n,
  OverviewRulerLane,
  Range,
  type TextEditor,
  type TextEditorDecorationType,
  ThemeColor,
  Uri,
  window,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import type { AnnotationSettings } from "../project/settings.ts";
import type { Anchor } from "./anchors.ts";
import { markColor } from "./colors.ts";
import { hoverText } from "./hover.ts";
import { rowText } from "./text.ts";

/** On longer lines the end is out of sight, so the text stands before the row. */
const LONG_LINE = 160;

const LOOKS = ["proponent", "opponent", "suspect", "query", "changed"] as const;
/** How a row is drawn: as its most important mark, or as one whose marks no longer hold. */
type Look = (typeof LOOKS)[number];

type Settings = Pick<AnnotationSettings, "afterText" | "overviewRuler" | "gutter" | "hover">;

/** Draws anchors in an editor: text, hover and gutter icons in the visible ranges, and the overview ruler. */
export class RowDecorations extends Owner {
  private readonly text = this.own(window.createTextEditorDecorationType({}));
  private readonly ruler: ReadonlyMap<Look, TextEditorDecorationType>;
  private readonly gutter: ReadonlyMap<Look, TextEditorDecorationType>;
  /** What the overview ruler of an editor shows: it is the same wherever the editor is scrolled to. */
  private readonly ruled = new WeakMap<
    TextEditor,
    { readonly anchors: readonly Anchor[]; readonly noted: boolean }
  >();

  /** @param extension folder of the extension, with the icons in `media/marks` */
  constructor(extension: Uri) {
    super();
    this.ruler = new Map(LOOKS.map((look) => [look, this.rulerType(look)]));
    this.gutter = new Map(LOOKS.map((look) => [look, this.gutterType(extension, look)]));
  }

  /** Replaces what is drawn in `editor`; `notes` are added to every hover. */
  show(
    editor: TextEditor,
    anchors: readonly Anchor[],
    settings: Settings,
    notes: readonly string[],
  ): void {
    const visible = anchors.filter(isVisibleIn(editor));
    const texts = settings.afterText || settings.hover ? visible : [];
    editor.setDecorations(
      this.text,
      texts.map((anchor) => textOptions(editor, anchor, settings, notes)),
    );
    this.paint(editor, this.gutter, settings.gutter ? visible : [], notes);
    const ruled = settings.overviewRuler ? anchors : NONE;
    const before = this.ruled.get(editor);
    if (before?.anchors !== ruled || before.noted !== notes.length > 0) {
      this.ruled.set(editor, { anchors: ruled, noted: notes.length > 0 });
      this.paint(editor, this.ruler, ruled, notes);
    }
  }

  private paint(
    editor: TextEditor,
    types: ReadonlyMap<Look, TextEditorDecorationType>,
    anchors: readonly Anchor[],
    notes: readonly string[],
  ): void {
    for (const [look, type] of types) {
      const rows = anchors.filter((anchor) => lookOf(anchor, notes) === look);
      editor.setDecorations(
        type,
        rows.map((anchor) => rowRange(editor, anchor)),
      );
    }
  }

  private rulerType(look: Look): TextEditorDecorationType {
    return this.own(
      window.createTextEditorDecorationType({
        overviewRulerColor: colorOf(look),
        overviewRulerLane: OverviewRulerLane.Right,
        isWholeLine: true,
      }),
    );
  }

  private gutterType(extension: Uri, look: Look): TextEditorDecorationType {
    const icon = (theme: "light" | "dark") => ({
      gutterIconPath: Uri.joinPath(extension, "media", "marks", `${look}-${theme}.svg`),
    });
    return this.own(
      window.createTextEditorDecorationType({ light: icon("light"), dark: icon("dark") }),
    );
  }
}

const NONE: readonly Anchor[] = [];

function isVisibleIn(editor: TextEditor): (anchor: Anchor) => boolean {
  return ({ line, lineCount }) =>
    editor.visibleRanges.some(
      (range) => line <= range.end.line && line + lineCount - 1 >= range.start.line,
    );
}

/** Where the row's own text is not known, a change anywhere in the file puts its marks in doubt. */
function lookOf(anchor: Anchor, notes: readonly string[]): Look {
  const isDoubtful = anchor.isChanged || (!anchor.isOfRun && notes.length > 0);
  return isDoubtful ? "changed" : (anchor.marks[0]?.kind ?? "changed");
}

function colorOf(look: Look): ThemeColor {
  return look === "changed" ? new ThemeColor("disabledForeground") : markColor(look);
}

function textOptions(
  editor: TextEditor,
  anchor: Anchor,
  settings: Settings,
  notes: readonly string[],
): DecorationOptions {
  const range = rowRange(editor, anchor);
  const look = lookOf(anchor, notes);
  const changed = l10n.t("Row changed since the run: the marks are those of its old text.");
  const options: DecorationOptions = { range };
  if (settings.hover) {
    const allNotes = anchor.isChanged ? [changed, ...notes] : notes;
    const place = { uri: editor.document.uri, line: anchor.line };
    options.hoverMessage = hoverText(anchor.marks, allNotes, place);
  }
  if (settings.afterText) {
    const contentText = anchor.marks.map(rowText).join("   ");
    const color = colorOf(look);
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
