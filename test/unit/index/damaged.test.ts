import { copyFile, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import { type IndexManifest, shardsFolder } from "../../../src/core/index/manifest.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { copySample } from "../sample.ts";
import { build, emptyFolder, fingerprints, indexScores, questions, withScorer } from "./support.ts";

const workspace = emptyFolder();

describe("a damaged index", () => {
  const settings = { ...defaultSettings, size: 64 } as const;
  const manifestFile = () => join(workspace.root, ".tracin/index/index.json");

  async function damaged(change: (manifest: IndexManifest) => unknown): Promise<unknown> {
    await copySample("iris", workspace.root);
    return withScorer(workspace.root, async (opened) => {
      const { manifest } = await build(opened, settings, 64);
      await change(manifest);
      return indexScores(opened, questions(1)).catch((error: unknown) => error);
    });
  }

  const shard = ({ blocks }: IndexManifest) =>
    join(shardsFolder(workspace.root), `${blocks[1]?.shards[0]}.safetensors`);

  it.each([
    ["a shard that ends early", (manifest: IndexManifest) => truncate(shard(manifest), 900)],
    ["a shard that is empty", (manifest: IndexManifest) => truncate(shard(manifest), 0)],
    ["a shard that is gone", (manifest: IndexManifest) => rm(shard(manifest))],
  ])("names %s, which another build computes again", async (_, change) => {
    const error = await damaged(change);
    expect(error).toBeInstanceOf(TracInError);
    expect(error).toMatchObject({ kind: "store" });
    expect((error as TracInError).place.file).toMatch(
      /^\.tracin\/index\/shards\/[0-9a-f]{40}\.safetensors$/,
    );
    await withScorer(workspace.root, async (opened) => {
      expect((await build(opened, settings, 64)).computed).toBe(1);
      const { facts } = await indexScores(opened, questions(1));
      expect(facts.exact).toBe(false);
    });
  });

  it("does not take the numbers of another index for its own", async () => {
    const error = await damaged(({ blocks }) =>
      copyFile(
        join(shardsFolder(workspace.root), `${blocks[0]?.rows}.safetensors`),
        join(shardsFolder(workspace.root), `${blocks[1]?.shards[0]}.safetensors`),
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
    await copySample("iris", workspace.root);
    await withScorer(workspace.root, async (opened) => {
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
