import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");
let base: string;
let root: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "tracin-discover-"));
  root = join(base, "workspace");
  for (const file of [
    "ckpt/epoch-10.pt",
    "ckpt/epoch-2.pt",
    "ckpt/epoch-1.pt",
    "ckpt/notes.txt",
    "hf/checkpoint-1000/model.safetensors",
    "hf/checkpoint-500/model.safetensors",
    "odd/run[1]/last.pt",
    "node_modules/pkg/epoch-1.pt",
    "same/last.pt",
    "same/best.pt",
  ]) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), "");
  }
  await mkdir(join(root, "named"));
  // lightning.ckpt is at step 40, the others at 17.
  await copyFile(join(golden, "lightning.ckpt"), join(root, "named/best.ckpt"));
  await copyFile(join(golden, "trained-sgd.pt"), join(root, "named/last.ckpt"));
  await writeFile(join(base, "outside.pt"), "");
});

afterAll(() => rm(base, { recursive: true, force: true }));

describe("finding checkpoints", () => {
  it.each([
    ["ckpt/*.pt", ["ckpt/epoch-1.pt", "ckpt/epoch-2.pt", "ckpt/epoch-10.pt"]],
    ["ckpt", ["ckpt/epoch-1.pt", "ckpt/epoch-2.pt", "ckpt/epoch-10.pt"]],
    [
      "hf/**/*.safetensors",
      ["hf/checkpoint-500/model.safetensors", "hf/checkpoint-1000/model.safetensors"],
    ],
    ["odd/run[1]/last.pt", ["odd/run[1]/last.pt"]],
    [
      ["ckpt/epoch-10.pt", "ckpt/epoch-*.pt"],
      ["ckpt/epoch-10.pt", "ckpt/epoch-1.pt", "ckpt/epoch-2.pt"],
    ],
    ["named/*.ckpt", ["named/last.ckpt", "named/best.ckpt"]],
    ["**/epoch-1.pt", ["ckpt/epoch-1.pt"]],
  ])("%s gives its files in training order", async (patterns, files) => {
    expect(await findCheckpoints(root, patterns)).toEqual(files);
  });

  it("a pattern without files is named", async () => {
    await expect(findCheckpoints(root, ["ckpt/*.pt", "missing/*.pth"])).rejects.toMatchObject({
      name: "TracInError",
      kind: "config",
      message: expect.stringContaining('"missing/*.pth"'),
    });
  });

  it.each(["../outside.pt", "../*.pt", "/etc/passwd", "ckpt/../../outside.pt"])(
    "%s leaves the workspace and is refused",
    async (pattern) => {
      await expect(findCheckpoints(root, pattern)).rejects.toMatchObject({
        name: "TracInError",
        kind: "config",
        message: expect.stringMatching(/leaves the workspace/),
      });
    },
  );

  it.runIf(process.platform !== "win32")("a link that leads out is refused", async () => {
    await mkdir(join(root, "linked"));
    await symlink(join(base, "outside.pt"), join(root, "linked/epoch-1.pt"));
    await symlink(base, join(root, "linked/up"));
    await expect(findCheckpoints(root, "linked/*.pt")).rejects.toMatchObject({
      name: "TracInError",
      message: expect.stringMatching(/leaves the workspace/),
    });
    await expect(findCheckpoints(root, "linked/up/*.pt")).rejects.toMatchObject({
      name: "TracInError",
    });
  });
});
