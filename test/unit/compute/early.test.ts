import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { predictionForm } from "../../../src/compute/describe-queries.ts";
import { EarlyRows } from "../../../src/compute/early.ts";
import { openProject } from "../../../src/core/config/open.ts";
import type { Project } from "../../../src/core/config/project.ts";
import type { ScoreChunk } from "../../../src/core/tracin/scores.ts";
import type { EarlyRanking } from "../../../src/protocol/early.ts";

let project: Project;
let examples = 0;
let checkpoints = 0;
let now = 0;

beforeAll(async () => {
  project = await openProject("samples/iris");
  examples = project.datasets.get("train")?.length ?? 0;
  checkpoints = project.checkpoints.length;
});
afterAll(() => project.close());
afterEach(() => vi.restoreAllMocks());

/** The score of an example on one query, and its mean margin: different numbers in every chunk, with ties. */
const score = (example: number) => ((example * 37) % 50) - 20;
const margin = (example: number) => ((example * 17) % 21) / 10 - 1;

/** A chunk in which the first checkpoint holds a quarter of each sum, and the last one the rest. */
function chunkOf(start: number, size: number, queries: number, scoreOf = score): ScoreChunk {
  const spread = (width: number, value: (example: number) => number) => {
    const values = new Float32Array(checkpoints * size * width);
    for (let place = 0; place < size * width; place++) {
      const whole = value(start + Math.floor(place / Math.max(1, width)));
      values[place] = whole / 4;
      values[(checkpoints - 1) * size * width + place] = whole - whole / 4;
    }
    return values;
  };
  return {
    start,
    size,
    scoreParts: spread(queries, scoreOf),
    selfParts: spread(1, (example) => example + 1),
    losses: spread(1, (example) => 2 * example),
    margins: spread(1, (example) => checkpoints * margin(example)),
    predictions: new Float32Array(3 * size).map((_, at) => (at % 3 === 2 ? 0.75 : 0.125)),
  };
}

function start(queries: number, opponentsFirst = false) {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  const rankings: EarlyRanking[] = [];
  const prediction = predictionForm(project);
  const onRanking = (ranking: EarlyRanking) => void rankings.push(ranking);
  const rows = new EarlyRows({
    project,
    prediction,
    queries,
    margins: true,
    opponentsFirst,
    onRanking,
  });
  return { rows, rankings };
}

/** The first examples by a number, largest first, of those in the range, by sorting. */
function first(value: (example: number) => number, end: number, from = 0): number[] {
  return Array.from({ length: end - from }, (_, at) => from + at)
    .filter((example) => value(example) > Number.NEGATIVE_INFINITY)
    .sort((a, b) => value(b) - value(a) || a - b)
    .slice(0, 10);
}

const indices = (ranking: EarlyRanking | undefined, list: number) =>
  ranking?.lists[list]?.rows.map(({ index }) => index);

