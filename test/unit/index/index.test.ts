import { createHash } from "node:crypto";
import {
  copyFile,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { scoreFromIndex, usableIndex } from "../../../src/compute/index-answer.ts";
import { buildIndex } from "../../../src/compute/index-build.ts";
import {
  attachScorer,
  closeScorer,
  type OpenScorer,
  openScorer,
  type ScorerInUse,
  scoreAll,
} from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import type { ProjectCheckpoint } from "../../../src/core/config/project.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { type IndexManifest, shardsFolder } from "../../../src/core/index/manifest.ts";
import { mixedRates } from "../../../src/core/index/queries.ts";
import { defaultSettings, type IndexSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { Fingerprints } from "../../../src/core/store/inputs.ts";
import type { QuerySelection, ScoreChunk } from "../../../src/core/tracin/scores.ts";
import { copySample } from "../sample.ts";
import { buildPrograms } from "../support/programs.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-index-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const signal = new AbortController().signal;
const fingerprints = () => new Fingerprints();

async function withScorer<Result>(
  action: (opened: OpenScorer) => Promise<Result>,
  config = "tracin.json",
): Promise<Result> {
  const opened = await openScorer({
    root,
    config,
    settings: computeSettings({ processes: 1, memoryLimit: 800 }),
  });
  try {
    return await action(opened);
  } finally {
    await opened.close();
  }
}

function build(opened: ScorerInUse, settings: IndexSettings, blockRows?: number) {
  return buildIndex(opened, { settings, blockRows, fingerprints: fingerprints(), signal });
}

const questions = (count: number): QuerySelection[] =>
  Array.from({ length: count }, (_, index) => ({ dataset: "test", index, explain: "target" }));

/** Scores, self-influence, losses and predictions of all examples, in their order. */
function collector(checkpoints: number) {
  const all = {
    scores: [] as number[][],
    self: [] as number[],
    losses: [] as number[],
    margins: [] as number[],
  };
  const predictions: number[] = [];
  return {
    ...all,
    predictions,
    onChunk: ({ start, size, ...chunk }: ScoreChunk) => {
      const queries = chunk.scoreParts.length / (checkpoints * size);
      for (let row = 0; row < size; row++) {
        const sums = new Array<number>(queries).fill(0);
        let [self, loss, margin] = [0, 0, 0];
        for (let checkpoint = 0; checkpoint < checkpoints; checkpoint++) {
          const at = checkpoint * size + row;
          self += chunk.selfParts[at] ?? Number.NaN;
          loss += chunk.losses[at] ?? Number.NaN;
          margin += chunk.margins[at] ?? Number.NaN;
          for (let query = 0; query < queries; query++) {
            sums[query] =
              (sums[query] ?? 0) + (chunk.scoreParts[at * queries + query] ?? Number.NaN);
          }
        }
        all.scores[start + row] = sums;
        all.self[start + row] = self;
        all.losses[start + row] = loss;
        all.margins[start + row] = margin;
      }
      const width = chunk.predictions.length / size;
      chunk.predictions.forEach((value, place) => {
        predictions[start * width + place] = value;
      });
    },
  };
}

async function exactScores(
  opened: ScorerInUse,
  selection: readonly QuerySelection[],
  aggregate = false,
) {
  const exact = collector(opened.project.checkpoints.length);
  await scoreAll(opened, { selection, aggregate, onChunk: exact.onChunk, signal });
  return exact;
}

async function indexScores(
  opened: ScorerInUse,
  selection: readonly QuerySelection[],
  aggregate = false,
) {
  const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
  if (state.kind !== "valid") {
    throw new Error(`The index is ${state.kind}: ${JSON.stringify(state)}`);
  }
  const found = collector(opened.project.checkpoints.length);
  const facts = await scoreFromIndex(opened, state.manifest, {
    selection,
    aggregate,
    onChunk: found.onChunk,
    signal,
  });
  return { ...found, facts };
}

/** Largest difference, relative to the largest expected number. */
function worst(actual: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  expect(actual.length).toBe(expected.length);
  return (
    Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? Number.NaN)))) /
    scale
  );
}

