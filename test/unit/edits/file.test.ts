import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyWithEdits, fileFacts } from "../../../src/core/datasets/edits/file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-copy-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a cleaned copy", () => {
  it.each([
    ["a\nb\nc\n", "b", "B", "a\nB\nc\n"],
    ["a\nb\nc\n", "b", undefined, "a\nc\n"],
    ["a\r\nb\r\nc", "b", undefined, "a\r\nc"],
    ["a\r\nb\r\nc", "c", undefined, "a\r\nb\r\n"],
    ["a\rb\rc", "b", undefined, "a\rc"],
    ["\ufeffa\nb", "a", "é🐈", "\ufeffé🐈\nb"],
    ["a\n\nb\r\nc\rd", "b", undefined, "a\n\nc\rd"],
  ])("of %j without or with another %j", async (text, record, change, expected) => {
    const from = join(folder, "a.csv");
    const to = join(folder, "b.csv");
    await writeFile(from, text);
    const start = Buffer.byteLength(text.slice(0, text.indexOf(record)));
    await copyWithEdits(from, to, [{ start, end: start + 1, text: change }]);
    expect(await readFile(to, "utf8")).toBe(expected);
    expect(await readdir(folder)).toEqual(["a.csv", "b.csv"]);
  });

  it("is not there when it could not be written", async () => {
    const from = join(folder, "a.csv");
    await writeFile(from, "a\nb\n");
    const beyond = [{ start: 100, end: 101, text: undefined }];
    await expect(copyWithEdits(from, join(folder, "b.csv"), beyond)).rejects.toThrow(
      /could not be written/,
    );
    expect(await readdir(folder)).toEqual(["a.csv"]);
  });
});

it.each([
  ["a\nb\n", ["\n"]],
  ["a\r\nb\r\n", ["\r\n"]],
  ["a\rb", ["\r"]],
  ["a\r", ["\r"]],
  ["a\r\nb\nc\rd", ["\r\n", "\n", "\r"]],
  ["", []],
])("the line ends of %j", async (text, lineEnds) => {
  const file = join(folder, "a.csv");
  await writeFile(file, text);
  expect(await fileFacts(file)).toEqual({ size: text.length, lineEnds });
});
