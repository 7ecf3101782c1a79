import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

async function openCsv(content: string | Uint8Array, delimiter?: string, target: string[] = []) {
  const root = await workspace({ "data.csv": content });
  const source = { csv: "data.csv", target, ...(delimiter === undefined ? {} : { delimiter }) };
  return closing(openDataset("train", source, root));
}

/** The lines of a text as VS Code shows them. */
function editorLines(text: string): string[] {
  return text.split(/\r\n|\n|\r/);
}

interface Golden {
  readonly text: string;
  readonly delimiter: string;
  readonly rows: readonly (readonly string[])[];
}

const csvGoldens: readonly Golden[] = JSON.parse(await readFile(join(goldens, "csv.json"), "utf8"));

describe("CSV like Python's csv module", () => {
  it.each(csvGoldens)("$text", async ({ text, delimiter, rows }) => {
    const dataset = await openCsv(text, delimiter);
    expect(dataset.columns).toEqual(rows[0]);
    expect(await dataset.cells?.(0, dataset.length)).toEqual(rows.slice(1));
    const examples = await dataset.read(0, dataset.length);
    expect(examples.map(({ fields }) => dataset.columns.map((column) => fields[column]))).toEqual(
      rows.slice(1),
    );
  });
});

describe("places in a CSV file", () => {
  it("counts lines inside quotes, and skips blank ones", async () => {
    const dataset = await openCsv('a,b\r\n"x\r\ny\rz",1\r\n\r\n\n"q",2\r3,4');
    expect([0, 1, 2].map((index) => dataset.locator(index))).toEqual([
      { file: "data.csv", line: 1, lineCount: 3, start: 5, end: 15 },
      { file: "data.csv", line: 6, lineCount: 1, start: 20, end: 25 },
      { file: "data.csv", line: 7, lineCount: 1, start: 26, end: 29 },
    ]);
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map((line) => dataset.at({ line }))).toEqual([
      undefined,
      0,
      0,
      0,
      undefined,
      undefined,
      1,
      2,
      undefined,
    ]);
  });

  it("leaves the byte order mark out of the first column", async () => {
    const dataset = await openCsv("\ufeffa,b\n1,2\n");
    expect(dataset.columns).toEqual(["a", "b"]);
    expect(dataset.locator(0)).toMatchObject({ line: 1, start: 7, end: 10 });
  });

  it("reads a .tsv file by tabs", async () => {
    const root = await workspace({ "data.tsv": "a\tb\n1,5\t2\n" });
    const dataset = await closing(openDataset("train", { csv: "data.tsv", target: "b" }, root));
    expect((await dataset.read(0, 1))[0]?.fields).toEqual({ a: "1,5", b: "2" });
  });

  it("keeps columns that are named like parts of objects", async () => {
    const dataset = await openCsv("__proto__,constructor,toString\n1,2,3\n");
    const [example] = await dataset.read(0, 1);
    expect(Object.entries(example?.fields ?? {})).toEqual([
      ["__proto__", "1"],
      ["constructor", "2"],
      ["toString", "3"],
    ]);
  });

  it("holds for any table, any line ends, and chunks that cut anywhere", async () => {
    const cell = fc.oneof(
      fc.string({
        unit: fc.constantFrom("a", " ", ",", '"', "\n", "\r", "é", "🙂", "0"),
        maxLength: 8,
      }),
      fc.string({ unit: "grapheme", maxLength: 6 }).filter((text) => !text.includes("\0")),
    );
    const table = fc.integer({ min: 2, max: 4 }).chain((width) =>
      fc.array(fc.array(cell, { minLength: width, maxLength: width }), {
        minLength: 1,
        maxLength: 8,
      }),
    );
    const lineEnd = fc.constantFrom("\n", "\r\n", "\r");
    await fc.assert(
      fc.asyncProperty(table, lineEnd, fc.boolean(), fc.boolean(), async (rows, end, last, all) => {
        const quote = (text: string) =>
          all || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
        const header = (rows[0] ?? []).map((_, index) => `column ${index}`).join(",");
        const lines = rows.map((row) => row.map(quote).join(","));
        const text = [header, ...lines].join(end) + (last ? end : "");
        const dataset = await openCsv(text);
        expect(dataset.length).toBe(rows.length);
        expect(await dataset.cells?.(0, rows.length)).toEqual(rows);
        const bytes = Buffer.from(text);
        const shown = editorLines(text);
        for (const [index, row] of rows.entries()) {
          const place = dataset.locator(index);
          expect(bytes.toString("utf8", place.start, place.end)).toBe(lines[index]);
          expect(await dataset.cells?.(index, index + 1)).toEqual([row]);
          const spanned = shown.slice(place.line, place.line + place.lineCount);
          expect(spanned.join("\n")).toBe(editorLines(lines[index] ?? "").join("\n"));
          expect(dataset.at({ line: place.line })).toBe(index);
          expect(dataset.at({ line: place.line + place.lineCount - 1 })).toBe(index);
        }
        expect(dataset.at({ line: 0 })).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  it("holds across the 1 MiB chunks of a larger file", async () => {
    // Rows of 7 to 40 bytes of two, three and four-byte characters, so that chunks end inside of them.
    const rows = Array.from({ length: 90_000 }, (_, index) => {
      const text = "é漢🙂".repeat((index % 5) + 1);
      return index % 3 === 0 ? `${index},"${text}\r\n""${text}"""` : `${index},${text}`;
    });
    const text = `id,text\r\n${rows.join("\r\n")}\r\n`;
    const bytes = Buffer.from(text);
    expect(bytes.length).toBeGreaterThan(3 << 20);
    const dataset = await openCsv(text);
    expect(dataset.length).toBe(rows.length);
    let line = 1;
    for (const [index, row] of rows.entries()) {
      const place = dataset.locator(index);
      const spans = index % 3 === 0 ? 2 : 1;
      if (place.line !== line || place.lineCount !== spans) {
        expect(place).toMatchObject({ line, lineCount: spans });
      }
      line += spans;
      if (index % 997 === 0) {
        expect(bytes.toString("utf8", place.start, place.end)).toBe(row);
      }
    }
    const cells = await dataset.cells?.(0, dataset.length);
    expect(cells?.every((row, index) => row[0] === String(index))).toBe(true);
  });
});

describe("damaged CSV files", () => {
  const latin1 = Buffer.concat([
    Buffer.from("a,b\n1,2\n3,caf"),
    Buffer.from([0xe9]),
    Buffer.from("\n5,6\n"),
  ]);
  const longFile = Buffer.concat([
    Buffer.from(`a,b\n${"1,2\n".repeat(600_000)}`),
    Buffer.from([0xff]),
    Buffer.from(",3\n\n\n\n"),
  ]);
  it.each<[string, string | Uint8Array, number | undefined, RegExp]>([
    ["too many fields", "a,b\n1,2\n1,2,3\n", 3, /3 fields.*header has 2/],
    ["too few fields after quoted lines", 'a,b\n"1\n2",2\n5\n', 4, /1 field, /],
    ["an open quote", 'a,b\n1,2\n3,"x\n5,6\n', 3, /never closed/],
    ["text after a quote", 'a,b\n1,"x"y\n', 2, /follows a closing quote/],
    ["a NUL byte", "a,b\n1,2\n3,\0\n", 3, /NUL/],
    ["bytes that are not UTF-8", latin1, 3, /not UTF-8/],
    ["an invalid byte behind two chunks", longFile, 600_002, /not UTF-8/],
    ["a character cut by the end", Buffer.from([0x61, 0x0a, 0xe6, 0xbc]), 2, /not UTF-8/],
    ["UTF-16", Buffer.from("\ufeffa,b\n", "utf16le"), 1, /UTF-16/],
    ["nothing", "", undefined, /empty/],
    ["a header alone", "a,b\n", undefined, /no rows/],
    ["a repeated column", "a,b,a\n1,2,3\n", 1, /"a" twice/],
  ])("%s", async (_, content, line, message) => {
    const error = await errorOf(openCsv(content));
    expect(error).toMatchObject({ kind: "data", place: { file: "data.csv" } });
    expect(error.place.line).toBe(line);
    expect(error.message).toMatch(message);
    expect(error.remedy).toMatch(/\w+/);
  });

  it("names the columns when the target is none of them", async () => {
    const error = await errorOf(openCsv("a;b\n1;2\n", ",", ["b"]));
    expect(error.message).toContain('no column "b"');
    expect(error.remedy).toContain("delimiter");
  });

  it.each(["", '"', "\n", "é"])("refuses the delimiter %j", async (delimiter) => {
    expect(await errorOf(openCsv("a\n1\n", delimiter))).toMatchObject({ kind: "config" });
  });

  it("says when the file has changed", async () => {
    const root = await workspace({ "data.csv": "a,b\n1,2\n" });
    const dataset = await closing(openDataset("train", { csv: "data.csv", target: "a" }, root));
    await writeFile(join(root, "data.csv"), "a,b\n1,2\n3,4\n");
    expect((await errorOf(dataset.read(0, 1))).message).toMatch(/has changed/);
  });
});
