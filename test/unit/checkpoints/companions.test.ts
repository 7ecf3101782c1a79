import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
  files: { optimizer?: boolean; state?: string; weights?: string },
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
  }
  const checkpoint = await openCheckpoint(join(root, weights), `${name}/${weights}`);
  await checkpoint.close();
  return checkpoint;
}

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
      { value: 0.02, source: "trainer_state.json: log_history[1].learning_rate" },
    ]);
  });

  it.each(["{", "[]", "null", '{"log_history": 3, "global_step": "x"}'])(
    "a damaged one (%s) counts as missing",
    async (text) => {
      const found = await open(`damaged-${text.length}`, { state: text });
      expect([found.learningRates, found.step]).toEqual([[], undefined]);
    },
  );

  it("other names have no companions", async () => {
    const found = await open("other", { optimizer: true, weights: "epoch-1.safetensors" });
    expect(found.learningRates).toEqual([]);
  });
});
