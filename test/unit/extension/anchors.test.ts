import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Anchor,
  follow,
  neighbour,
  type TextChange,
} from "../../../src/annotations/anchors.ts";

function anchors(...lines: number[]): Anchor[] {
  return lines.map((line) => ({
    line,
    lineCount: 1,
    hash: 0,
    isOfRun: true,
    isChanged: false,
    isGone: false,
    marks: [],
  }));
}

function change(
  start: readonly [line: number, character: number],
  end: readonly [line: number, character: number],
  text: string,
): TextChange {
  return {
    range: {
      start: { line: start[0], character: start[1] },
      end: { line: end[0], character: end[1] },
    },
    text,
  };
}

describe("marks follow edits", () => {
  it.each([
    ["typing within a line moves nothing", change([2, 1], [2, 3], "x"), [1, 3, 5]],
    ["a new line above moves what is below", change([2, 4], [2, 4], "\nnew"), [1, 4, 6]],
    ["a new line before a row moves the row", change([3, 0], [3, 0], "new\n"), [1, 4, 6]],
    ["a line deleted above", change([2, 0], [3, 0], ""), [1, 2, 4]],
    ["several lines pasted", change([0, 0], [0, 0], "a\nb\nc\n"), [4, 6, 8]],
    ["an edit below everything", change([9, 0], [9, 0], "a\n"), [1, 3, 5]],
    ["a line end at the end of a row keeps the row", change([3, 7], [3, 7], "\n"), [1, 3, 6]],
    ["windows line ends count once", change([2, 0], [2, 0], "a\r\nb\r\n"), [1, 5, 7]],
  ])("%s", (_, edit, expected) => {
    expect(follow(anchors(1, 3, 5), edit).map(({ line }) => line)).toEqual(expected);
  });

  it("finds every untouched line again after whole lines were replaced", () => {
    const line = fc.nat({ max: 20 });
    fc.assert(
      fc.property(line, line, fc.nat({ max: 5 }), (a, b, inserted) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const lines = Array.from({ length: 21 }, (_, index) => `line ${index}`);
        const text = Array.from({ length: inserted }, (_, index) => `new ${index}\n`).join("");
        const after = [
          ...lines.slice(0, from),
          ...text.split("\n").slice(0, -1),
          ...lines.slice(to),
        ];
        const moved = follow(anchors(...lines.keys()), change([from, 0], [to, 0], text));
        for (const [index, anchor] of moved.entries()) {
          if (index < from || index >= to) {
            expect(after[anchor.line]).toBe(`line ${index}`);
          }
        }
      }),
    );
  });
});

describe("going from mark to mark", () => {
  it.each([
    [0, 1, 2],
    [2, 1, 7],
    [9, 1, 2],
    [7, -1, 2],
    [1, -1, 9],
    [9, -1, 7],
  ] as const)("from line %d in direction %d to %d", (line, direction, expected) => {
    expect(neighbour(anchors(7, 2, 9), line, direction)).toBe(expected);
  });

  it("stays where nothing is marked", () => {
    expect(neighbour([], 3, 1)).toBeUndefined();
  });
});
