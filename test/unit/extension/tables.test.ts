import { describe, expect, it, vi } from "vitest";
import type { Mark } from "../../../src/protocol/lists.ts";
import { markOf } from "./mark.ts";

vi.mock("vscode", async () => (await import("./vscode.ts")).createStub().api);

const { badgeText, byImportance, rowText, tooltipText } = await import(
  "../../../src/annotations/text.ts"
);
const { Uri } = await import("vscode");
const { hoverText } = await import("../../../src/annotations/hover.ts");
const { dataFiles, inputPatterns } = await import("../../../src/project/data-files.ts");
const { isInside, nearestRoot, relativeTo } = await import("../../../src/project/paths.ts");
const { RestartLimit } = await import("../../../src/project/restart-limit.ts");
const { formatNumber, formatScore, formatTime, ordinal } = await import(
  "../../../src/views/format.ts"
);

function mark(change: Partial<Mark>): Mark {
  return markOf({
    kind: "proponent",
    value: 0.182,
    place: { file: "train.csv", line: 3, lineCount: 1 },
    index: 2,
    target: "virginica",
    predicted: "setosa",
    selfInfluence: 1.5,
    loss: 0.25,
    ...change,
  });
}

const setosa = { label: "setosa", value: 0.94 };

describe("numbers", () => {
  it.each([
    [0.1824, "+0.182"],
    [-0.00412, "−0.00412"],
    [12.345, "+12.3"],
    [1234.5, "+1235"],
    [1.234e-7, "+1.2e-7"],
    [-5e9, "−5.0e+9"],
    [0, "+0"],
  ])("score %d is %s", (value, text) => expect(formatScore(value)).toBe(text));

  it.each([
    [1, "1st"],
    [2, "2nd"],
    [3, "3rd"],
    [4, "4th"],
    [11, "11th"],
    [12, "12th"],
    [13, "13th"],
    [21, "21st"],
    [112, "112th"],
    [102, "102nd"],
  ])("rank %d is %s", (rank, text) => expect(ordinal(rank)).toBe(text));

  it.each([
    [0.02, "0.02"],
    [0.1 + 0.2, "0.3"],
    [12345.678, "12350"],
    [1e-9, "1e-9"],
  ])("number %d is %s", (value, text) => expect(formatNumber(value)).toBe(text));

  it("shows the day of a moment only when it is not today", () => {
    const now = new Date(2026, 4, 10, 18, 0);
    const clock = formatTime(new Date(2026, 4, 10, 14, 32).toISOString(), now);
    const before = formatTime(new Date(2026, 4, 9, 14, 32).toISOString(), now);
    expect(before.endsWith(clock)).toBe(true);
    expect(before.length).toBeGreaterThan(clock.length);
  });
});

describe("marks in words", () => {
  it.each([
    [mark({ rank: 3 }), "▲ 3rd proponent +0.182", "P3"],
    [mark({ kind: "opponent", value: -0.5 }), "▼ 1st opponent −0.500", "O1"],
    [mark({ kind: "suspect", suggested: setosa }), "⚠ setosa? (0.94)", "!1"],
    [
      mark({ kind: "suspect", suggested: { label: "setosa", value: 0.9996 } }),
      "⚠ setosa? (>0.99)",
      "!1",
    ],
    [mark({ kind: "suspect", rank: 2 }), "⚠ 2nd suspect", "!2"],
    [mark({ kind: "query" }), "◆ query", "Q"],
    [mark({ rank: 10 }), "▲ 10th proponent +0.182", "P"],
  ])("%#", (one, row, badge) => {
    expect(rowText(one)).toBe(row);
    expect(badgeText(one)).toBe(badge);
    expect(tooltipText(one).length).toBeGreaterThan(10);
  });

  it("puts the query first, then the best rank, then suspects", () => {
    const marks = [
      mark({ kind: "suspect", rank: 1 }),
      mark({ kind: "opponent", rank: 2 }),
      mark({ kind: "proponent", rank: 4 }),
      mark({ kind: "query", rank: 9 }),
    ];
    expect([...marks].sort(byImportance).map(({ kind }) => kind)).toEqual([
      "query",
      "opponent",
      "proponent",
      "suspect",
    ]);
  });

  it.each([
    [undefined, "Its loss was high all through training"],
    [-0.2, "found another label likelier"],
    [0, "found another label likelier, or as likely"],
    [0.476, "found its label likelier than any other"],
  ])("a suspect with the margin %s says why", (margin, reason) => {
    const suspect = mark({ kind: "suspect", ...(margin === undefined ? {} : { margin }) });
    const place = { uri: Uri.file("/w/train.csv"), line: 3 };
    expect(hoverText([suspect], [], place).value).toContain(reason);
  });

  it("escapes what files say in a hover, and links to its own commands alone", () => {
    const text = hoverText(
      [mark({ target: "[x](command:workbench.action.quit)", suggested: setosa })],
      ["<b>changed</b>"],
      { uri: Uri.file("/w/a (1).csv"), line: 3 },
    );
    expect(text.value).toContain("\\[x\\]\\(command:workbench\\.action\\.quit\\)");
    expect(text.value).toContain("\\<b\\>changed");
    expect(text.value).toContain("0\\.94");
    expect(text.isTrusted).toEqual({
      enabledCommands: ["tracin.openInfluence", "tracin.explainRow", "tracin.reviewSuspects"],
    });
    const targets = [...text.value.matchAll(/(?<!\\)\]\(([^)]*)\)/g)].map((match) => match[1]);
    const row = encodeURIComponent(JSON.stringify(["file:///w/a (1).csv", 3]));
    expect(targets).toEqual([
      "command:tracin.openInfluence",
      `command:tracin.explainRow?${row.replace("(", "%28").replace(")", "%29")}`,
    ]);
  });
});