describe("early rows", () => {
  it("come after 0.3 s, again after 0.7 s, and when everything is scored; and say what they are made of", async () => {
    const { rows, rankings } = start(1);
    rows.add(chunkOf(0, 20, 1));
    now = 290;
    rows.add(chunkOf(20, 10, 1));
    expect(rankings).toEqual([]);
    now = 310;
    rows.add(chunkOf(30, 10, 1));
    await vi.waitFor(() => expect(rankings).toHaveLength(1));
    expect(rankings[0]).toMatchObject({ scored: 40, examples, queries: 1 });
    expect(rankings[0]?.checkpoints).toEqual(project.checkpoints.map(({ file }) => file));
    expect(rankings[0]?.lists.map(({ view }) => view)).toEqual(["proponents", "opponents"]);
    now = 1000;
    rows.add(chunkOf(40, 10, 1));
    expect(rankings).toHaveLength(1);
    now = 1020;
    rows.add(chunkOf(50, 10, 1));
    await vi.waitFor(() => expect(rankings).toHaveLength(2));
    now = 1030;
    rows.add(chunkOf(60, examples - 60, 1));
    await vi.waitFor(() => expect(rankings).toHaveLength(3));
    expect(rankings[2]).toMatchObject({ scored: examples, examples });
  });

  it("are the first by sorting, whatever the order of the chunks, with their numbers, places and targets", async () => {
    const { rows, rankings } = start(1);
    rows.add(chunkOf(70, examples - 70, 1));
    now = 400;
    rows.add(chunkOf(0, 30, 1));
    await vi.waitFor(() => expect(rankings).toHaveLength(1));
    rows.add(chunkOf(30, 40, 1));
    await vi.waitFor(() => expect(rankings).toHaveLength(2));
    const expected = first(score, examples);
    expect(indices(rankings[1], 0)).toEqual(expected);
    expect(indices(rankings[1], 1)).toEqual(first((example) => -score(example), examples));
    const [best] = rankings[1]?.lists[0]?.rows ?? [];
    const index = expected[0] ?? 0;
    expect(best).toMatchObject({ rank: 1, index, combined: undefined, predicted: "virginica" });
    expect(best?.place).toMatchObject({ file: "train.csv", line: index + 1 });
    expect(best?.preview.kind).toBe("fields");
    // Sums of two float32 numbers of small size.
    expect(best?.score).toBeCloseTo(score(index), 4);
    expect(best?.parts[0]).toBeCloseTo(score(index) / 4, 4);
    expect(best?.selfInfluence).toBeCloseTo(index + 1, 4);
    expect(best?.loss).toBeCloseTo((2 * index) / checkpoints, 4);
    expect(best?.margin).toBeCloseTo(margin(index), 4);
    const [target = ""] = await project.encoder.targetTexts(
      project.datasets.get("train") as never,
      index,
      index + 1,
    );
    expect(best?.target).toBe(target);
    expect(best?.suggested).toEqual(
      target === "virginica" ? undefined : { label: "virginica", value: 0.75 },
    );
    expect(rankings[1]?.lists.map(({ scale }) => scale)).toEqual([29, 29]);
  });

  it("are about the first of several queries, and start with what hurts a test set", async () => {
    const { rows, rankings } = start(3, true);
    const chunk = chunkOf(0, examples, 3);
    // The two other queries rank the other way round.
    chunk.scoreParts.forEach((part, at) => {
      chunk.scoreParts[at] = at % 3 === 0 ? part : -part;
    });
    rows.add(chunk);
    await vi.waitFor(() => expect(rankings).toHaveLength(1));
    expect(rankings[0]?.lists.map(({ view }) => view)).toEqual(["opponents", "proponents"]);
    expect(indices(rankings[0], 1)).toEqual(first(score, examples));
    expect(rankings[0]?.lists[1]?.rows[0]?.score).toBeCloseTo(29, 4);
  });

  it("are suspects by margin where nothing is explained", async () => {
    const { rows, rankings } = start(0);
    rows.add(chunkOf(0, examples, 0));
    await vi.waitFor(() => expect(rankings).toHaveLength(1));
    expect(rankings[0]?.orders).toEqual(["margin", "loss", "selfInfluence"]);
    expect(rankings[0]?.lists.map(({ view }) => view)).toEqual(["suspects"]);
    expect(indices(rankings[0], 0)).toEqual(first((example) => -margin(example), examples));
    const [worst] = rankings[0]?.lists[0]?.rows ?? [];
    expect(worst?.score).toBe(0);
    expect(worst?.parts[0]).toBeCloseTo(((worst?.index ?? 0) + 1) / 4, 4);
  });

  it("are estimates while an index is passed over, and are ranked anew by the scores that settle them", async () => {
    const { rows, rankings } = start(1);
    const half = 75;
    const none = new Set<number>();
    const estimates = (from: number, size: number) => ({ ...chunkOf(from, size, 1), exact: none });
    now = 310;
    rows.add(estimates(0, half));
    await vi.waitFor(() => expect(rankings).toHaveLength(1));
    expect(rankings[0]).toMatchObject({ state: "estimated", scored: half });
    rows.add(estimates(half, examples - half));
    await vi.waitFor(() => expect(rankings).toHaveLength(2));
    expect(rankings[1]).toMatchObject({ state: "estimated", scored: examples });
    expect(indices(rankings[1], 0)).toEqual(first(score, examples));
    const all = rankings[1]?.lists.flatMap((list) => list.rows) ?? [];
    expect(all.every(({ estimated }) => estimated)).toBe(true);

    // The exact scores of the best estimates are all 1; of the others, the best keep their estimates.
    const exact = new Set(indices(rankings[1], 0));
    const settled = (example: number) => (exact.has(example) ? 1 : score(example));
    const finals = (from: number, size: number) => ({ ...chunkOf(from, size, 1, settled), exact });
    now = 5000;
    rows.add(finals(0, half));
    rows.add(finals(half, examples - half));
    await vi.waitFor(() => expect(rankings).toHaveLength(3));
    expect(rankings[2]).toMatchObject({ state: "settled", scored: examples });
    expect(indices(rankings[2], 0)).toEqual(first(settled, examples));
    expect(indices(rankings[2], 1)).toEqual(first((example) => -settled(example), examples));
    for (const { index, score: shown, estimated = false } of rankings[2]?.lists[0]?.rows ?? []) {
      expect(shown).toBeCloseTo(settled(index), 4);
      expect(estimated).toBe(!exact.has(index));
    }
  });

  it("end with the run", async () => {
    const { rows, rankings } = start(1);
    rows.add(chunkOf(0, examples, 1));
    rows.end();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(rankings).toEqual([]);
  });
});
