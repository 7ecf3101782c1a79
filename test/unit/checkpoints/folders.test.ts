import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";

const sharded = join(import.meta.dirname, "../golden/trainers/sharded");
const parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
const index = "model.safetensors.index.json";
const root = mkdtempSync(join(tmpdir(), "tracin-folders-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A copy of the sharded golden in which something was changed. */
function folder(name: string, change: (at: string, weights: Record<string, unknown>) => unknown) {
  const at = join(root, name);
  mkdirSync(at);
  for (const file of [...parts, index]) {
    copyFileSync(join(sharded, file), join(at, file));
  }
  const parsed = JSON.parse(readFileSync(join(at, index), "utf8"));
  const changed = change(at, parsed.weight_map);
  if (changed !== undefined) {
    writeFileSync(join(at, index), typeof changed === "string" ? changed : JSON.stringify(changed));
  }
  return openCheckpoint(at, name).then(
    async (opened) => {
      await opened.close();
      return undefined;
    },
    (error) => error,
  );
}

const tensor = "classifier.bias";

describe("indices that lie", () => {
  it.each([
    "../model-00001-of-00002.safetensors",
    "/etc/passwd",
    "C:\\\\secret",
    "sub/model.safetensors",
    "sub\\\\model.safetensors",
    "..",
    "",
    "a\0b",
    7,
    null,
  ])("a part named %j is refused", async (name) => {
    const error = await folder(
      `named-${JSON.stringify(name).replaceAll(/\W/g, "_")}`,
      (_, map) => ({
        weight_map: { ...map, [tensor]: name },
      }),
    );
    expect(error).toMatchObject({
      name: "TracInError",
      kind: "checkpoint",
      place: { tensor, file: expect.stringMatching(/index\.json$/) },
    });
    expect(error.message).toMatch(/no file beside it/);
  });

  it("a part that is a link out of the folder is refused", async () => {
    const error = await folder("link", (at) => {
      rmSync(join(at, parts[0]));
      symlinkSync(join(sharded, parts[0]), join(at, parts[0]));
    });
    expect(error).toMatchObject({
      message: expect.stringMatching(/link that leads out/),
      place: { file: `link/${parts[0]}` },
    });
  });

  it("a missing part is named", async () => {
    const error = await folder("missing", (at) => rmSync(join(at, parts[1])));
    expect(error).toMatchObject({
      message: expect.stringMatching(/missing/),
      place: { file: `missing/${parts[1]}` },
    });
  });

  it("a truncated part is named", async () => {
    const error = await folder("truncated", (at) => {
      const bytes = readFileSync(join(at, parts[1]));
      writeFileSync(join(at, parts[1]), bytes.subarray(0, bytes.length - 4));
    });
    expect(error).toMatchObject({ kind: "checkpoint", place: { file: `truncated/${parts[1]}` } });
  });

  it("a tensor that its part does not hold is named", async () => {
    const error = await folder("moved", (_, map) => ({
      weight_map: {
        ...map,
        [tensor]: map[tensor] === parts[0] ? parts[1] : parts[0],
      },
    }));
    expect(error).toMatchObject({
      message: expect.stringMatching(/says that the tensor is in this file/),
      place: { tensor },
    });
  });

  it.each([
    ["{", /JSON of model\.safetensors\.index\.json cannot be read/],
    ["[]", /no object/],
    ['{"weight_map": []}', /no "weight_map"/],
    ['{"weight_map": null}', /no "weight_map"/],
  ])("%s is no index", async (text, reason) => {
    const error = await folder(`index-${text.length}-${text.at(-2)?.charCodeAt(0)}`, () => text);
    expect(error).toMatchObject({ kind: "checkpoint", message: expect.stringMatching(reason) });
  });
});

describe("folders whose weights are split over processes", () => {
  it.each([
    ["deepspeed", ["latest", "zero_to_fp32.py", "trainer_state.json"], /DeepSpeed/, /zero_to_fp32/],
    ["deepspeed-step", ["mp_rank_00_model_states.pt"], /DeepSpeed/, /zero_to_fp32/],
    ["fsdp", ["pytorch_model_fsdp_0", "optimizer_0"], /FSDP/, /accelerate merge-weights/],
    ["dcp", [".metadata", "__0_0.distcp"], /FSDP/, /dcp_to_torch/],
  ])("%s is found, and refused with the way to join them", async (name, files, reason, remedy) => {
    mkdirSync(join(root, name));
    for (const file of files) {
      writeFileSync(join(root, name, file), "");
    }
    expect(await findCheckpoints(root, name)).toEqual([name]);
    await expect(openCheckpoint(join(root, name), name)).rejects.toMatchObject({
      kind: "checkpoint",
      message: expect.stringMatching(reason),
      remedy: expect.stringMatching(remedy),
      place: { file: name },
    });
  });

  it("weights that were joined on saving are read", async () => {
    const at = join(root, "joined");
    mkdirSync(at);
    writeFileSync(join(at, "zero_to_fp32.py"), "");
    copyFileSync(join(sharded, "../tied/model.safetensors"), join(at, "model.safetensors"));
    const opened = await openCheckpoint(at, "joined");
    await opened.close();
    expect(opened.tensors.size).toBeGreaterThan(0);
  });

  it("any other folder is no checkpoint", async () => {
    mkdirSync(join(root, "logs"));
    await expect(openCheckpoint(join(root, "logs"), "logs")).rejects.toMatchObject({
      message: expect.stringMatching(/no checkpoint/),
      remedy: expect.stringMatching(/Trainer/),
    });
    await expect(findCheckpoints(root, "logs")).rejects.toThrow(/No checkpoint matches/);
  });
});
