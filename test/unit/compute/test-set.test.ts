import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type OpenScorer, openScorer, scoreAll } from "../../../src/compute/scoring.ts";
import { createService } from "../../../src/compute/service.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { runTestSet } from "../../../src/compute/test-set.ts";
import type { TestSlice } from "../../../src/core/evaluation/slice.ts";
import { Fingerprints } from "../../../src/core/store/inputs.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import type { RunRecord } from "../../../src/core/store/record.ts";
import { listRuns } from "../../../src/core/store/runs.ts";
import type { QueryResult } from "../../../src/core/tracin/scores.ts";
import { copySample } from "../sample.ts";

/**
 * Largest difference between the scores on a slice and the mean of the scores on its examples, relative to the largest one: float32
 * sums in another order.
 */
const tolerance = 2e-5;

const signal = new AbortController().signal;
const settings = computeSettings({ processes: 1, memoryLimit: 800 });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-test-set-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A sample, opened in a copy of its own. */
async function open(name: string): Promise<OpenScorer> {
  const root = join(folder, name);
  await copySample(name, root);
  return openScorer({ root, config: "tracin.json", settings });
}

function explain(opened: OpenScorer, slice: TestSlice): Promise<RunRecord> {
  const options = { fingerprints: new Fingerprints(), signal };
  return runTestSet(opened, { dataset: "test", slice }, options);
}

/** Scores of all training examples in a run, in file order. */
async function scoresOf(root: string, id: string): Promise<number[]> {
  const reader = await RunReader.open(root, id);
  try {
    const { rows } = await reader.page({ view: "all", query: 0 }, 0, 100_000);
    return rows.map(({ score }) => score);
  } finally {
    reader.close();
  }
}

/** The mean over some test examples of the scores that each of them has by itself. */
async function meanOfSingles(opened: OpenScorer, examples: readonly number[]): Promise<number[]> {
  const selection = examples.map((index) => ({
    dataset: "test",
    index,
    explain: "target" as const,
  }));
  const means: number[] = [];
  const checkpoints = opened.project.checkpoints.length;
  await scoreAll(opened, {
    selection,
    aggregate: false,
    signal,
    onChunk: ({ start, size, scoreParts }) => {
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (let c = 0; c < checkpoints; c++) {
          for (let query = 0; query < examples.length; query++) {
            sum += scoreParts[(c * size + row) * examples.length + query] ?? Number.NaN;
          }
        }
        means[start + row] = sum / examples.length;
      }
    },
  });
  return means;
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  const differences = actual.map((score, index) =>
    Math.abs(score - (expected[index] ?? Number.NaN)),
  );
  expect(Math.max(...differences) / scale).toBeLessThan(tolerance);
}

/** What the model says of each test example, one query at a time; [right, target, predicted]. */
async function singles(opened: OpenScorer): Promise<QueryResult[]> {
  const { length } = opened.project.datasets.get("test") ?? { length: 0 };
  const all = Array.from({ length }, (_, index) => ({
    dataset: "test",
    index,
    explain: "target" as const,
  }));
  return [...(await opened.scorer.queries(all, signal))];
}

const slices: readonly (readonly [string, string, TestSlice])[] = [
  ["iris", "the whole test set", { kind: "all" }],
  ["iris", "a class", { kind: "labels", target: "versicolor" }],
  ["iris", "a condition", { kind: "filter", text: "loss > 0.1 and target <> 'setosa'" }],
  ["spam", "the whole test set", { kind: "all" }],
  ["spam", "the errors", { kind: "errors" }],
  ["spam", "a cell", { kind: "labels", target: "ham", predicted: "spam" }],
  ["spam", "words", { kind: "filter", text: "free" }],
  ["digits", "the errors", { kind: "errors" }],
  ["digits", "a cell", { kind: "labels", target: "2", predicted: "3" }],
  ["digits", "a range", { kind: "filter", ranges: [{ column: "example", from: 20, to: 40 }] }],
];

