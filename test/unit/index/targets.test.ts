import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IndexSettings } from "../../../src/core/index/settings.ts";
import { cases, writeWorkspace } from "../cli/loss-workspaces.ts";
import { build, column, exactScores, indexScores, withScorer, worst } from "./support.ts";

/** Workspaces whose targets are tags, masks, tokens, outputs or nothing: an index of each, asked and compared. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-index-targets-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const kinds: readonly IndexSettings[] = [
  { type: "factors" },
  { type: "sketch", size: 1 << 16, numbers: "float32", seed: 1 },
  { type: "sketch", size: 64, numbers: "int8", seed: 1 },
];

describe("an index of a workspace answers as the scorer does", () => {
  it.each(Object.keys(cases))("%s", async (name) => {
    const { root } = await writeWorkspace(name, folder);
    await withScorer(root, async (opened) => {
      const selection = [0, 1, 2].map(
        (index) => ({ dataset: "query", index, explain: "target" }) as const,
      );
      for (const settings of kinds) {
        await build(opened, settings, 16);
        for (const aggregate of [false, true]) {
          const exact = await exactScores(opened, selection, aggregate);
          const found = await indexScores(opened, selection, aggregate);
          expect(found.facts.exact).toBe(settings.type === "factors" || settings.size > 64);
          for (let query = 0; query < (aggregate ? 1 : selection.length); query++) {
            // Float32 sums in another order; the few examples of a sketch are all scored again.
            const [ours, known] = [column(found.scores, query), column(exact.scores, query)];
            expect(worst(ours, known)).toBeLessThan(2e-5);
          }
          expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
          expect(worst(found.losses, exact.losses)).toBeLessThan(2e-5);
          expect(found.margins).toHaveLength(exact.margins.length);
          expect(worst(found.predictions, exact.predictions)).toBeLessThan(2e-5);
        }
      }
    });
  });
});
