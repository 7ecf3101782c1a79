import { expect, it } from "vitest";
import { estimate } from "../../../src/compute/estimate.ts";
import { openScorer } from "../../../src/compute/scoring.ts";
import { computeSettings } from "../../../src/compute/settings.ts";

const open = (layers: "all" | "last" | string[]) =>
  openScorer({
    root: "samples/digits",
    config: "tracin.mlp.json",
    settings: computeSettings({ processes: 1 }),
    layers,
  });

it("counts the parameters of a choice of layers and measures what a question takes", async () => {
  const all = await open("all");
  const found = await estimate(all, new AbortController().signal);
  await all.close();
  const weights = all.project.model.weights.map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  expect(found.parameters).toBe(weights.reduce((a, b) => a + b, 0));
  expect(found.seconds).toBeGreaterThan(0);
  const last = await open("last");
  const fewer = await estimate(last, new AbortController().signal);
  await last.close();
  expect(fewer.parameters).toBe(32 * 10 + 10);
});

it("ends when it is cancelled", async () => {
  const opened = await open("all");
  const controller = new AbortController();
  controller.abort();
  await expect(estimate(opened, controller.signal)).rejects.toMatchObject({ kind: "cancelled" });
  await opened.close();
});
