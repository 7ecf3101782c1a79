import { expect, it } from "vitest";
import { type ComputeSettings, processesFor } from "../../../src/compute/settings.ts";

const megabyte = 1 << 20;
const settings: ComputeSettings = {
  processes: 8,
  memoryLimit: 2000 * megabyte,
  engine: "onnxruntime",
};

it.each([
  [0, 8],
  [10 * megabyte, 8],
  [100 * megabyte, 5],
  [400 * megabyte, 2],
  [4000 * megabyte, 1],
])("with weights of %d bytes the memory limit holds %d processes", (bytes, processes) => {
  expect(processesFor(settings, bytes)).toBe(processes);
});