const column = (scores: readonly (readonly number[])[], query: number) =>
  scores.map((row) => row[query] ?? Number.NaN);

describe("an index of factors", () => {
  it.each([
    ["iris", "tracin.json"],
    ["spam", "tracin.json"],
    ["digits", "tracin.json"],
    ["digits", "tracin.mlp.json"],
  ])("answers as the scorer does: %s, %s", async (sample, config) => {
    await copySample(sample, root);
    await withScorer(async (opened) => {
      await build(opened, { type: "factors" });
      for (const aggregate of [false, true]) {
        const selection = questions(3);
        const exact = await exactScores(opened, selection, aggregate);
        const found = await indexScores(opened, selection, aggregate);
        expect(found.facts.exact).toBe(true);
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
    }, config);
  });
});

describe("an index of sketches", () => {
  it.each([
    ["spam", "tracin.json", 0.99, 0.95],
    ["digits", "tracin.json", 0.97, 0.9],
    ["digits", "tracin.mlp.json", 0.8, 0.9],
  ])("finds what counts: %s, %s", async (sample, config, order, recall) => {
    await copySample(sample, root);
    await withScorer(async (opened) => {
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
    }, config);
  });

  it.each(["float16", "int8"] as const)("loses next to nothing in %s", async (numbers) => {
    await copySample("spam", root);
    await withScorer(async (opened) => {
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

  it("sums queries to one, and asks the numbers in memory the second time", async () => {
    await copySample("spam", root);
    await withScorer(async (opened) => {
      await build(opened, defaultSettings, 128);
      const exact = await exactScores(opened, questions(20), true);
      const first = await indexScores(opened, questions(20), true);
      const again = await indexScores(opened, questions(20), true);
      expect(first.facts.agreement?.spearman[0]).toBeGreaterThan(0.99);
      expect(worst(column(first.scores, 0), column(exact.scores, 0))).toBeLessThan(0.1);
      // Larger pieces may be summed in another order.
      expect(worst(column(again.scores, 0), column(first.scores, 0))).toBeLessThan(1e-5);
    });
  });

  it("weighs parameters by their own rates when it is asked", async () => {
    await copySample("spam", root);
    await withScorer(async (opened) => {
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
        expect(found.facts.agreement?.spearman[1]).toBeGreaterThan(0.99);
        expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
        await closeScorer(other);
      }
    });
  });

  it("keeps the whole gradient of a small model, so that all scores are exact", async () => {
    await copySample("iris", root);
    await withScorer(async (opened) => {
      await build(opened, defaultSettings);
      const exact = await exactScores(opened, questions(2));
      const found = await indexScores(opened, questions(2));
      expect(found.facts.exact).toBe(true);
      expect(worst(column(found.scores, 1), column(exact.scores, 1))).toBeLessThan(2e-5);
    });
  });
});

/** Digests of all files of the index. */
async function contents(): Promise<Record<string, string>> {
  const folder = shardsFolder(root);
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return [name, createHash("sha256").update(bytes).digest("hex")] as const;
    }),
  );
  return Object.fromEntries(entries);
}

describe("a second build", () => {
  const settings = { ...defaultSettings, size: 64 } as const;

  it("computes nothing where nothing has changed, and what is missing where a shard is", async () => {
    await copySample("iris", root);
    await withScorer(async (opened) => {
      const first = await build(opened, settings, 32);
      expect(first.computed).toBe(first.shards);
      const before = await contents();
      expect((await build(opened, settings, 32)).computed).toBe(0);
      const [, , gone = ""] = first.manifest.blocks[1]?.shards ?? [];
      await rm(join(shardsFolder(root), `${gone}.safetensors`));
      expect((await build(opened, settings, 32)).computed).toBe(1);
      expect(await contents()).toEqual(before);
    });
  });

  it("gives the same files whether helpers share the work or not, and stops when it is told", async () => {
    await copySample("spam", root);
    await withScorer((opened) => build(opened, settings, 64));
    const alone = await contents();
    await rm(join(root, ".tracin"), { recursive: true });
    const programs = await buildPrograms();
    try {
      const shardProgram = join(dirname(programs.compute), "shard.js");
      const opened = await openScorer({
        root,
        config: "tracin.json",
        settings: computeSettings({ processes: 2, memoryLimit: 800, shardProgram }),
      });
      const stop = new AbortController();
      const onProgress = ({ done, total }: { done: number; total: number }) => {
        if (done > total / 3) {
          stop.abort();
        }
      };
      const options = { settings, blockRows: 64, fingerprints: fingerprints() };
      await expect(
        buildIndex(opened, { ...options, onProgress, signal: stop.signal }),
      ).rejects.toMatchObject({ kind: "cancelled" });
      const left = await buildIndex(opened, { ...options, signal });
      expect(left.computed).toBeLessThan(left.shards);
      await opened.close();
      expect(await contents()).toEqual(alone);
    } finally {
      await programs.dispose();
    }
  });

  it("extends an index when rows and checkpoints come, and ends as if it were built at once", async () => {
    await copySample("spam", root);
    const checkpoints = (await readdir(join(root, "checkpoints"))).sort();
    const last = join(root, "checkpoints", checkpoints.at(-1) ?? "");
    const train = join(root, "train.jsonl");
    const whole = await readFile(train, "utf8");
    await rename(last, join(root, "later"));
    await writeFile(train, whole.split("\n").slice(0, 300).join("\n"));
    const small = await withScorer((opened) => build(opened, settings, 128));
    await writeFile(train, whole);
    await rename(join(root, "later"), last);
    const large = await withScorer((opened) => build(opened, settings, 128));
    // Two whole blocks keep their shards at the old checkpoints.
    const kept = 2 * small.manifest.checkpoints.length;
    expect(large.computed).toBe(large.shards - kept);
    const extended = await contents();
    await rm(join(root, ".tracin"), { recursive: true });
    await withScorer((opened) => build(opened, settings, 128));
    expect(await contents()).toEqual(extended);
  });

  it("does again only the blocks whose rows have changed", async () => {
    await copySample("iris", root);
    const train = join(root, "train.csv");
    const first = await withScorer((opened) => build(opened, settings, 32));
    const lines = (await readFile(train, "utf8")).split("\n");
    // Another label, in the second block.
    lines[40] = (lines[40] ?? "").replace(/[a-z]+(\r?)$/i, (label) =>
      label.startsWith("setosa") ? "virginica" : "setosa",
    );
    await writeFile(train, lines.join("\n"));
    const second = await withScorer(async (opened) => {
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state).toMatchObject({ kind: "stale", reasons: ["train.csv changed"] });
      expect(await usableIndex(opened, fingerprints())).toEqual({ unused: ["train.csv changed"] });
      return build(opened, settings, 32);
    });
    expect(second.computed).toBe(first.manifest.checkpoints.length);
  });

  it("needs no other index for other rates, but one for other layers", async () => {
    await copySample("iris", root);
    await withScorer((opened) => build(opened, settings, 32));
    const file = join(root, "tracin.json");
    const config = JSON.parse(await readFile(file, "utf8")) as {
      checkpoints: Record<string, unknown>;
    };
    config.checkpoints["learningRate"] = 0.5;
    await writeFile(file, JSON.stringify(config));
    await withScorer(async (opened) => {
      const exact = await exactScores(opened, questions(1));
      const found = await indexScores(opened, questions(1));
      expect(worst(column(found.scores, 0), column(exact.scores, 0))).toBeLessThan(2e-5);
      expect(worst(found.self, exact.self)).toBeLessThan(2e-5);
    });
    await writeFile(file, JSON.stringify({ ...config, layers: "last" }));
    await withScorer(async (opened) => {
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state.kind).toBe("stale");
    });
  });

  it("knows parameters whose gradients it has added up and whose rates differ", async () => {
    await copySample("iris", root);
    await withScorer(async ({ project }) => {
      const [checkpoint] = project.checkpoints;
      const rates = (one: number, other: number) => ({
        ...(checkpoint as ProjectCheckpoint),
        learningRate: 0.5,
        parameterRates: new Map([
          ["weight", one],
          ["tied", other],
        ]),
      });
      const groups = [["bias"], ["weight", "tied"]];
      expect(mixedRates(groups, rates(0.1, 0.1))).toBeUndefined();
      expect(mixedRates(groups, rates(0.1, 0.5))).toEqual(["weight", "tied"]);
      expect(mixedRates([["weight"], ["tied"]], rates(0.1, 0.5))).toBeUndefined();
    });
  });

  it("takes a file with another time and the same bytes as unchanged", async () => {
    await copySample("iris", root);
    await withScorer((opened) => build(opened, settings, 32));
    const train = join(root, "train.csv");
    const { mtime } = await stat(train);
    await utimes(train, mtime, new Date(mtime.getTime() + 5000));
    await withScorer(async (opened) => {
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state.kind).toBe("valid");
    });
  });
});

