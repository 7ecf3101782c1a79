import { describe, expect, it } from "vitest";
import type { ScorerInUse } from "../../../src/compute/scoring.ts";
import { runTestSet } from "../../../src/compute/test-set.ts";
import type { TestSlice } from "../../../src/core/evaluation/slice.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import { build, fingerprints, signal, withScorer, worst } from "../index/support.ts";
import { copySample } from "../sample.ts";
import { emptyFolder } from "../support/folder.ts";

const workspace = emptyFolder();

const slices: readonly TestSlice[] = [
  { kind: "errors" },
  // 200 examples: more than run at once.
  { kind: "all" },
];

async function explain(opened: ScorerInUse, slice: TestSlice, useIndex?: boolean) {
  const options = { fingerprints: fingerprints(), signal };
  const record = await runTestSet(opened, { dataset: "test", slice, useIndex }, options);
  const reader = await RunReader.open(workspace.root, record.id);
  try {
    const { rows } = await reader.page({ view: "all", query: 0 }, 0, 100_000);
    return { record, scores: rows.map(({ score }) => score) };
  } finally {
    reader.close();
  }
}

describe("a test set explained from an index", () => {
  it.each(slices)("has exact scores where it says so: $kind", async (slice) => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      await build(opened, defaultSettings, 128);
      const computed = await explain(opened, slice, false);
      expect(computed.record.index).toBeUndefined();
      const found = await explain(opened, slice);
      const { index, testSet } = found.record;
      expect(testSet).toEqual(computed.record.testSet);
      expect(index?.exact).toBe(false);
      expect(index?.agreement?.spearman[0]).toBeGreaterThan(0.99);
      expect(index?.agreement?.recall[0]).toBeGreaterThanOrEqual(0.95);
      const chosen = (scores: readonly number[]) =>
        (index?.exactRows ?? []).map((row) => scores[row] ?? Number.NaN);
      // Float32 sums in another order; the estimates have the error of the sketch.
      expect(worst(chosen(found.scores), chosen(computed.scores))).toBeLessThan(2e-5);
      expect(worst(found.scores, computed.scores)).toBeLessThan(0.1);
    });
  });

  it("has exact scores throughout where the index keeps factors", async () => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      await build(opened, { type: "factors" }, 128);
      for (const slice of slices) {
        const computed = await explain(opened, slice, false);
        const found = await explain(opened, slice);
        expect(found.record.index).toMatchObject({ exact: true, exactRows: [] });
        expect(found.record.index?.agreement).toBeUndefined();
        expect(worst(found.scores, computed.scores)).toBeLessThan(2e-5);
      }
    });
  });
});
