import { expect, it } from "vitest";
import { type ComputeSettings, defaultMemory, shareOf } from "../../../src/compute/settings.ts";

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
    isServing: false,
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
    isServing: false,
  };
  expect(shareOf(settings, 45 * megabyte).threads).toBe(1);
});

it.each([
  [2, 24_000, 2000],
  [2, 8000, 1000],
  [2, 2000, 500],
  [8, 16_000, 2000],
  [16, 16_000, 4000],
  [64, 64_000, 16_000],
])("%d cores and a machine of %d MB: %d MB unless told", (cores, machine, limit) => {
  expect(defaultMemory(cores, machine * megabyte)).toBe(limit * megabyte);
});