describe.each(["iris", "spam", "digits"])("the test set of %s", (name) => {
  let opened: OpenScorer;
  let results: QueryResult[];

  beforeAll(async () => {
    opened = await open(name);
    results = await singles(opened);
  }, 60_000);
  afterAll(() => opened.close());

  const best = ({ prediction }: QueryResult) => prediction.indexOf(Math.max(...prediction));

  it("is counted as the examples are one by one, and kept with the run", async () => {
    const record = await explain(opened, { kind: "all" });
    const { testSet } = record;
    const right = results.filter((result) => best(result) === result.label).length;
    expect(testSet).toMatchObject({ dataset: "test", examples: results.length });
    expect(testSet?.chosen).toBe(results.length);
    const { outcome } = testSet ?? {};
    if (outcome?.kind !== "labels") {
      throw new Error("There are labels.");
    }
    expect(outcome.counted).toBe(results.length);
    expect(outcome.right).toHaveLength(record.checkpoints.length);
    expect(outcome.right.at(-1)).toBe(right);
    expect(outcome.labels).toEqual(opened.project.encoder.labels);
    const cells = new Map(outcome.cells.map(([t, p, count]) => [`${t} ${p}`, count]));
    for (const result of results) {
      const key = `${result.label} ${best(result)}`;
      cells.set(key, (cells.get(key) ?? 0) - 1);
    }
    expect(new Set(cells.values())).toEqual(new Set([0]));
    const means = record.checkpoints.map(
      (_, c) => results.reduce((sum, { losses }) => sum + (losses[c] ?? 0), 0) / results.length,
    );
    means.forEach((mean, c) => {
      expect(testSet?.losses[c]).toBeCloseTo(mean, 5);
    });
    const reader = await RunReader.open(opened.project.root, record.id);
    const { table } = await reader.tested();
    const page = await table.page({ view: "all", query: -1 }, 0, 1000, async () => []);
    expect(page.rows).toHaveLength(results.length);
    for (const row of page.rows) {
      const result = results[row.index];
      expect(row.loss).toBeCloseTo(result?.losses.at(-1) ?? Number.NaN, 4);
      expect(row.predictedProbability).toBeCloseTo(Math.max(...(result?.prediction ?? [])), 5);
      expect(row.suggested === undefined).toBe(row.target === row.predicted);
    }
    reader.close();
  });

  it.each(slices.filter(([sample]) => sample === name))(
    "%s: the scores on %s are the mean of those on its examples",
    async (_, __, slice) => {
      const record = await explain(opened, slice);
      const reader = await RunReader.open(opened.project.root, record.id);
      const { table, testSet } = await reader.tested();
      const rows = await table.page({ view: "all", query: -1 }, 0, 1000, async () => []);
      reader.close();
      // The slice again, by other means than the filter.
      const texts = await import("../../../src/core/datasets/search-text.ts");
      const dataset = opened.project.datasets.get("test");
      const words =
        dataset === undefined ? [] : await texts.searchTexts(dataset, 0, dataset.length);
      const chosen = rows.rows
        .filter((row) => {
          switch (slice.kind) {
            case "all":
              return true;
            case "errors":
              return row.target !== row.predicted;
            case "labels":
              return (
                row.target === slice.target &&
                (slice.predicted === undefined || row.predicted === slice.predicted)
              );
            case "filter":
              return slice.text === "free"
                ? words[row.index]?.toLowerCase().includes("free")
                : slice.text === undefined
                  ? row.index >= 20 && row.index <= 40
                  : row.loss > 0.1 && row.target !== "setosa";
            default:
              return false;
          }
        })
        .map(({ index }) => index);
      expect(chosen.length).toBeGreaterThan(0);
      expect(testSet.chosen).toBe(chosen.length);
      expectClose(
        await scoresOf(opened.project.root, record.id),
        await meanOfSingles(opened, chosen),
      );
    },
    60_000,
  );
});

describe("a slice that cannot be explained", () => {
  let opened: OpenScorer;

  beforeAll(async () => {
    opened = await open("iris");
  });
  afterAll(() => opened.close());

  it.each<[string, TestSlice, RegExp]>([
    ["no errors", { kind: "errors" }, /every example of the test set right/],
    ["an empty cell", { kind: "labels", target: "setosa", predicted: "virginica" }, /is chosen/],
    ["no such label", { kind: "labels", target: "tulip" }, /no label "tulip"/],
    ["no such column", { kind: "filter", text: "colour = 'red'" }, /no column "colour"/],
    ["SQL that reads files", { kind: "filter", text: "loss < (select 1)" }, /conditions/],
  ])("%s: says so and leaves no run behind", async (_, slice, message) => {
    const before = await listRuns(opened.project.root);
    await expect(explain(opened, slice)).rejects.toThrow(message);
    expect(await listRuns(opened.project.root)).toEqual(before);
  });
});

describe("the requests of the panel", () => {
  it("explain a slice, page through its examples and narrow them", async () => {
    const root = join(folder, "requests");
    await copySample("spam", root);
    const service = createService(settings);
    const context = { signal, report: () => undefined };
    const run = await service.explainTestSet(
      { root, dataset: "test", slice: { kind: "errors" } },
      context,
    );
    expect(run.testSet).toMatchObject({ sliceTitle: "errors", file: "test.jsonl" });
    expect(run.changes).toEqual([]);
    const list = { root, runId: run.id, offset: 0, limit: 10 };
    const errors = await service.testRows({ ...list, slice: { kind: "errors" } }, context);
    expect(errors.total).toBe(run.testSet?.chosen);
    const losses = errors.rows.map(({ loss }) => loss);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    expect(errors.rows.every(({ wrong, preview }) => wrong && preview.kind !== "image")).toBe(true);
    const cell = { kind: "labels", target: "ham", predicted: "spam" } as const;
    const narrowed = await service.testRows(
      { ...list, slice: cell, filter: { text: "loss > 1", ranges: [] } },
      context,
    );
    expect(narrowed.total).toBeGreaterThan(0);
    expect(narrowed.rows.every(({ loss, target }) => loss > 1 && target === "ham")).toBe(true);
    const histogram = await service.testHistogram(
      { root, runId: run.id, slice: { kind: "all" }, column: "loss", bins: 10 },
      context,
    );
    expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(run.testSet?.examples);
    const check = await service.checkTestFilter({ root, runId: run.id, text: "los > 1" }, context);
    expect(check.columns.map(({ name }) => name)).toContain("wrong");
    expect(check.problem).toMatchObject({ from: 0, to: 3 });
    const marks = await service.marks({ root, runId: run.id, limit: 3 }, context);
    expect(marks.filter(({ kind }) => kind === "opponent")).toHaveLength(3);
  });
});
