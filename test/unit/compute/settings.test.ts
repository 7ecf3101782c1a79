import { expect, it } from "vitest";
import { type ComputeSettings, shareOf } from "../../../src/compute/settings.ts";

const megabyte = 1 << 20;

it.each([
  [8, 2000, 0, 8, 1],
  [8, 2000, 10, 8, 1],
  [8, 2000, 45, 4, 2],
  [8, 2000, 100, 2, 4],
  [8, 2000, 4000, 1, 8],
  [2, 500, 4, 2, 1],
  [2, 500, 45, 1, 2],
])("%d cores and %d MB with weights of %d MB: %d processes of %d threads", (...row) => {
  const [cores, memory, weights, processes, threads] = row;
  const settings: ComputeSettings = {
    processes: cores,
    cores,
    memoryLimit: memory * megabyte,
    engine: "onnxruntime",
  };
  const share = shareOf(settings, weights * megabyte);
  expect(share).toMatchObject({ processes, threads });
  expect(share.processes * share.memory).toBeLessThanOrEqual(memory * megabyte);
});

it("leaves an engine one thread where there are as many processes as were asked for", () => {
  const settings: ComputeSettings = {
    processes: 1,
    cores: 1,
    memoryLimit: 500 * megabyte,
    engine: "onnxruntime",
  };
  expect(shareOf(settings, 45 * megabyte).threads).toBe(1);
});
