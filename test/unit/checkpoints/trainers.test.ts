import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findCheckpoints } from "../../../src/core/checkpoints/discover.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";

const golden = join(import.meta.dirname, "../golden/trainers");

interface Expected {
  readonly tensors: Readonly<Record<string, { readonly shape: number[]; readonly sum: number }>>;
  readonly step?: number;
  readonly epoch?: number;
}

const expected: Readonly<Record<string, Expected>> = JSON.parse(
  readFileSync(join(golden, "expected.json"), "utf8"),
);

async function open(name: string) {
  return openCheckpoint(join(golden, name), name);
}

describe("what trainers write", () => {
  it.each(Object.entries(expected))("%s", async (name, { tensors, step, epoch }) => {
    const checkpoint = await open(name);
    try {
      expect(checkpoint.file).toBe(name);
      expect(checkpoint.warnings ?? []).toEqual([]);
      expect([checkpoint.step, checkpoint.epoch]).toEqual([step, epoch]);
      for (const [tensor, { shape, sum }] of Object.entries(tensors)) {
        const { data, shape: read } = await checkpoint.read(tensor);
        expect([tensor, read]).toEqual([tensor, shape]);
        const total = Array.from<number | bigint, number>(data, Number).reduce((a, b) => a + b, 0);
        expect(total, tensor).toBeCloseTo(sum, 5);
      }
    } finally {
      await checkpoint.close();
    }
  });

  it("folders are found in training order, and name all their files", async () => {
    const folders = ["hf-linear/checkpoint-6", "hf-linear/checkpoint-12"];
    expect(await findCheckpoints(golden, "hf-linear/checkpoint-*")).toEqual(folders);
    expect(await findCheckpoints(golden, "hf-linear")).toEqual(folders);
    expect(await findCheckpoints(golden, "hf-linear/checkpoint-6")).toEqual(folders.slice(0, 1));
    const checkpoint = await open("hf-linear/checkpoint-6");
    await checkpoint.close();
    expect(checkpoint.files).toEqual(
      [
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "trainer_state.json",
        "training_args.bin",
      ].map((file) => `hf-linear/checkpoint-6/${file}`),
    );
  });

  it("the Trainer's optimizer has two groups, in the order of the module", async () => {
    const checkpoint = await open("hf-linear/checkpoint-12");
    expect(checkpoint.learningRates).toEqual(
      [0, 1].map((group) => ({
        value: 0.001875,
        initial: 0.005,
        source: `optimizer.pt: param_groups[${group}].lr`,
      })),
    );
    const { parameters = [], algorithm } = checkpoint.optimizer ?? {};
    expect(algorithm).toBe("Adam");
    expect(parameters.map(({ group }) => group)).toEqual([
      ...Array(11).fill(0),
      ...Array(14).fill(1),
    ]);
    const { secondMoment, shape } = parameters[0] ?? {};
    expect(shape).toEqual([16, 4]);
    expect((await checkpoint.optimizer?.read(secondMoment?.second ?? ""))?.shape).toEqual([16, 4]);
    expect(checkpoint.schedulers).toEqual([
      expect.objectContaining({
        kind: "linear",
        count: 12,
        base: [0.005, 0.005],
        current: [0.001875, 0.001875],
        source: "scheduler.pt: _last_lr",
      }),
    ]);
    expect(checkpoint.schedulers?.[0]?.settings.get("warmup_steps")).toBe(2);
    expect(checkpoint.schedulers?.[0]?.settings.get("total_steps")).toBe(18);
    expect(checkpoint.loggedRates?.slice(0, 2)).toEqual([
      { step: 2, value: 0.0025 },
      { step: 4, value: 0.0046875 },
    ]);
    await checkpoint.close();
  });

  it.each([
    ["sharded", "model.safetensors.index.json", "model-00001-of-00002.safetensors"],
    ["sharded-bin", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00002.bin"],
  ])("%s: the index serves too, a part alone is refused", async (folder, index, part) => {
    const checkpoint = await open(`${folder}/${index}`);
    await checkpoint.close();
    expect(checkpoint.tensors.size).toBe(25);
    expect(checkpoint.files?.length).toBe(3);
    await expect(open(`${folder}/${part}`)).rejects.toMatchObject({
      message: "This file holds only a part of the weights.",
      remedy: expect.stringMatching(/folder.*index\.json/),
    });
  });
});
