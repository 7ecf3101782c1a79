import { createHash } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { usableIndex } from "../../../src/compute/index-answer.ts";
import { buildIndex } from "../../../src/compute/index-build.ts";
import { openScorer } from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { shardsFolder } from "../../../src/core/index/manifest.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { copySample } from "../sample.ts";
import { emptyFolder } from "../support/folder.ts";
import { buildPrograms } from "../support/programs.ts";
import { build, fingerprints, indexScores, questions, signal, withScorer } from "./support.ts";

const workspace = emptyFolder();

/** Digests of all files of the index. */
async function contents(): Promise<Record<string, string>> {
  const folder = shardsFolder(workspace.root);
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
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async (opened) => {
      const first = await build(opened, settings, 32);
      expect(first.computed).toBe(first.shards);
      const before = await contents();
      expect((await build(opened, settings, 32)).computed).toBe(0);
      const [, , gone = ""] = first.manifest.blocks[1]?.shards ?? [];
      await rm(join(shardsFolder(workspace.root), `${gone}.safetensors`));
      expect((await build(opened, settings, 32)).computed).toBe(1);
      expect(await contents()).toEqual(before);
    });
  });

  it("gives the same files whether helpers share the work or not, and stops when it is told", async () => {
    await copySample("spam", workspace.root);
    await withScorer(workspace.root, (opened) => build(opened, settings, 64));
    const alone = await contents();
    await rm(join(workspace.root, ".tracin"), { recursive: true });
    const programs = await buildPrograms();
    try {
      const shardProgram = join(dirname(programs.compute), "shard.js");
      const opened = await openScorer({
        root: workspace.root,
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
    await copySample("spam", workspace.root);
    const checkpoints = (await readdir(join(workspace.root, "checkpoints"))).sort();
    const last = join(workspace.root, "checkpoints", checkpoints.at(-1) ?? "");
    const train = join(workspace.root, "train.jsonl");
    const whole = await readFile(train, "utf8");
    await rename(last, join(workspace.root, "later"));
    await writeFile(train, whole.split("\n").slice(0, 300).join("\n"));
    const small = await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    await writeFile(train, whole);
    await rename(join(workspace.root, "later"), last);
    const large = await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    // Two whole blocks keep their shards at the old checkpoints.
    const kept = 2 * small.manifest.checkpoints.length;
    expect(large.computed).toBe(large.shards - kept);
    const extended = await contents();
    await rm(join(workspace.root, ".tracin"), { recursive: true });
    await withScorer(workspace.root, (opened) => build(opened, settings, 128));
    expect(await contents()).toEqual(extended);
  });

  it("does again only the blocks whose rows have changed", async () => {
    await copySample("iris", workspace.root);
    const train = join(workspace.root, "train.csv");
    const first = await withScorer(workspace.root, (opened) => build(opened, settings, 32));
    const lines = (await readFile(train, "utf8")).split("\n");
    // Another label, in the second block.
    lines[40] = (lines[40] ?? "").replace(/[a-z]+(\r?)$/i, (label) =>
      label.startsWith("setosa") ? "virginica" : "setosa",
    );
    await writeFile(train, lines.join("\n"));
    const second = await withScorer(workspace.root, async (opened) => {
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state).toMatchObject({ kind: "stale", reasons: ["train.csv changed"] });
      expect(await usableIndex(opened, fingerprints())).toEqual({ unused: ["train.csv changed"] });
      return build(opened, settings, 32);
    });
    expect(second.computed).toBe(first.manifest.checkpoints.length);
  });

  it("is not finished where another build has removed some of its shards", async () => {
    await copySample("iris", workspace.root);
    const folder = shardsFolder(workspace.root);
    await withScorer(workspace.root, async (opened) => {
      const before = await build(opened, { ...settings, numbers: "int8" }, 32);
      const onProgress = ({ done, total }: { done: number; total: number }) => {
        if (done === total) {
          const [first = ""] = readdirSync(folder).filter((name) => !ofInt8.has(name));
          rmSync(join(folder, first));
        }
      };
      const ofInt8 = new Set(readdirSync(folder));
      const options = { settings, blockRows: 32, fingerprints: fingerprints(), signal };
      await expect(buildIndex(opened, { ...options, onProgress })).rejects.toMatchObject({
        kind: "store",
        message: expect.stringContaining("removed while it was built"),
      });
      // The index of the other build answers.
      const state = await indexState(opened.project, opened.scorer.parameters, fingerprints());
      expect(state).toMatchObject({ kind: "valid", manifest: before.manifest });
      expect((await indexScores(opened, questions(1))).facts.exact).toBe(false);
      expect((await buildIndex(opened, options)).computed).toBe(1);
    });
  });
});
