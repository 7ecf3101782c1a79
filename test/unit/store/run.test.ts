import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Database, quote } from "../../../src/core/store/duckdb.ts";
import { exportRanking } from "../../../src/core/store/export.ts";
import { newRunId, readSmallFile, runFolder } from "../../../src/core/store/folder.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import type { RunRecord } from "../../../src/core/store/record.ts";
import { deleteRun, listRuns, readRecord } from "../../../src/core/store/runs.ts";
import { RunWriter, recordFile, tableFile } from "../../../src/core/store/writer.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";

const labels = ["cat", "dog", "owl"];
const checkpoints = 2;
const queries = 2;

/** Values that a test can compute again: example i, query m, checkpoint c. */
const part = (i: number, m: number, c: number) => Math.fround(Math.sin(3 * i + 5 * m + 7 * c));
const self = (i: number, c: number) => Math.fround((i % 7) + c);
const loss = (i: number, c: number) => Math.fround((i % 5) + 2 * c);
/** Example 11 has no label that counts. */
const margin = (i: number, c: number) => (i === 11 ? Number.NaN : ((i % 3) - 1 + c) / 4);

function chunk(start: number, size: number, hasMargins = false): ScoreChunk {
  const scoreParts = new Float32Array(checkpoints * size * queries);
  const selfParts = new Float32Array(checkpoints * size);
  const losses = new Float32Array(checkpoints * size);
  const margins = new Float32Array(hasMargins ? checkpoints * size : 0);
  const predictions = new Float32Array(size * labels.length);
  for (let row = 0; row < size; row++) {
    const i = start + row;
    for (let c = 0; c < checkpoints; c++) {
      selfParts[c * size + row] = self(i, c);
      losses[c * size + row] = loss(i, c);
      margins[c * size + row] = margin(i, c);
      for (let m = 0; m < queries; m++) {
        scoreParts[(c * size + row) * queries + m] = part(i, m, c);
      }
    }
    predictions.set([0.25, 0.25, 0.25], row * labels.length);
    predictions[row * labels.length + (i % 3)] = 0.5;
  }
  return { start, size, scoreParts, selfParts, losses, margins, predictions };
}