describe("a damaged index", () => {
  const settings = { ...defaultSettings, size: 64 } as const;
  const manifestFile = () => join(root, ".tracin/index/index.json");

  async function damaged(change: (manifest: IndexManifest) => unknown): Promise<unknown> {
    await copySample("iris", root);
    return withScorer(async (opened) => {
      const { manifest } = await build(opened, settings, 64);
      await change(manifest);
      return indexScores(opened, questions(1)).catch((error: unknown) => error);
    });
  }

  const shard = ({ blocks }: IndexManifest) =>
    join(shardsFolder(root), `${blocks[1]?.shards[0]}.safetensors`);

  it.each([
    ["a shard that ends early", (manifest: IndexManifest) => truncate(shard(manifest), 900)],
    ["a shard that is empty", (manifest: IndexManifest) => truncate(shard(manifest), 0)],
    ["a shard that is gone", (manifest: IndexManifest) => rm(shard(manifest))],
  ])("names %s", async (_, change) => {
    const error = await damaged(change);
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({ kind: "store" });
    expect((error as TracInError).place.file).toMatch(
      /^\.tracin\/index\/shards\/[0-9a-f]{40}\.safetensors$/,
    );
  });

  it("does not take the numbers of another index for its own", async () => {
    const error = await damaged(({ blocks }) =>
      copyFile(
        join(shardsFolder(root), `${blocks[0]?.rows}.safetensors`),
        join(shardsFolder(root), `${blocks[1]?.shards[0]}.safetensors`),
      ),
    );
    expect(error).toMatchObject({
      kind: "store",
      message: expect.stringContaining("no such tensor"),
    });
  });

  it.each([
    ["is no JSON", () => "{"],
    [
      "names files elsewhere",
      (text: string) => text.replace(/"rows":"[0-9a-f]{4}/, '"rows":"../x'),
    ],
    ["has a gap", (text: string) => text.replace('"start":64', '"start":65')],
    [
      "has more examples than blocks",
      (text: string) => text.replace(/"examples":\d+/, '"examples":9999'),
    ],
  ])("says that the manifest %s, and is built again from its shards", async (_, change) => {
    await copySample("iris", root);
    await withScorer(async (opened) => {
      await build(opened, settings, 64);
      await writeFile(manifestFile(), change(await readFile(manifestFile(), "utf8")));
      const state = indexState(opened.project, opened.scorer.parameters, fingerprints());
      await expect(state).rejects.toMatchObject({
        kind: "store",
        place: { file: ".tracin/index/index.json" },
      });
      expect((await build(opened, settings, 64)).computed).toBe(0);
    });
  });
});
