import { readFileSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { type ExpectedTensor, listOf, numbersOf } from "./expected.ts";

const goldens = join(import.meta.dirname, "../golden/tfjs");
const expected: Readonly<
  Record<string, { readonly tensors: Readonly<Record<string, ExpectedTensor>> }>
> = JSON.parse(readFileSync(join(goldens, "expected.json"), "utf8"));

const scratch: string[] = [];
afterEach(async () => {
  await Promise.all(scratch.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** A copy of a golden model, with a replacement in its model.json. */
async function copy(name: string, from: string | RegExp = "", to = ""): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tracin-tfjs-"));
  scratch.push(folder);
  await cp(join(goldens, name), folder, { recursive: true });
  const path = join(folder, "model.json");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(from, to));
  return folder;
}

async function refusal(folder: string): Promise<TracInError> {
  const error = await openCheckpoint(join(folder, "model.json"), "run/model.json").then(
    async (checkpoint) => {
      await checkpoint.close();
      return undefined;
    },
    (failure) => failure,
  );
  expect(error).toBeInstanceOf(TracInError);
  expect(error.kind).toBe("checkpoint");
  return error;
}

describe("checkpoints of TensorFlow.js", () => {
  it.each(Object.entries(expected))(
    "%s is decoded as the library does it",
    async (name, golden) => {
      const checkpoint = await openCheckpoint(join(goldens, name, "model.json"), "model.json");
      try {
        expect(checkpoint.format).toBe("tfjs");
        expect([...checkpoint.tensors.keys()]).toEqual(Object.keys(golden.tensors));
        for (const [weight, tensor] of Object.entries(golden.tensors)) {
          const read = await checkpoint.read(weight);
          expect([weight, read.dtype, read.shape, listOf(read.data)]).toEqual([
            weight,
            tensor.dtype,
            tensor.shape,
            numbersOf(tensor),
          ]);
        }
      } finally {
        await checkpoint.close();
      }
    },
  );

  it("finds rate, step and the optimizer's slots", async () => {
    const checkpoint = await openCheckpoint(join(goldens, "layers/model.json"), "model.json");
    try {
      expect(checkpoint.learningRates).toEqual([
        { value: 0.02, source: "trainingConfig.optimizer_config.config.learningRate" },
      ]);
      expect(checkpoint.step).toBe(6);
      expect(checkpoint.optimizer?.algorithm).toBe("Adam");
      expect(checkpoint.optimizer?.parameters.map(({ name }) => name)).toEqual([
        "hidden/kernel",
        "hidden/bias",
        "norm/gamma",
        "norm/beta",
        "out/kernel",
        "out/bias",
      ]);
      expect(checkpoint.optimizer?.parameters[0]?.secondMoment).toEqual({
        second: "hidden/kernel/v",
        correction: 1 / (1 - 0.999 ** 6),
        inside: 0,
        outside: 1e-7,
      });
      expect((await checkpoint.optimizer?.read("hidden/kernel/v"))?.shape).toEqual([4, 3]);
    } finally {
      await checkpoint.close();
    }
  });

  it.each<[string, string, string | RegExp, string, RegExp]>([
    [
      "a shape beyond the shards",
      "bare",
      "[4,3]",
      "[4,3000000]",
      /need.* the shards.*tensor "hidden\/kernel"/,
    ],
    ["a shape that is none", "bare", "[4,3]", "[4,-3]", /has the shape \[4,-3\]/],
    ["sizes whose product is no number", "bare", "[4,3]", "[9007199254740991,9]", /has the shape/],
    ["weights that the manifest leaves out", "bare", "[4,3]", "[4,2]", /lists 124 bytes.*hold 140/],
    ["a name twice", "bare", "hidden/bias", "hidden/kernel", /"hidden\/kernel" twice/],
    [
      "a shard that is missing",
      "bare",
      "group1-shard1of1",
      "group1-shard2of1",
      /"group1-shard2of1.bin" is missing/,
    ],
    [
      "a shard outside of the folder",
      "bare",
      "group1-shard1of1.bin",
      "../../etc/hostname",
      /missing|outside/,
    ],
    [
      "an unknown type",
      "bare",
      '[4,3],"dtype":"float32"',
      '[4,3],"dtype":"float8"',
      /type "float8"/,
    ],
    ["no scale", "uint8", /"scale": (?=\d)/, '"scala": ', /no scale and min/],
    ["an unknown quantisation", "uint8", '"uint8"', '"uint4"', /quantised as "uint4"/],
    ["half an object", "bare", /\}$/, "", /JSON of the file cannot be read/],
    ["JSON of something else", "bare", "modelTopology", "topology", /no modelTopology/],
    ["no manifest", "bare", "weightsManifest", "weights", /no weightsManifest/],
  ])("refuses %s", async (_, name, from, to, message) => {
    const error = await refusal(await copy(name, from, to));
    expect(error.place.file).toBe("run/model.json");
    expect(error.describe()).toMatch(message);
  });

  it("refuses text whose length goes beyond the shards", async () => {
    const folder = await copy("graph");
    const shard = join(folder, "group1-shard1of1.bin");
    const bytes = await readFile(shard);
    bytes.writeUInt32LE(0xffffffff, 0);
    await writeFile(shard, bytes);
    expect((await refusal(folder)).message).toMatch(/shards end before/);
  });

  it("refuses cut shards and links out of the folder", async () => {
    const cut = await copy("bare");
    await truncate(join(cut, "group1-shard1of1.bin"), 100);
    expect((await refusal(cut)).message).toMatch(/shards, which hold 100/);
    const linked = await copy("bare");
    await rm(join(linked, "group1-shard1of1.bin"));
    await symlink(join(goldens, "bare/group1-shard1of1.bin"), join(linked, "group1-shard1of1.bin"));
    expect((await refusal(linked)).message).toMatch(/outside of the folder/);
  });

  it("refuses deep nesting", async () => {
    const folder = await copy(
      "bare",
      '{"modelTopology":',
      `{"x":${"[".repeat(1e5)},"modelTopology":`,
    );
    expect((await refusal(folder)).message).toMatch(/nested more than 512 levels/);
  });
});
