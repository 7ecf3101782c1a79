import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";
import { epochInName } from "../../../src/core/checkpoints/epoch.ts";

const keras = join(import.meta.dirname, "../golden/keras");
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
    "tfjs/epoch-10/model.json",
    "tfjs/epoch-9/model.json",
    "keras/ckpt-05-0.43.keras",
    "keras/ckpt-10-0.12.keras",
    "keras/ckpt-11-0.31.keras",
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
  await mkdir(join(root, "loss-first"));
  for (const name of ["0.12-10.weights.h5", "0.43-05.weights.h5", "0.45-11.weights.h5"]) {
    await copyFile(join(keras, "nested.weights.h5"), join(root, "loss-first", name));
  }
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
    ["tfjs/*", ["tfjs/epoch-9", "tfjs/epoch-10"]],
    ["tfjs/*/model.json", ["tfjs/epoch-9/model.json", "tfjs/epoch-10/model.json"]],
    ["keras", ["keras/ckpt-05-0.43.keras", "keras/ckpt-10-0.12.keras", "keras/ckpt-11-0.31.keras"]],
    [
      "loss-first/*.h5",
      [
        "loss-first/0.43-05.weights.h5",
        "loss-first/0.12-10.weights.h5",
        "loss-first/0.45-11.weights.h5",
      ],
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

  it.each([
    ["weights.05-0.43.keras", 5],
    ["run/05-0.4321.hdf5", 5],
    ["ckpt-{0.31}-12.weights.h5", 12],
    ["epoch-3/model.json", 3],
    ["epoch=7-step=400.ckpt", 7],
    ["model_epoch12.pt", 12],
    ["checkpoint-500/model.safetensors", undefined],
    ["weights.05.h5", undefined],
    ["epoch-0.5.pt", undefined],
    ["v2-05-0.1.keras", undefined],
  ])("%s tells the epoch %s", (file, epoch) => {
    expect(epochInName(file)).toBe(epoch);
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
