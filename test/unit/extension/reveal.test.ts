import { beforeEach, describe, expect, it, vi } from "vitest";
import { rowHash } from "../../../src/core/datasets/row-hash.ts";
import { createStub } from "./vscode.ts";

const stub = createStub();
vi.mock("vscode", () => stub.api);
const { revealPlace } = await import("../../../src/views/reveal.ts");

const ran: unknown[][] = [];
const shown: { start: { line: number }; end: { line: number } }[] = [];
let rows: string[] | undefined;

beforeEach(() => {
  ran.length = 0;
  shown.length = 0;
  stub.recorded.messages.length = 0;
  Object.assign(stub.api, { TextEditorRevealType: { InCenterIfOutsideViewport: 2 } });
  Object.assign(stub.api["commands"] as object, {
    executeCommand: (...parameters: unknown[]) => {
      ran.push(parameters.map((value) => (isUri(value) ? String(value) : value)));
      return Promise.resolve();
    },
  });
  Object.assign(stub.api["workspace"] as object, {
    openTextDocument: () =>
      rows === undefined
        ? Promise.reject(new Error("cannot open: larger than 50MB"))
        : Promise.resolve(documentOf(rows)),
  });
  Object.assign(stub.api["window"] as object, {
    showTextDocument: (_: unknown, { selection }: { selection: (typeof shown)[number] }) => {
      shown.push(selection);
      return Promise.resolve({ revealRange: () => undefined });
    },
  });
});

function isUri(value: unknown): boolean {
  return typeof value === "object" && value !== null && "scheme" in value;
}

function documentOf(lines: readonly string[]) {
  return {
    lineCount: lines.length,
    lineAt: (line: number) => ({ text: lines[line] ?? "" }),
    getText: ({ start, end }: (typeof shown)[number]) =>
      lines.slice(start.line, end.line + 1).join("\n"),
  };
}

describe("opening the place of an example", () => {
  it.each<[string, string[], number, number]>([
    ["where the run says", ["h", "a", "b"], 2, 2],
    ["where its row stands by now", ["h", "new", "a", "b"], 3, 3],
    ["with all lines of the row", ["h", "new", '"a', 'b"'], 2, 3],
    ["at the end of a file that became shorter", ["h"], 0, 0],
  ])("goes to the row %s", async (_, lines, first, last) => {
    rows = lines;
    const isLong = last > first;
    const hash = rowHash(isLong ? '"a\nb"' : "b");
    const place = { file: "train.csv", line: isLong ? 1 : 2, lineCount: isLong ? 2 : 1 };
    await revealPlace("/w", { ...place, rowHash: hash }, "row");
    expect(shown.map(({ start, end }) => [start.line, end.line])).toEqual([[first, last]]);
    expect(ran).toEqual([]);
  });

  it("lets the editor open a file that extensions do not get, at the row", async () => {
    rows = undefined;
    await revealPlace("/w", { file: "large.csv", line: 70, lineCount: 1 }, "row");
    expect(ran).toMatchObject([
      ["vscode.open", "file:///w/large.csv", { selection: { start: { line: 70 } } }],
    ]);
    expect(stub.recorded.messages).toEqual([]);
  });

  it.each([
    ["Show in Panel", [["tracin.openInfluence"]]],
    ["Open Anyway", [["vscode.open", "file:///w/x.npy"]]],
    [undefined, []],
  ] as const)("says that an array has no rows, and offers more (%s)", async (answer, expected) => {
    stub.answers = [answer];
    await revealPlace("/w", { file: "x.npy", line: 0, lineCount: 0 }, "row");
    expect(stub.recorded.messages).toHaveLength(1);
    expect(stub.recorded.messages[0]).toMatch(/^x\.npy is no text/);
    expect(ran).toEqual(expected);
  });

  it("opens the image of an image folder, which has no data file", async () => {
    const image = "train/a/1.png";
    await revealPlace("/w", { file: image, line: 0, lineCount: 0, image }, "row");
    expect(ran).toEqual([["vscode.open", `file:///w/${image}`]]);
  });
});