function record(id: string, examples: number): RunRecord {
  const query = (index: number) => ({
    dataset: "test",
    index,
    place: { file: "test.csv", line: 1, lineCount: 1 },
    target: "cat",
    prediction: [{ label: "cat", value: 1 }],
    explained: "cat",
    losses: [0.1, 0.2],
  });
  return {
    version: 1,
    id,
    kind: "explain",
    created: new Date().toISOString(),
    title: "test 0",
    tracin: "0.1.0",
    config: "tracin.json",
    checkpointFiles: ["*.pt"],
    examples,
    checkpoints: [1, 2].map((n) => ({
      file: `epoch-${n}.pt`,
      learningRate: 0.1,
      learningRateSource: "tracin.json",
      weight: 0.1,
      warnings: [],
    })),
    layers: "all",
    parameters: ["fc.weight"],
    loss: "softmax-cross-entropy",
    reading: "probabilities",
    engine: "reference",
    processes: 1,
    seconds: 1,
    labels,
    aggregate: false,
    queries: [query(0), query(1)],
    inputs: [],
  };
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-store-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

function createWriter(
  id: string,
  examples: number,
  signal?: AbortSignal,
  margins = false,
): Promise<RunWriter> {
  return RunWriter.create({
    root,
    id,
    ...(signal === undefined ? {} : { signal }),
    shape: { checkpoints, queries, margins },
    examples,
    prediction: { loss: "softmax-cross-entropy", reading: "probabilities", labels },
    describe: async (start, end) =>
      Array.from({ length: end - start }, (_, row) => ({
        locator: {
          file: "train's.csv",
          line: 2 * (start + row) + 1,
          lineCount: 2,
          start: 0,
          end: 1,
          ...((start + row) % 2 === 0 ? { image: `img/${start + row}.png` } : {}),
        },
        content: `content-${start + row}`,
        target: "cat",
      })),
  });
}

async function writeRun(id: string, examples: number, ranges: readonly [number, number][]) {
  const writer = await createWriter(id, examples);
  await Promise.all(ranges.map(([start, end]) => writer.add(chunk(start, end - start))));
  await writer.finish(() => record(id, examples));
}

const sum = (i: number, m: number) => Math.fround(part(i, m, 0) + part(i, m, 1));

describe("a run on disk", () => {
  it("holds every number, whatever the order of the chunks, ranked with ties by example", async () => {
    const examples = 5000;
    await writeRun("run-1", examples, [
      [4100, 5000],
      [0, 3000],
      [3000, 4100],
    ]);
    const reader = await RunReader.open(root, "run-1");
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
    expect((await readdir(join(root, runFolder("run-1")))).sort()).toEqual([recordFile, tableFile]);
  });

  it("joins parts to one table in the order of the examples", async () => {
    // More ranges grow at once than are kept in memory, and the first is longer than a part.
    const examples = 130_000;
    const late = Array.from({ length: 24 }, (_, i): [number, number] => [
      examples - i - 1,
      examples - i,
    ]);
    await writeRun("run-1", examples, [...late, [0, 100_000], [100_000, 129_976]]);
    const table = join(root, runFolder("run-1"), tableFile);
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
    expect((await readdir(join(root, runFolder("run-1")))).sort()).toEqual([recordFile, tableFile]);
  });

  it("ranks suspects by margin, and by the places by margin and loss", async () => {
    // Two parts, so that places are those among all examples.
    const examples = 125_000;
    const id = "run-1";
    const writer = await createWriter(id, examples, undefined, true);
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
    const reader = await RunReader.open(root, id);
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
    expect((await readdir(join(root, runFolder(id)))).sort()).toEqual([recordFile, tableFile]);
  });

  it("says why it cannot rank by a margin that it does not have", async () => {
    await writeRun("run-1", 3, [[0, 3]]);
    const reader = await RunReader.open(root, "run-1");
    const ranking = { view: "suspects", query: 0, order: "margin" } as const;
    await expect(reader.page(ranking, 0, 5)).rejects.toThrow(/has no margins/);
    const table = await reader.ranked();
    await expect(table.page(ranking, 0, 5, async () => [])).rejects.toThrow(/has no margins/);
    reader.close();
  });

  it("is not written when it is cancelled at the end", async () => {
    const controller = new AbortController();
    const writer = await createWriter("run-1", 10, controller.signal);
    await writer.add(chunk(0, 10));
    const finished = writer.finish(() => record("run-1", 10));
    controller.abort();
    await expect(finished).rejects.toMatchObject({ kind: "cancelled" });
    await writer.discard();
    expect(await readdir(join(root, ".tracin", "runs"))).toEqual([]);
  });

  it("writes nothing more of what waits when it is cancelled", async () => {
    const controller = new AbortController();
    const writer = await createWriter("run-1", 500_000, controller.signal);
    const waiting = [0, 1, 2, 3].map((i) => writer.add(chunk(125_000 * i, 125_000)));
    controller.abort();
    const settled = await Promise.allSettled(waiting);
    expect(settled.map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
    await writer.discard();
    expect(await readdir(join(root, ".tracin", "runs"))).toEqual([]);
  });

  it("keeps .tracin out of version control, except reviews", async () => {
    await writeRun("run-1", 3, [[0, 3]]);
    expect(await readFile(join(root, ".tracin", ".gitignore"), "utf8")).toBe(
      "*\n!reviews.jsonl\n!.gitignore\n",
    );
  });

  it("shows nothing of an unfinished or discarded run", async () => {
    const writer = await createWriter("run-1", 10);
    await writer.add(chunk(0, 5));
    expect(await listRuns(root)).toEqual([]);
    await expect(writer.finish(() => record("run-1", 10))).rejects.toThrow(/Only 5 of 10/);
    await writer.discard();
    expect(await readdir(join(root, ".tracin", "runs"))).toEqual([]);
  });

  it("refuses an example that comes twice or does not exist", async () => {
    const writer = await createWriter("run-1", 10);
    await writer.add(chunk(0, 5));
    await expect(writer.add(chunk(4, 2))).rejects.toThrow(/Example 4 was scored twice/);
    await writer.discard();
    const other = await createWriter("run-2", 10);
    await expect(other.add(chunk(8, 5))).rejects.toThrow(/out of range/);
    await other.discard();
  });

  it("lists damaged runs with their error, and the others all the same", async () => {
    await writeRun("20260101T000000-good", 3, [[0, 3]]);
    await writeRun("20260102T000000-truncated", 300, [[0, 300]]);
    const runs = join(root, ".tracin", "runs");
    const damages: [string, string][] = [
      ["20260103T000000-text", "{ not json"],
      ["20260104T000000-empty", ""],
      ["20260105T000000-fields", JSON.stringify({ version: 1, id: "20260105T000000-fields" })],
      ["20260106T000000-other", JSON.stringify(record("something-else", 3))],
      [
        "20260107T000000-climbs",
        JSON.stringify({
          ...record("20260107T000000-climbs", 3),
          inputs: [{ kind: "file", path: "../../etc/passwd", size: 1, modified: 1, sha256: "" }],
        }),
      ],
    ];
    for (const [id, text] of damages) {
      await mkdir(join(runs, id));
      await writeFile(join(runs, id, recordFile), text);
    }
    await truncate(join(runs, "20260102T000000-truncated", tableFile), 200);
    const listed = await listRuns(root);
    expect(listed.map((run) => (run.ok ? run.record.id : run.id))).toEqual([
      ...damages.map(([id]) => id).reverse(),
      "20260102T000000-truncated",
      "20260101T000000-good",
    ]);
    expect(listed.filter((run) => run.ok).length).toBe(2);
    for (const run of listed) {
      if (!run.ok) {
        expect(run.error.kind).toBe("store");
        expect(run.error.place.file).toContain(run.id);
      }
    }
    await expect(RunReader.open(root, "20260102T000000-truncated")).rejects.toMatchObject({
      kind: "store",
    });
    await deleteRun(root, "20260102T000000-truncated");
    expect(await listRuns(root)).toHaveLength(6);
  });

  it.each(["..", "../../etc", "a/b", "", "x".repeat(200)])("takes %j for no run", async (id) => {
    await expect(RunReader.open(root, id)).rejects.toThrow(/not the name of a run/);
    await expect(deleteRun(root, id)).rejects.toThrow(/not the name of a run/);
  });

  it("reads the pages under way before it closes", async () => {
    await writeRun("run-1", 300, [[0, 300]]);
    const reader = await RunReader.open(root, "run-1");
    const pages = [0, 1].map((query) => reader.page({ view: "proponents", query }, 0, 5));
    reader.close();
    expect((await Promise.all(pages)).map(({ rows }) => rows.length)).toEqual([5, 5]);
    await expect(reader.page({ view: "suspects", query: 0 }, 0, 5)).rejects.toThrow(/was closed/);
  });

  it("follows no link out of the workspace", async () => {
    const outside = await mkdtemp(join(tmpdir(), "tracin-outside-"));
    try {
      await mkdir(join(outside, "documents"));
      await mkdir(join(outside, "work.partial"));
      await utimes(join(outside, "work.partial"), 0, 0);
      await mkdir(join(root, ".tracin"));
      await symlink(outside, join(root, ".tracin", "runs"), "dir");
      const listed = await listRuns(root);
      expect(listed.map(({ ok }) => ok)).toEqual(listed.map(() => false));
      await expect(deleteRun(root, "documents")).rejects.toThrow(/leaves the workspace/);
      await expect(createWriter("run-1", 3)).rejects.toThrow(/leaves the workspace/);
      expect((await readdir(outside)).sort()).toEqual(["documents", "work.partial"]);
    } finally {
      await rm(outside, { recursive: true, force: true });
    }
  });

  it.runIf(process.platform !== "win32")("reads no device as a run", async () => {
    const folder = join(root, runFolder("run-1"));
    await mkdir(folder, { recursive: true });
    await symlink("/dev/zero", join(folder, recordFile));
    await expect(readRecord(root, "run-1")).rejects.toMatchObject({ kind: "store" });
    await expect(readSmallFile("/dev/zero", 100)).rejects.toThrow(/no file/);
  });

  it("names runs so that they sort by time", () => {
    const id = newRunId(new Date("2026-07-30T10:15:30.123Z"), "Test 142: why?");
    expect(id).toMatch(/^20260730T101530-test-142-why-[0-9a-f]{4}$/);
    expect(runFolder(id)).toBe(`.tracin/runs/${id}`);
  });
});

it.each(["csv", "jsonl", "parquet"])("exports a whole ranked list as %s", async (format) => {
  const id = newRunId(new Date(), "export");
  await writeRun(id, 40, [[0, 40]]);
  const reader = await RunReader.open(root, id);
  const to = join(root, `list.${format}`);
  await exportRanking(reader, root, { view: "suspects", query: 0, order: "loss" }, to);
  const page = await reader.page({ view: "suspects", query: 0, order: "loss" }, 0, 100);
  reader.close();
  const database = await Database.open({ files: [to] });
  const read = { csv: "read_csv", jsonl: "read_json", parquet: "read_parquet" }[format];
  const rows = await database.connection.runAndReadAll(
    `SELECT rank::INTEGER, example::INTEGER, target FROM ${read}(${quote(to)})`,
  );
  expect(rows.getRowsJS()).toEqual(page.rows.map(({ index }, at) => [at + 1, index, "cat"]));
  database.close();
  expect((await readdir(root)).sort()).toEqual([".tracin", `list.${format}`]);
});

it("exports a list as it is narrowed and sorted", async () => {
  const id = newRunId(new Date(), "export");
  await writeRun(id, 5000, [[0, 5000]]);
  const reader = await RunReader.open(root, id);
  const to = join(root, "list.csv");
  const ranking = {
    view: "suspects",
    query: 0,
    filter: { text: "loss >= 3 and example >= 100" },
    sort: { column: "self_influence", descending: true },
  } as const;
  const table = await reader.ranked();
  const members = await table.members(ranking, async () => []);
  await exportRanking(reader, root, ranking, to, members);
  reader.close();
  const database = await Database.open({ files: [to] });
  const rows = await database.connection.runAndReadAll(
    `SELECT rank::INTEGER, example::INTEGER, target FROM read_csv(${quote(to)})`,
  );
  database.close();
  const wanted = Array.from({ length: 5000 }, (_, i) => i)
    .filter((i) => i >= 100 && (loss(i, 0) + loss(i, 1)) / 2 >= 3)
    .sort((a, b) => (b % 7) - (a % 7) || a - b);
  expect(wanted.length).toBeGreaterThan(2048);
  expect(rows.getRowsJS()).toEqual(wanted.map((i, at) => [at + 1, i, "cat"]));
});
