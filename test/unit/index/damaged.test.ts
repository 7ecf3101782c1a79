import {
  copyFile,
  cp,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TracInError } from "../../../src/core/errors.ts";
import { type IndexManifest, shardsFolder } from "../../../src/core/index/manifest.ts";
import { defaultSettings } from "../../../src/core/index/settings.ts";
import { indexState } from "../../../src/core/index/state.ts";
import { copySample } from "../sample.ts";
import { safetensors } from "../support/files.ts";
import { emptyFolder } from "../support/folder.ts";
import { build, fingerprints, indexScores, questions, withScorer } from "./support.ts";

const workspace = emptyFolder();

/** A tensor in the header of a safetensors file. */
interface Entry {
  shape: number[];
  data_offsets: [number, number];
}

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

  it.each<[string, (manifest: IndexManifest) => string | undefined]>([
    ["another block at the same checkpoint", ({ blocks }) => blocks[0]?.shards[0]],
    ["the same block at another checkpoint", ({ blocks }) => blocks[1]?.shards[1]],
    ["the places of the examples", ({ blocks }) => blocks[0]?.rows],
  ])("does not take the numbers of %s for its own, and is built again", async (_, other) => {
    const file = (key: string | undefined) =>
      join(shardsFolder(workspace.root), `${key}.safetensors`);
    const error = await damaged((manifest) =>
      copyFile(file(other(manifest)), file(manifest.blocks[1]?.shards[0])),
    );
    expect(error).toMatchObject({
      kind: "store",
      message: "The file is another part of an index, under this name.",
    });
    await withScorer(workspace.root, async (opened) => {
      expect((await build(opened, settings, 64)).computed).toBe(1);
      await indexScores(opened, questions(1));
    });
  });

  /** Changes the header of a shard, or bytes of one of its tensors. */
  const rewritten = (
    change: (header: Record<string, Entry>, data: DataView) => unknown,
  ): ((manifest: IndexManifest) => Promise<void>) => {
    return async (manifest) => {
      const bytes = await readFile(shard(manifest));
      const end = 8 + Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.subarray(8, end).toString());
      const data = Uint8Array.from(bytes.subarray(end));
      change(header, new DataView(data.buffer));
      await writeFile(shard(manifest), safetensors(header, data));
    };
  };
  const put = (tensor: string, value: number) =>
    rewritten((header, data) =>
      data.setFloat32((header[tensor] as Entry).data_offsets[0] + 4, value, true),
    );

  it.each<[string, (manifest: IndexManifest) => Promise<void>, RegExp, string?]>([
    [
      "a tensor of another shape",
      rewritten((header) => Object.assign(header["loss"] as Entry, { shape: [2, 28] })),
      /holds float32 \[2, 28\] where float32 \[56\] is expected/,
      "loss",
    ],
    [
      "a tensor of another type",
      rewritten((header) => Object.assign(header["loss"] as Entry, { dtype: "I32" })),
      /holds int32 \[56\] where float32/,
      "loss",
    ],
    [
      "offsets beyond its end",
      rewritten((header) => {
        const { loss } = header as { loss: Entry };
        loss.shape = [2 ** 40];
        loss.data_offsets = [loss.data_offsets[0], loss.data_offsets[0] + 2 ** 42];
      }),
      /outside the file/,
      "loss",
    ],
    [
      "offsets in the wrong order",
      rewritten((header) => (header["loss"] as Entry).data_offsets.reverse()),
      /outside the file|do not fit/,
      "loss",
    ],
    [
      "no tensor of a name",
      rewritten((header) => delete header["loss"]),
      /hole|end at byte|no such/,
    ],
    ["a norm that is no number", put("self", Number.NaN), /example 6\d is no number/, "self"],
    ["a norm below 0", put("self", -1), /example 6\d is no number/, "self"],
    ["an endless loss", put("loss", Number.POSITIVE_INFINITY), /example 65 is no number/, "loss"],
    [
      "a gradient that is no number",
      put("sketch", Number.NaN),
      /example 64 is no number/,
      "sketch",
    ],
  ])("with %s is an error that names the place", async (_, change, message, tensor) => {
    const error = await damaged(change);
    expect(error).toBeInstanceOf(TracInError);
    expect((error as TracInError).message).toMatch(message);
    expect(error).toMatchObject({
      kind: "store",
      place: {
        file: expect.stringMatching(/^\.tracin\/index\/shards\/[0-9a-f]{40}\.safetensors$/),
        ...(tensor === undefined ? {} : { tensor }),
      },
    });
  });

  it.each([
    ["is no JSON", () => "{"],
    ["is of another version", (text: string) => text.replace('"version":1', '"version":2')],
    ["is of no version", (text: string) => text.replace('"version":1', '"version":"1"')],
    ["holds too large sketches", (text: string) => text.replace('"size":64', '"size":1e12')],
    ["has blocks of no examples", (text: string) => text.replace('"size":64', '"size":0')],
    [
      "names a shard too few",
      (text: string) => text.replace(/"shards":\["[0-9a-f]{40}",/, '"shards":['),
    ],
    ["is cut off", (text: string) => text.slice(0, text.length / 2)],
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

  it.each<[string, (manifest: IndexManifest) => object]>([
    ["exact scores", () => ({ exact: true })],
    ["other predictions", ({ readings }) => ({ readings: readings + 1 })],
    ["other groups", ({ groups }) => ({ groups: [...groups].reverse() })],
  ])("that claims %s is refused", async (_, claim) => {
    const error = await damaged(async (manifest) =>
      writeFile(manifestFile(), JSON.stringify({ ...manifest, ...claim(manifest) })),
    );
    expect(error).toMatchObject({ kind: "store", message: /does not hold what its settings say/ });
  });

  it("of other examples is not used, and says why", async () => {
    const error = await damaged(async (manifest) => {
      const blocks = manifest.blocks.slice(0, 1);
      await writeFile(manifestFile(), JSON.stringify({ ...manifest, blocks, examples: 64 }));
    });
    expect(String(error)).toMatch(
      /it holds 64 examples, and the training data has [\d,]+ examples/,
    );
  });

  it.skipIf(process.platform === "win32")(
    "is not read through a link out of the workspace",
    async () => {
      const error = await damaged(async () => {
        const elsewhere = await mkdtemp(join(tmpdir(), "tracin-elsewhere-"));
        await cp(shardsFolder(workspace.root), elsewhere, { recursive: true });
        await rm(shardsFolder(workspace.root), { recursive: true });
        await symlink(elsewhere, shardsFolder(workspace.root));
      });
      expect(String(error)).toMatch(/leaves the workspace folder/);
    },
  );
});
