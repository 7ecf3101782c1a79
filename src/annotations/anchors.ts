import type { Mark } from "../protocol/compute.ts";

/** The marks on one row of an open document. */
export interface Anchor {
  /** First line now; edits above move it. */
  readonly line: number;
  readonly lineCount: number;
  /** The row's text when it was marked; a row that reads differently by now is shown as changed. */
  readonly text: string;
  /** All marks of the row, the most important first. */
  readonly marks: readonly Mark[];
}

/** One change of a document, as VS Code reports it: `text` replaces the range. */
export interface TextChange {
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
  readonly text: string;
}

/** Moves the anchors below an edit by the lines that it added or removed. */
export function follow(anchors: readonly Anchor[], change: TextChange): readonly Anchor[] {
  const { start, end } = change.range;
  const delta = (change.text.match(/\n/g)?.length ?? 0) - (end.line - start.line);
  if (delta === 0) {
    return anchors;
  }
  // A change of whole lines that ends where a row begins leaves the row itself alone.
  const wholeLines =
    end.character === 0 &&
    (change.text.endsWith("\n") || (change.text === "" && start.character === 0));
  return anchors.map((anchor) => {
    const below = anchor.line > end.line || (anchor.line === end.line && wholeLines);
    return below ? { ...anchor, line: anchor.line + delta } : anchor;
  });
}

/** The next anchor's line after `line` (or before it), going round at the ends; undefined when there is none. */
export function neighbour(
  anchors: readonly Anchor[],
  line: number,
  direction: 1 | -1,
): number | undefined {
  const lines = anchors.map((anchor) => anchor.line).sort((a, b) => a - b);
  return direction === 1
    ? (lines.find((other) => other > line) ?? lines[0])
    : (lines.findLast((other) => other < line) ?? lines.at(-1));
}
