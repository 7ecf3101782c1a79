import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { matchCheckpoints } from "../../../src/core/checkpoints/match.ts";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";

const golden = join(import.meta.dirname, "../golden/export");

describe("what the script of Export PyTorch Model writes fits the checkpoints", () => {
  it.each([
    ["mlp", "model.onnx", 6, 0],
    ["mlp", "fresh.onnx", 6, 0],
    ["cnn", "model.onnx", 9, 4],
    // Fresh gammas, betas and running statistics are equal: the exporter merges them.
    ["cnn", "fresh.onnx", 9, 4],
  ])("%s/%s", async (folder, file, parameters, buffers) => {
    const model = importOnnx(readFileSync(join(golden, folder, file)), file);
    const checkpoints = await Promise.all(
      ["epoch-1.pt", "epoch-2.pt"].map((name) => openCheckpoint(join(golden, folder, name), name)),
    );
    const matches = matchCheckpoints(model, checkpoints);
    expect(matches.map(({ prefix }) => prefix)).toEqual(["", "module."]);
    for (const match of matches) {
      expect([match.constants, match.surplus]).toEqual([[], []]);
      expect(match.names.size).toBe(parameters + buffers);
    }
    const roles = model.weights.map(({ role }) => role);
    expect(roles.filter((role) => role === "parameter")).toHaveLength(parameters);
    expect(roles.filter((role) => role === "buffer")).toHaveLength(buffers);
    await Promise.all(checkpoints.map((checkpoint) => checkpoint.close()));
  });

  it("the exported file holds the last checkpoint's weights", async () => {
    const onnx = await openCheckpoint(join(golden, "cnn/model.onnx"), "model.onnx");
    const last = await openCheckpoint(join(golden, "cnn/epoch-2.pt"), "epoch-2.pt");
    for (const name of onnx.tensors.keys()) {
      expect([name, await onnx.read(name)]).toEqual([name, await last.read(`module.${name}`)]);
    }
    await onnx.close();
    await last.close();
  });
});
