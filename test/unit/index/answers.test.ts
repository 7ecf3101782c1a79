import { describe, expect, it } from "vitest";
import { attachScorer, closeScorer } from "../../../src/compute/scoring.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { copySample } from "../sample.ts";
import { emptyFolder } from "../support/folder.ts";
import {
  build,
  column,
  exactScores,
  indexScores,
  questions,
  withScorer,
  worst,
} from "./support.ts";

const workspace = emptyFolder();

describe("an index of factors", () => {
  it.each([
    ["iris", "tracin.json"],
    ["spam", "tracin.json"],
    ["digits", "tracin.json"],
    ["digits", "tracin.mlp.json"],
  ])("answers as the scorer does: %s, %s", async (sample, config) => {
    await copySample(sample, workspace.root);
    await withScorer(
      workspace.root,
      async (opened) => {
        await build(opened, { type: "factors" });
        for (const aggregate of [false, true]) {
          const selection = questions(3);
          const exact = await exactScores(opened, selection, aggregate);
          const found = await indexScores(opened, selection, aggregate);
          expect(found.facts).toEqual({ exact: true, exactRows: [], reranked: 0, processes: 1 });
          for (let query = 0; query < (aggregate ? 1 : 3); query++) {
            // Float32 sums in another order.
            expect(worst(column(found.scores, query), column(exact.scores, query))).toBeLessThan(
              2e-5,
            );
          }
          expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
          expect(worst(found.losses, exact.losses)).toBeLessThan(2e-5);
          expect(worst(found.margins, exact.margins)).toBeLessThan(2e-5);
          expect(worst(found.predictions, exact.predictions)).toBeLessThan(2e-5);
        }
      },
      config,
    );
  });
});

describe("an index of sketches", () => {
  it.each([
    ["spam", "tracin.json", 0.99, 0.95],
    ["digits", "tracin.json", 0.97, 0.9],
    ["digits", "tracin.mlp.json", 0.8, 0.9],
  ])("finds what counts: %s, %s", async (sample, config, order, recall) => {
    await copySample(sample, workspace.root);
    await withScorer(
      workspace.root,
      async (opened) => {
        await build(opened, defaultSettings);
        const selection = questions(3);
        const exact = await exactScores(opened, selection);
        const found = await indexScores(opened, selection);
        const { facts } = found;
        expect(facts.exact).toBe(false);
        expect(facts.agreement?.examples).toBe(Math.min(1000, exact.self.length));
        for (let query = 0; query < 3; query++) {
          expect(facts.agreement?.spearman[query]).toBeGreaterThan(order);
          expect(facts.agreement?.recall[query]).toBeGreaterThanOrEqual(recall);
          const known = column(exact.scores, query);
          const ours = column(found.scores, query);
          // What is said to be exact is, and the first 20 are those of the exact list.
          const chosen = (all: readonly number[]) =>
            facts.exactRows.map((row) => all[row] ?? Number.NaN);
          expect(worst(chosen(ours), chosen(known))).toBeLessThan(2e-5);
          for (const sign of [1, -1]) {
            const best = (all: readonly number[]) =>
              all
                .map((_, row) => row)
                .sort((a, b) => sign * ((all[b] ?? 0) - (all[a] ?? 0)))
                .slice(0, 20);
            const scores = best(ours).map((row) => known[row] ?? 0);
            expect(
              worst(
                scores,
                best(known).map((row) => known[row] ?? 0),
              ),
            ).toBeLessThan(2e-5);
            expect(best(ours).every((row) => facts.exactRows.includes(row))).toBe(true);
          }
        }
        expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
        expect(worst(found.losses, exact.losses)).toBeLessThan(2e-5);
        expect(worst(found.margins, exact.margins)).toBeLessThan(2e-5);
        expect(worst(found.predictions, exact.predictions)).toBeLessThan(2e-5);
      },
      config,
    );
  });

  it.each(["float16", "int8"] as const)("loses next to nothing in %s", async (numbers) => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      await build(opened, { type: "sketch", size: 2048, numbers, seed: 1 });
      const exact = await exactScores(opened, questions(2));
      const { scores, facts } = await indexScores(opened, questions(2));
      for (let query = 0; query < 2; query++) {
        expect(facts.agreement?.spearman[query]).toBeGreaterThan(0.99);
        expect(facts.agreement?.recall[query]).toBeGreaterThanOrEqual(0.95);
        // No estimate is off by more than five standard deviations of the sketch's own error allow.
        const own = column(exact.scores, query);
        expect(worst(column(scores, query), own)).toBeLessThan(0.1);
      }
    });
  });

  it("sums queries to one, from memory and from files", async () => {
    await copySample("spam", workspace.root);
    const ask = (memoryLimit: number) =>
      withScorer(
        workspace.root,
        async (opened) => {
          await build(opened, defaultSettings, 128);
          const exact = await exactScores(opened, questions(20), true);
          const first = await indexScores(opened, questions(20), true);
          const again = await indexScores(opened, questions(20), true);
          expect(first.facts.agreement?.spearman[0]).toBeGreaterThan(0.99);
          expect(worst(column(first.scores, 0), column(exact.scores, 0))).toBeLessThan(0.1);
          expect(again.scores).toEqual(first.scores);
          return column(first.scores, 0);
        },
        "tracin.json",
        memoryLimit,
      );
    const held = await ask(800);
    // A quarter of 100 MB is less than the 29 MB of the index.
    const streamed = await ask(100);
    // Larger pieces may be summed in another order.
    expect(worst(streamed, held)).toBeLessThan(1e-5);
  });

  it("weighs parameters by their own rates when it is asked", async () => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      for (const kept of [defaultSettings, { type: "factors" } as const]) {
        await build(opened, kept);
        const { project, scorer } = opened;
        const parameterRates = new Map(
          scorer.parameters.map((name, index) => [name, index % 2 === 0 ? 0.1 : 0.002]),
        );
        const checkpoints = project.checkpoints.map((checkpoint) => ({
          ...checkpoint,
          learningRate: 0.1,
          weight: 0.1,
          parameterRates,
        }));
        const other = await attachScorer({ ...project, checkpoints }, opened);
        const exact = await exactScores(other, questions(2));
        const found = await indexScores(other, questions(2));
        const chosen = (all: readonly number[]) =>
          found.facts.exact ? all : found.facts.exactRows.map((row) => all[row] ?? Number.NaN);
        const [ours, known] = [column(found.scores, 1), column(exact.scores, 1)];
        expect(worst(chosen(ours), chosen(known))).toBeLessThan(2e-5);
        if (!found.facts.exact) {
          expect(found.facts.agreement?.spearman[1]).toBeGreaterThan(0.99);
        }
        expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
        await closeScorer(other);
      }
    });
  });

  it("keeps the whole gradient of a small model, so that all scores are exact", async () => {
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      await build(opened, defaultSettings);
      const exact = await exactScores(opened, questions(2));
      const found = await indexScores(opened, questions(2));
      expect(found.facts.exact).toBe(true);
      expect(worst(column(found.scores, 1), column(exact.scores, 1))).toBeLessThan(2e-5);
    });
  });
});
