import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { rankNeighbours, showNeighbours } from "../../../src/compute/neighbours.ts";
import { type OpenScorer, openScorer, scoreAll } from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { Fingerprints } from "../../../src/core/store/inputs.ts";
import { copySample } from "../sample.ts";

let root: string;
let opened: OpenScorer;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-neighbours-"));
  await copySample("iris", root);
  const settings = computeSettings({ processes: 1, memoryLimit: 800 });
  opened = await openScorer({ root, config: "tracin.json", settings });
});
afterAll(async () => {
  await opened.close();
  await rm(root, { recursive: true, force: true });
});

const options = () => ({
  fingerprints: new Fingerprints(),
  signal: new AbortController().signal,
});

/** Scores of all training examples on one of them, as an explanation of it has them. */
async function scoresOn(index: number): Promise<number[]> {
  const scores: number[] = [];
  await scoreAll(opened, {
    selection: [{ dataset: "train", index, explain: "target" }],
    aggregate: false,
    signal: options().signal,
    onChunk: ({ start, size, scoreParts }) => {
      for (let row = 0; row < size; row++) {
        scores[start + row] = opened.project.checkpoints.reduce(
          (sum, _, at) => sum + (scoreParts[at * size + row] ?? Number.NaN),
          0,
        );
      }
    },
  });
  return scores;
}

it("are the proponents and opponents of an example's label without itself, for several at once", async () => {
  const asked = [3, 77];
  const found = await rankNeighbours(opened, asked, 5, options());
  expect(found).toHaveLength(2);
  for (const [at, index] of asked.entries()) {
    const ranked = (await scoresOn(index))
      .map((value, other) => ({ index: other, value }))
      .filter((entry) => entry.index !== index)
      .toSorted((a, b) => b.value - a.value);
    const up = found[at]?.for ?? [];
    const down = found[at]?.against ?? [];
    expect(up.map((entry) => entry.index)).toEqual(ranked.slice(0, 5).map((entry) => entry.index));
    expect(down.map((entry) => entry.index)).toEqual(
      ranked
        .toReversed()
        .slice(0, 5)
        .map((entry) => entry.index),
    );
    // A batch of two queries multiplies in another order than one of one.
    for (const { index: other, value } of [...up, ...down]) {
      const expected = ranked.find((entry) => entry.index === other)?.value ?? 0;
      expect(Math.abs(value - expected)).toBeLessThan(1e-5 * Math.abs(expected));
    }
  }
});

it("are shown with their place, target and fields", async () => {
  const [found] = await rankNeighbours(opened, [3], 2, options());
  const shown = await showNeighbours(opened.project, found ?? { for: [], against: [] });
  expect(shown.for).toHaveLength(2);
  for (const { index, place, preview, target, score } of [...shown.for, ...shown.against]) {
    expect(place).toMatchObject({ file: "train.csv", line: index + 1 });
    expect(preview.kind).toBe("fields");
    expect(["setosa", "versicolor", "virginica"]).toContain(target);
    expect(shown.for.some((one) => one.index === index)).toBe(score > 0);
  }
});
