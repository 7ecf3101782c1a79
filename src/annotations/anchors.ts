import { rowHash } from "../core/datasets/row-hash.ts";
import type { Mark } from "../protocol/lists.ts";

/** The marks on one row of an open document. */
export interface Anchor {
  /** First line now; edits above move it. */
  readonly line: number;
  readonly lineCount: number;
  /** Hash of the row's text in the run; a row that reads differently by now is shown as changed. */
  readonly hash: number;
  /** Whether the hash is that of the run; else it is that of the row when it was opened. */
  readonly isOfRun: boolean;
  /** Reads differently by now. */
  readonly isChanged: boolean;
  /** An edit took the whole row away; undo may bring it back. */
  readonly isGone: boolean;
  /** All marks of the row, the most important first. */
  readonly marks: readonly Mark[];
}

/** The lines of a document. */
export interface Lines {
  readonly count: number;
  /** The text of `lineCount` lines from `line` on; shorter when the document ends within them. */
  text(line: number, lineCount: number): string;
}

/** One change of a document, as VS Code reports it: `text` replaces the range. */
export interface TextChange {
  readonly range: {
    readonly start: { readonly line: number; readonly character: number };
    readonly end: { readonly line: number; readonly character: number };
  };
  readonly text: string;
}

/** Lines searched each way for a row that is not where it was, and all of them together. */
export interface Search {
  readonly reach: number;
  readonly budget: number;
}

/** For a file that may have changed on disk since the run. */
const OPENING: Search = { reach: 2000, budget: 20_000 };
/** For an edit: undo brings rows back near to where they were. */
const EDITING: Search = { reach: 50, budget: 2000 };

/** Anchors the marks of a file in its lines, also where rows above have come or gone since the run. */
export function anchorRows(lines: Lines, marks: readonly Mark[]): readonly Anchor[] {
  const rows = new Map<number, Mark[]>();
  for (const mark of marks) {
    const row = rows.get(mark.place.line);
    if (row) {
      row.push(mark);
    } else {
      rows.set(mark.place.line, [mark]);
    }
  }
  const anchors = [...rows]
    .sort(([a], [b]) => a - b)
    .map(([line, ofRow]): Anchor => {
      const place = ofRow[0]?.place;
      const lineCount = Math.max(1, place?.lineCount ?? 1);
      const known = place?.rowHash;
      const hash = known ?? rowHash(line < lines.count ? lines.text(line, lineCount) : "");
      const isOfRun = known !== undefined;
      return { line, lineCount, hash, isOfRun, isChanged: false, isGone: false, marks: ofRow };
    });
  return settle(lines, anchors, OPENING).filter(({ line }) => line < lines.count);
}

/** The line on which an example of a run stands now; the run's own where it cannot be found. */
export function lineNow(lines: Lines, place: Mark["place"]): number {
  const { line, lineCount, rowHash: hash } = place;
  if (hash === undefined) {
    return line;
  }
  const state = { isOfRun: true, isChanged: false, isGone: false, marks: [] };
  const anchor = { line, lineCount: Math.max(1, lineCount), hash, ...state };
  return settle(lines, [anchor], OPENING)[0]?.line ?? line;
}

/**
 * Compares the rows with their hashes. One that reads differently is looked for nearby, first where the one before it
 * has moved; what is not found has changed.
 */
export function settle(
  lines: Lines,
  anchors: readonly Anchor[],
  search: Search = EDITING,
): readonly Anchor[] {
  let shift = 0;
  let left = search.budget;
  const isAt = (anchor: Anchor, line: number): boolean =>
    line >= 0 && line < lines.count && rowHash(lines.text(line, anchor.lineCount)) === anchor.hash;
  const taken = new Set<number>();
  const find = (anchor: Anchor): number | undefined => {
    for (let distance = 1; distance <= search.reach && left > 0; distance++) {
      for (const line of [anchor.line + shift + distance, anchor.line + shift - distance]) {
        left--;
        if (!taken.has(line) && isAt(anchor, line)) {
          return line;
        }
      }
    }
    return undefined;
  };
  return anchors.map((anchor) => {
    const here = [anchor.line + shift, anchor.line].find(
      (line) => !taken.has(line) && isAt(anchor, line),
    );
    const line = here ?? find(anchor);
    if (line === undefined) {
      return {
        ...anchor,
        line: Math.max(0, anchor.isGone ? anchor.line : anchor.line + shift),
        isChanged: true,
      };
    }
    taken.add(line);
    shift = line - anchor.line;
    const same = line === anchor.line && !anchor.isChanged && !anchor.isGone;
    return same ? anchor : { ...anchor, line, isChanged: false, isGone: false };
  });
}

/** Moves the anchors below an edit by the lines that it added or removed. */
export function follow(anchors: readonly Anchor[], change: TextChange): readonly Anchor[] {
  const { start, end } = change.range;
  const delta = (change.text.match(/\n/g)?.length ?? 0) - (end.line - start.line);
  // A change of whole lines that ends where a row begins leaves the row itself alone.
  const wholeLines =
    end.character === 0 &&
    (change.text.endsWith("\n") || (change.text === "" && start.character === 0));
  const deletes = change.text.trim() === "";
  return anchors.map((anchor) => {
    const last = anchor.line + anchor.lineCount;
    const covered =
      start.line <= anchor.line &&
      (start.line < anchor.line || start.character === 0) &&
      (end.line > last || (end.line === last && end.character === 0));
    if (covered && deletes) {
      return { ...anchor, line: start.line, isGone: true };
    }
    const below = anchor.line > end.line || (anchor.line === end.line && wholeLines);
    return below && delta !== 0 ? { ...anchor, line: anchor.line + delta } : anchor;
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
