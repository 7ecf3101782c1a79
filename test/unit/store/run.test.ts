import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Database, quote } from "../../../src/core/store/duckdb.ts";
import { runFolder } from "../../../src/core/store/folder.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import { recordFile, tableFile } from "../../../src/core/store/writer.ts";
import { emptyFolder } from "../support/folder.ts";
import { chunk, createWriter, loss, margin, part, record, writeRun } from "./written.ts";

const workspace = emptyFolder();

const sum = (i: number, m: number) => Math.fround(part(i, m, 0) + part(i, m, 1));

describe("a run on disk", () => {
  it("holds every number, whatever the order of the chunks, ranked with ties by example", async () => {
    const examples = 5000;
    await writeRun(workspace.root, "run-1", examples, [
      [4100, 5000],
      [0, 3000],
      [3000, 4100],
    ]);
    const reader = await RunReader.open(workspace.root, "run-1");
    try {
      const all = Array.from({ length: examples }, (_, i) => i);
      for (const query of [0, 1]) {
        const up = all
          .filter((i) => sum(i, query) > 0)
          .sort((a, b) => sum(b, query) - sum(a, query) || a - b);
        const down = all
          .filter((i) => sum(i, query) < 0)
          .sort((a, b) => sum(a, query) - sum(b, query) || a - b);
        const proponents = await reader.page({ view: "proponents", query }, 10, 50);
        expect(proponents.total).toBe(up.length);
        expect(proponents.scale).toBeCloseTo(sum(up[0] ?? 0, query), 6);
        expect(proponents.rows.map(({ index }) => index)).toEqual(up.slice(10, 60));
        const opponents = await reader.page({ view: "opponents", query }, 0, 50);
        expect(opponents.total).toBe(down.length);
        expect(opponents.rows.map(({ index }) => index)).toEqual(down.slice(0, 50));
        for (const row of [...proponents.rows, ...opponents.rows]) {
          expect(row.score).toBe(sum(row.index, query));
          expect(row.parts).toEqual([part(row.index, query, 0), part(row.index, query, 1)]);
        }
      }
      const bySelf = await reader.page(
        { view: "suspects", query: 0, order: "selfInfluence" },
        0,
        20,
      );
      // i % 7 is 6 for 6, 13, 20, ...: equal values come in file order.
      expect(bySelf.rows.map(({ index }) => index)).toEqual(all.slice(0, 20).map((n) => 7 * n + 6));
      expect(bySelf.total).toBe(examples);
      expect(bySelf.rows[0]).toEqual({
        index: 6,
        file: "train's.csv",
        line: 13,
        lineCount: 2,
        image: "img/6.png",
        content: "content-6",
        target: "cat",
        predicted: "cat",
        predictedProbability: 0.5,
        suggested: undefined,
        score: sum(6, 0),
        parts: [part(6, 0, 0), part(6, 0, 1)],
        selfInfluence: 13,
        loss: 2,
        margin: undefined,
        combined: undefined,
      });
      expect(bySelf.rows[1]?.suggested).toEqual({ label: "dog", value: 0.5 });
      const byLoss = await reader.page({ view: "suspects", query: 0 }, 0, 3);
      expect(byLoss.rows.map(({ index }) => index)).toEqual([4, 9, 14]);
      const marks = await reader.top(
        { view: "suspects", query: 0, order: "selfInfluence" },
        4,
        "img/20.png",
      );
      expect(marks.map(({ rank, index }) => [rank, index])).toEqual([[3, 20]]);
      await expect(reader.page({ view: "proponents", query: 2 }, 0, 1)).rejects.toThrow(
        /no query 2/,
      );
    } finally {
      reader.close();
    }
    expect((await readdir(join(workspace.root, runFolder("run-1")))).sort()).toEqual([
      recordFile,
      tableFile,
    ]);
  });

  it("joins parts to one table in the order of the examples", async () => {
    // More ranges grow at once than are kept in memory, and the first is longer than a part.
    const examples = 130_000;
    const late = Array.from({ length: 24 }, (_, i): [number, number] => [
      examples - i - 1,
      examples - i,
    ]);
    await writeRun(workspace.root, "run-1", examples, [...late, [0, 100_000], [100_000, 129_976]]);
    const table = join(workspace.root, runFolder("run-1"), tableFile);
    const database = await Database.open({ files: [table] });
    try {
      const rows = await database.connection.runAndReadAll(
        `SELECT example::INTEGER, score_1::DOUBLE FROM read_parquet(${quote(table)})`,
      );
      const found = rows.getRowsJS();
      expect(found.map(([example]) => example)).toEqual(
        Array.from({ length: examples }, (_, i) => i),
      );
      expect(found.every(([, score], i) => score === sum(i, 1))).toBe(true);
    } finally {
      database.close();
    }
    expect((await readdir(join(workspace.root, runFolder("run-1")))).sort()).toEqual([
      recordFile,
      tableFile,
    ]);
  });

  it("ranks suspects by margin, and by the places by margin and loss", async () => {
    // Two parts, so that places are those among all examples.
    const examples = 125_000;
    const id = "run-1";
    const writer = await createWriter(workspace.root, id, examples, undefined, true);
    await writer.add(chunk(123_000, 2000, true));
    await writer.add(chunk(0, 123_000, true));
    await writer.finish(() => ({ ...record(id, examples), margins: true }));
    const mean = (i: number, of: (i: number, c: number) => number) => (of(i, 0) + of(i, 1)) / 2;
    const all = Array.from({ length: examples }, (_, i) => i).filter((i) => i !== 11);
    const byLoss = (a: number, b: number) => mean(b, loss) - mean(a, loss);
    const byMargin = (a: number, b: number) => mean(a, margin) - mean(b, margin) || byLoss(a, b);
    /** 1 plus the number of examples that come before each, equals not counted; counted by their values. */
    const places = (order: (a: number, b: number) => number, others: readonly number[]) => {
      const sorted = others.toSorted(order);
      const found = new Map<number, number>();
      let place = 1;
      sorted.forEach((i, at) => {
        const before = sorted[at - 1];
        place = before !== undefined && order(before, i) === 0 ? place : at + 1;
        found.set(i, place);
      });
      return found;
    };
    // Example 11 has a loss, so it takes a place by loss.
    const lossPlaces = places(byLoss, [...all, 11]);
    const marginPlaces = places(byMargin, all);
    const combined = (i: number) => ((lossPlaces.get(i) ?? 0) + (marginPlaces.get(i) ?? 0)) / 2;
    const reader = await RunReader.open(workspace.root, id);
    const table = await reader.ranked();
    try {
      const wanted = {
        margin: all.toSorted((a, b) => byMargin(a, b) || a - b),
        combined: all.toSorted((a, b) => combined(a) - combined(b) || byLoss(a, b) || a - b),
      };
      for (const order of ["margin", "combined"] as const) {
        for (const list of [reader, table]) {
          const ranking = { view: "suspects", query: 0, order } as const;
          const { rows, total } = await list.page(ranking, 3, 40, async () => []);
          expect(total).toBe(examples - 1);
          expect(rows.map(({ index }) => index)).toEqual(wanted[order].slice(3, 43));
          for (const row of rows) {
            expect(row.margin).toBe(mean(row.index, margin));
            expect(row.combined).toBe(Math.fround(combined(row.index)));
          }
        }
      }
      const byDefault = await reader.page({ view: "suspects", query: 0 }, 0, 5);
      expect(byDefault.rows.map(({ index }) => index)).toEqual(wanted.margin.slice(0, 5));
      const [unlabelled] = (await reader.page({ view: "all", query: 0 }, 11, 1)).rows;
      expect([unlabelled?.margin, unlabelled?.combined]).toEqual([undefined, undefined]);
    } finally {
      reader.close();
    }
    expect((await readdir(join(workspace.root, runFolder(id)))).sort()).toEqual([
      recordFile,
      tableFile,
    ]);
  });

  it("says why it cannot rank by a margin that it does not have", async () => {
    await writeRun(workspace.root, "run-1", 3, [[0, 3]]);
    const reader = await RunReader.open(workspace.root, "run-1");
    const ranking = { view: "suspects", query: 0, order: "margin" } as const;
    await expect(reader.page(ranking, 0, 5)).rejects.toThrow(/has no margins/);
    const table = await reader.ranked();
    await expect(table.page(ranking, 0, 5, async () => [])).rejects.toThrow(/has no margins/);
    reader.close();
  });

  it("reads the pages under way before it closes", async () => {
    await writeRun(workspace.root, "run-1", 300, [[0, 300]]);
    const reader = await RunReader.open(workspace.root, "run-1");
    const pages = [0, 1].map((query) => reader.page({ view: "proponents", query }, 0, 5));
    reader.close();
    expect((await Promise.all(pages)).map(({ rows }) => rows.length)).toEqual([5, 5]);
    await expect(reader.page({ view: "suspects", query: 0 }, 0, 5)).rejects.toThrow(/was closed/);
  });
});
