import { describe, expect, it } from "vitest";
import { runJob } from "../../../src/compute/job.ts";
import { runTestSet } from "../../../src/compute/test-set.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import type { RunRecord } from "../../../src/core/store/record.ts";
import type { EarlyRanking } from "../../../src/protocol/early.ts";
import { build, fingerprints, questions, signal, withScorer } from "../index/support.ts";
import { copySample } from "../sample.ts";
import { emptyFolder } from "../support/folder.ts";

const workspace = emptyFolder();

/** The first rows of the lists of a finished run, as its early rows hold them. */
async function finished(record: RunRecord, { lists }: EarlyRanking) {
  const reader = await RunReader.open(workspace.root, record.id);
  try {
    return await Promise.all(
      lists.map(async ({ view, rows }) => {
        const page = await reader.page({ view, query: 0 }, 0, rows.length);
        return page.rows.map(({ index, score }) => ({ index, score }));
      }),
    );
  } finally {
    reader.close();
  }
}

const rowsOf = ({ lists }: EarlyRanking) => lists.flatMap(({ rows }) => rows);

async function ask(
  kind: "explain" | "suspects" | "testSet",
  kept: Parameters<typeof build>[1],
  queries = 1,
  memoryLimit?: number,
) {
  await copySample("spam", workspace.root);
  const rankings: EarlyRanking[] = [];
  const options = {
    fingerprints: fingerprints(),
    onRanking: (ranking: EarlyRanking) => void rankings.push(ranking),
    signal,
  };
  const record = await withScorer(
    workspace.root,
    async (opened) => {
      await build(opened, kept, 128);
      return kind === "testSet"
        ? runTestSet(opened, { dataset: "test", slice: { kind: "all" } }, options)
        : runJob(opened, { selection: kind === "explain" ? questions(queries) : [] }, options);
    },
    "tracin.json",
    memoryLimit,
  );
  const last = rankings.at(-1);
  expect(record.index).toBeDefined();
  expect(last).toMatchObject({ scored: record.examples, examples: record.examples });
  return { record, rankings, last: last as EarlyRanking };
}

describe("early rows of an answer from an index", () => {
  it.each([
    { kind: "explain", queries: 1, memoryLimit: 800 },
    { kind: "testSet", queries: 200, memoryLimit: 800 },
    // A quarter of it holds neither the numbers of the index (29 MB) nor, between pass and answer, the chunks (0.6 MB).
    { kind: "explain", queries: 40, memoryLimit: 2 },
  ] as const)(
    "are estimates first, settled by the exact scores: $kind, $queries queries, $memoryLimit MB",
    async ({ kind, queries, memoryLimit }) => {
      const { record, rankings, last } = await ask(kind, defaultSettings, queries, memoryLimit);
      const estimates = rankings.filter(({ state }) => state === "estimated");
      expect(estimates.length).toBeGreaterThan(0);
      expect(estimates.flatMap(rowsOf).every(({ estimated }) => estimated)).toBe(true);
      expect(last.state).toBe("settled");
      expect(rowsOf(last).some(({ estimated }) => estimated)).toBe(false);
      const exact = new Set(record.index?.exactRows);
      expect(rowsOf(last).every(({ index }) => exact.has(index))).toBe(true);
      const known = await finished(record, last);
      for (const [at, { rows }] of last.lists.entries()) {
        expect(rows).toHaveLength(10);
        expect(rows.map(({ index }) => index)).toEqual(known[at]?.map(({ index }) => index));
        for (const [place, { score }] of rows.entries()) {
          expect(score).toBeCloseTo(known[at]?.[place]?.score ?? 0, 5);
        }
      }
    },
  );

  it.each([
    ["explain", { type: "factors" }],
    ["suspects", defaultSettings],
  ] as const)("are final where the index is exact: %s", async (kind, kept) => {
    const { record, rankings, last } = await ask(kind, kept);
    expect(rankings.every(({ state }) => state === "scored")).toBe(true);
    expect(rowsOf(last).some(({ estimated }) => estimated)).toBe(false);
    const known = await finished(record, last);
    expect(last.lists.map(({ rows }) => rows.map(({ index }) => index))).toEqual(
      known.map((rows) => rows.map(({ index }) => index)),
    );
  });
});