describe("data files of tracin.json", () => {
  it.each([
    ['{"data": {"train": {"csv": "./a.csv", "target": "y"}}}', [["train", "a.csv", "rows"]]],
    [
      '{"data": {"test": {"jsonl": "d\\\\b.jsonl", "target": "y"}}}',
      [["test", "d/b.jsonl", "rows"]],
    ],
    ['{"data": {"train": {"images": "t/labels.csv"}}}', [["train", "t/labels.csv", "images"]]],
    ['{"data": {"train": {"images": "photos/"}}}', [["train", "photos", "folder"]]],
    ['{"data": {"train": {"npy": {"x": "x.npy"}, "target": "y"}}}', []],
    ['{ // half written\n "data": {"train": {"csv": "a.csv",', [["train", "a.csv", "rows"]]],
    ["[]", []],
    ["", []],
    ['{"data": [1, {"csv": 3}]}', []],
  ])("%s", (text, expected) => {
    const found = dataFiles(text).map(({ dataset, file, kind }) => [dataset, file, kind]);
    expect(found).toEqual(expected);
  });
});

describe("inputs of tracin.json, as patterns to watch", () => {
  it("are model, checkpoints, data of every kind, masks and tokenizers, as files or folders", () => {
    const text = `{
      "model": "./model.onnx", // with comments
      "checkpoints": { "files": ["epoch-*.pt", "last"] },
      "data": {
        "train": { "npz": "a[1].npz", "target": "y" },
        "test": { "parquet": ["p1.parquet", "p2.parquet"] },
        "more": { "idx": { "x": "x.idx", "y": "y.idx" }, "target": { "masks": "masks/" } }
      },
      "features": { "x": { "text": { "column": "t", "tokenizer": "tokenizer.json" } } }
    }`;
    const found = inputPatterns(text);
    expect(found.filter((pattern) => !pattern.endsWith("/**"))).toEqual([
      "model.onnx",
      "a?1?.npz",
      "p1.parquet",
      "p2.parquet",
      "x.idx",
      "y.idx",
      "masks",
      "tokenizer.json",
      "epoch-*.pt",
      "last",
    ]);
    expect(found).toContain("last/**");
    expect(found.some((pattern) => pattern.includes("png"))).toBe(false);
    expect(inputPatterns('{"data": {"train": {"images": "t/labels.csv"}}}')).toEqual([
      "t/labels.csv",
      "t/labels.csv/**",
      "**/*.{png,jpg,jpeg,PNG,JPG,JPEG}",
    ]);
    expect(inputPatterns("[")).toEqual([]);
  });
});

describe("paths", () => {
  it.each([
    ["/a/b/c.csv", "/a/b", true],
    ["/a/b", "/a/b", true],
    ["/a/bc/d.csv", "/a/b", false],
    ["C:\\a\\b.csv", "C:\\a", true],
    ["/x", "/", true],
  ])("%s in %s: %s", (path, folder, inside) => expect(isInside(path, folder)).toBe(inside));

  it("takes the nearest root", () => {
    const roots = ["/w", "/w/digits", "/w/digits-2"];
    expect(nearestRoot("/w/digits/train/0.png", roots)).toBe("/w/digits");
    expect(nearestRoot("/w/other.csv", roots)).toBe("/w");
    expect(nearestRoot("/elsewhere", roots)).toBeUndefined();
  });

  it("writes paths as tracin.json does", () => {
    expect(relativeTo("/w", "/w/train/0.png")).toBe("train/0.png");
    expect(relativeTo("C:\\w", "C:\\w\\train\\0.png")).toBe("train/0.png");
  });
});

describe("the limit of restarts", () => {
  it("is reached by three in a minute, not by three in a day", () => {
    let now = 0;
    const limit = new RestartLimit(3, 60_000, () => now);
    for (const time of [0, 50_000, 100_000, 150_000]) {
      now = time;
      limit.add();
      expect(limit.exhausted).toBe(false);
    }
    now = 151_000;
    limit.add();
    expect(limit.exhausted).toBe(true);
    limit.clear();
    expect(limit.exhausted).toBe(false);
  });
});
