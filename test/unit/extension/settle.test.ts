import { describe, expect, it } from "vitest";
import { type Anchor, anchorRows, follow, settle } from "../../../src/annotations/anchors.ts";
import { labelRange } from "../../../src/annotations/label-range.ts";
import { rowHash } from "../../../src/core/datasets/row-hash.ts";
import type { Mark } from "../../../src/protocol/lists.ts";
import { markOf } from "./mark.ts";

const ROWS = Array.from({ length: 40 }, (_, row) => `${row},x`);

function linesOf(rows: readonly string[]) {
  return {
    count: rows.length,
    text: (line: number, lineCount: number) => rows.slice(line, line + lineCount).join("\n"),
  };
}

function mark(line: number, text = ROWS[line] ?? "", lineCount = 1): Mark {
  const place = { file: "train.csv", line, lineCount, rowHash: rowHash(text) };
  return markOf({ place, index: line, target: "x", predicted: "y" });
}

function seen(anchors: readonly Anchor[]) {
  return anchors.map(({ line, isChanged }) => (isChanged ? `${line} changed` : line));
}

describe("marks on a file that is opened", () => {
  it.each<[string, readonly string[], readonly (number | string)[]]>([
    ["as it was", ROWS, [3, 7, 30]],
    ["with rows above that are new", ["a", "b", ...ROWS], [5, 9, 32]],
    ["with rows gone in between", ROWS.toSpliced(10, 4), [3, 7, 26]],
    ["with one row that reads differently", ROWS.with(7, "7,z"), [3, "7 changed", 30]],
    ["with a changed row below new ones", ["a", ...ROWS.with(7, "7,z")], [4, "8 changed", 31]],
    ["with a row moved to another place", ["30,x", ...ROWS.toSpliced(30, 1)], [4, 8, 0]],
  ])("%s stand at %j", (_, rows, expected) => {
    const anchors = anchorRows(linesOf(rows), [mark(3), mark(7), mark(30)]);
    expect(seen(anchors)).toEqual(expected);
  });

  it("of equal rows each keep their own", () => {
    const rows = ["h", "a", "a", "a", "b"];
    const anchors = anchorRows(linesOf(rows), [mark(1, "a"), mark(2, "a"), mark(3, "a")]);
    expect(seen(anchors)).toEqual([1, 2, 3]);
  });

  it("know rows over several lines, whatever the line ends", () => {
    const rows = ["h", "new", '1,"a', 'b"', "2,c"];
    const anchors = anchorRows(linesOf(rows), [mark(1, '1,"a\r\nb"', 2)]);
    expect(seen(anchors)).toEqual([2]);
  });

  it("of a run without hashes stand where the run says", () => {
    const old = mark(3);
    const { rowHash: _, ...place } = old.place;
    const anchors = anchorRows(linesOf(["a", ...ROWS]), [{ ...old, place }]);
    expect(seen(anchors)).toEqual([3]);
    expect(anchors[0]?.isOfRun).toBe(false);
  });

  it("search a bounded part of a large file", () => {
    let read = 0;
    const lines = {
      count: 300_000,
      text: () => {
        read++;
        return "other";
      },
    };
    const marks = Array.from({ length: 100 }, (_, row) => mark(row * 2000, `${row}`));
    expect(anchorRows(lines, marks).every(({ isChanged }) => isChanged)).toBe(true);
    expect(read).toBeLessThan(25_000);
  });
});

describe("marks on rows that are edited", () => {
  const anchors = anchorRows(linesOf(ROWS), [mark(3), mark(7)]);
  const at = (line: number, character = 0) => ({ line, character });

  it("go with a deleted row and come back with undo", () => {
    const deleted = follow(anchors, { range: { start: at(7), end: at(8) }, text: "" });
    const without = settle(linesOf(ROWS.toSpliced(7, 1)), deleted);
    expect(without.map(({ isGone }) => isGone)).toEqual([false, true]);
    const undone = follow(without, { range: { start: at(7), end: at(7) }, text: "7,x\n" });
    const back = settle(linesOf(ROWS), undone);
    expect(back.map(({ line, isGone, isChanged }) => [line, isGone, isChanged])).toEqual([
      [3, false, false],
      [7, false, false],
    ]);
  });

  it("are changed while a row reads differently, and not any more after undo", () => {
    const changed = settle(linesOf(ROWS.with(3, "3,xy")), anchors);
    expect(seen(changed)).toEqual(["3 changed", 7]);
    expect(seen(settle(linesOf(ROWS), changed))).toEqual([3, 7]);
  });

  it("follow a row that is moved by a line", () => {
    const rows = ROWS.with(7, "8,x").with(8, "7,x");
    expect(seen(settle(linesOf(rows), anchors))).toEqual([3, 8]);
  });
});

describe("the label in a row", () => {
  it.each([
    ["5.1,3.5,setosa", "setosa", [8, 14]],
    ["setosa-like,5,setosa", "setosa", [14, 20]],
    ['"a, b",setosa ', "setosa", [7, 13]],
    ["1,0,1", "1", undefined],
    ["1,0,2", "0", [2, 3]],
    ['{"text": "a spam mail", "label": "spam"}', "spam", [34, 38]],
    ['{"spam": 3, "label": "spam"}', "spam", [22, 26]],
    ['{"label": 4, "text": "4u"}', "4", [10, 11]],
    ["a,b", "", undefined],
  ] as const)("of %s is found", (row, label, expected) => {
    const found = labelRange(row, label);
    expect(found && [found.start, found.end]).toEqual(expected);
  });
});
