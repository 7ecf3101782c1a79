import {
  type DecorationOptions,
  l10n,
  OverviewRulerLane,
  Range,
  type TextEditor,
  type TextEditorDecorationType,
  Uri,
  window,
} from "vscode";
import { Owner } from "../project/disposable.ts";
import type { AnnotationSettings } from "../project/settings.ts";
import type { Mark } from "../protocol/lists.ts";
import type { Review } from "../protocol/reviews.ts";
import type { Anchor } from "./anchors.ts";
import { type Look, lookColor } from "./colors.ts";
import { hoverText } from "./hover.ts";
import { decisionText, rowText } from "./text.ts";

/** On longer lines the end is out of sight, so the text stands before the row. */
const LONG_LINE = 160;

const LOOKS: readonly Look[] = ["proponent", "opponent", "suspect", "query", "decided", "changed"];

/** What is to be drawn besides the marks themselves. */
export interface Surroundings {
  /** What a person should know before trusting the marks; added to every hover. */
  readonly notes: readonly string[];
  readonly decisionOf: (mark: Mark) => Review | undefined;
  /** Another number for other decisions. */
  readonly revision: number;
}

type Settings = Pick<AnnotationSettings, "afterText" | "overviewRuler" | "gutter" | "hover">;

/** Draws anchors in an editor: text, hover and gutter icons in the visible ranges, and the overview ruler. */
export class RowDecorations extends Owner {
  private readonly text = this.own(window.createTextEditorDecorationType({}));
  private readonly ruler: ReadonlyMap<Look, TextEditorDecorationType>;
  private readonly gutter: ReadonlyMap<Look, TextEditorDecorationType>;
  /** What the overview ruler of an editor shows: it is the same wherever the editor is scrolled to. */
  private readonly ruled = new WeakMap<
    TextEditor,
    { readonly anchors: readonly Anchor[]; readonly noted: boolean; readonly revision: number }
  >();

  /** @param extension folder of the extension, with the icons in `media/marks` */
  constructor(extension: Uri) {
    super();
    this.ruler = new Map(LOOKS.map((look) => [look, this.rulerType(look)]));
    this.gutter = new Map(LOOKS.map((look) => [look, this.gutterType(extension, look)]));
  }

  /** Replaces what is drawn in `editor`. */
  show(
    editor: TextEditor,
    anchors: readonly Anchor[],
    settings: Settings,
    around: Surroundings,
  ): void {
    const visible = anchors.filter(isVisibleIn(editor));
    const texts = settings.afterText || settings.hover ? visible : [];
    editor.setDecorations(
      this.text,
      texts.map((anchor) => textOptions(editor, anchor, settings, around)),
    );
    this.paint(editor, this.gutter, settings.gutter ? visible : [], around);
    const ruled = settings.overviewRuler ? anchors : NONE;
    const before = this.ruled.get(editor);
    if (
      before?.anchors !== ruled ||
      before.noted !== around.notes.length > 0 ||
      before.revision !== around.revision
    ) {
      this.ruled.set(editor, {
        anchors: ruled,
        noted: around.notes.length > 0,
        revision: around.revision,
      });
      this.paint(editor, this.ruler, ruled, around);
    }
  }

  private paint(
    editor: TextEditor,
    types: ReadonlyMap<Look, TextEditorDecorationType>,
    anchors: readonly Anchor[],
    around: Surroundings,
  ): void {
    for (const [look, type] of types) {
      const rows = anchors.filter((anchor) => lookOf(anchor, around) === look);
      editor.setDecorations(
        type,
        rows.map((anchor) => rowRange(editor, anchor)),
      );
    }
  }

  private rulerType(look: Look): TextEditorDecorationType {
    return this.own(
      window.createTextEditorDecorationType({
        overviewRulerColor: lookColor(look),
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
function lookOf(anchor: Anchor, { notes, decisionOf }: Surroundings): Look {
  const [first] = anchor.marks;
  if (first !== undefined && decisionOf(first) !== undefined) {
    return "decided"; // a relabelled row reads differently, as it should
  }
  const isDoubtful = anchor.isChanged || (!anchor.isOfRun && notes.length > 0);
  return isDoubtful ? "changed" : (first?.kind ?? "changed");
}

function textOptions(
  editor: TextEditor,
  anchor: Anchor,
  settings: Settings,
  around: Surroundings,
): DecorationOptions {
  const range = rowRange(editor, anchor);
  const { notes, decisionOf } = around;
  const look = lookOf(anchor, around);
  const changed = l10n.t("Row changed since the run: the marks are those of its old text.");
  const options: DecorationOptions = { range };
  if (settings.hover) {
    const allNotes = anchor.isChanged && look !== "decided" ? [changed, ...notes] : notes;
    const place = { uri: editor.document.uri, line: anchor.line };
    options.hoverMessage = hoverText(anchor.marks, allNotes, place, decisionOf);
  }
  if (settings.afterText) {
    const contentText = anchor.marks
      .map((mark) => {
        const decision = decisionOf(mark);
        return decision === undefined ? rowText(mark) : decisionText(decision);
      })
      .join("   ");
    const color = lookColor(look);
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
