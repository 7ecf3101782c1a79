import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";

const golden = join(import.meta.dirname, "../golden/checkpoints");
const folder = mkdtempSync(join(tmpdir(), "tracin-companions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const state = {
  global_step: 500,
  epoch: 2.5,
  log_history: [
    { learning_rate: 0.03, step: 400 },
    { learning_rate: 0.02, step: 500 },
    { eval_loss: 1 },
  ],
};

async function open(
  name: string,
  files: { optimizer?: boolean; state?: string; weights?: string; size?: number; broken?: string },
) {
  const root = join(folder, name);
  mkdirSync(root);
  const weights = files.weights ?? "model.safetensors";
  copyFileSync(join(golden, "plain.safetensors"), join(root, weights));
  if (files.optimizer) {
    copyFileSync(join(golden, "optimizer.pt"), join(root, "optimizer.pt"));
  }
  if (files.state !== undefined) {
    writeFileSync(join(root, "trainer_state.json"), files.state);
    // The end of the file is a hole that takes no place on the disk.
    truncateSync(join(root, "trainer_state.json"), files.size ?? Buffer.byteLength(files.state));
  }
  if (files.broken !== undefined) {
    writeFileSync(join(root, files.broken), "PK");
  }
  const checkpoint = await openCheckpoint(join(root, weights), `${name}/${weights}`);
  await checkpoint.close();
  return checkpoint;
}

describe("a trainer's state as Python writes it", () => {
  it("may hold NaN and infinities", async () => {
    const text = JSON.stringify(state).replace("400}", '400, "loss": NaN, "grad_norm": -Infinity}');
    expect(text).toContain("NaN");
    const found = await open("nan", { state: text });
    expect([found.step, found.loggedRates?.length, found.warnings]).toEqual([500, 2, []]);
  });
});

describe("weights with the training's state beside them", () => {
  it("the optimizer's file gives the rates, the trainer's step and epoch", async () => {
    const found = await open("both", { optimizer: true, state: JSON.stringify(state) });
    expect(found).toMatchObject({ step: 500, epoch: 2.5 });
    expect(found.learningRates).toEqual([
      { value: 0.1, source: "optimizer.pt: param_groups[0].lr" },
      { value: 0.01, source: "optimizer.pt: param_groups[1].lr" },
    ]);
  });

  it("without it, the last rate that the trainer logged", async () => {
    const found = await open("logged", { state: JSON.stringify(state) });
    expect(found.learningRates).toEqual([
      { value: 0.02, source: "trainer_state.json: log_history, step 500" },
    ]);
  });

  it.each([
    ["{", /trainer_state\.json cannot be read.*JSON/],
    ["\u0000\u0001", /trainer_state\.json cannot be read.*JSON/],
    ["[".repeat(200_000), /trainer_state\.json cannot be read/],
    ["[]", /no object/],
    ["null", /no object/],
    ['{"log_history": 3, "global_step": "x", "epoch": -1}', undefined],
    [
      '{"log_history": [3, null, {"step": -1, "learning_rate": "x"}], "global_step": 1e999}',
      undefined,
    ],
  ])(
    "damaged state %#: nothing is taken from it, and it is named where it is no JSON",
    async (text, warned) => {
      const found = await open(`damaged-${text.length}-${text.charCodeAt(0)}`, { state: text });
      expect([found.learningRates, found.step, found.epoch]).toEqual([[], undefined, undefined]);
      expect(found.loggedRates).toBeUndefined();
      expect(found.warnings).toEqual(warned === undefined ? [] : [expect.stringMatching(warned)]);
    },
  );

  it("one that is too large is not read", async () => {
    const found = await open("large", { state: "{}", size: 65 * 2 ** 20 });
    expect(found.warnings).toEqual([
      expect.stringMatching(/trainer_state\.json.*at most 67108864/),
    ]);
  });

  it("a damaged optimizer is named", async () => {
    const found = await open("damaged-optimizer", { broken: "optimizer.pt" });
    expect(found.learningRates).toEqual([]);
    expect(found.warnings).toEqual([expect.stringMatching(/^optimizer\.pt cannot be read: /)]);
  });

  it("other names have no companions", async () => {
    const found = await open("other", { optimizer: true, weights: "epoch-1.safetensors" });
    expect(found.learningRates).toEqual([]);
  });
});
