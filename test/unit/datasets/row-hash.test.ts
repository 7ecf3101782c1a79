import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CsvDataset } from "../../../src/core/datasets/readers/csv.ts";
import { JsonlDataset } from "../../../src/core/datasets/readers/jsonl.ts";
import { rowHash } from "../../../src/core/datasets/row-hash.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "tracin-hash-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function inside(name: string, content: string) {
  const absolute = path.join(folder, name);
  await writeFile(absolute, content);
  return { absolute, relative: name };
}

describe("the hash of a row", () => {
  it("is a whole number that a double holds, and differs for different texts", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(Number.isSafeInteger(rowHash(a))).toBe(true);
        expect(rowHash(a) === rowHash(b)).toBe(
          a.replace(/\r\n?/g, "\n") === b.replace(/\r\n?/g, "\n"),
        );
      }),
    );
  });

  it("of a million similar rows is met by no other", () => {
    const hashes = new Set<number>();
    for (let row = 0; row < 1_000_000; row++) {
      hashes.add(rowHash(`${row},5.1,3.5,setosa`));
    }
    expect(hashes.size).toBe(1_000_000);
  });

  it("is the same for the bytes of a CSV file and the lines of an editor", async () => {
    const rows = ['1,"two\r\nlines",a', "2,grün,b", "3,漢字 🎉,c"];
    const file = await inside("a.csv", `\uFEFFx,y,z\r\n${rows.join("\r\n")}\r\n`);
    const dataset = await CsvDataset.open("train", file, ["z"]);
    const hashes = await dataset.rowHashes(0, 3);
    expect([...hashes]).toEqual(rows.map((row) => rowHash(row.replaceAll("\r\n", "\n"))));
    expect([...(await dataset.rowHashes(1, 2))]).toEqual([rowHash("2,grün,b")]);
    await dataset.close();
  });

  it("is the same for the first line of a JSONL file with a byte order mark", async () => {
    const file = await inside("a.jsonl", '\uFEFF{"a": 1}\n\n{"a": 2}');
    const dataset = await JsonlDataset.open("train", file, ["a"]);
    expect([...(await dataset.rowHashes(0, 2))]).toEqual(['{"a": 1}', '{"a": 2}'].map(rowHash));
    await dataset.close();
  });
});
