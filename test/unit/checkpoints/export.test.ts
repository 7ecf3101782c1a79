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
    // The positional encoding and the frozen layer are buffers.
    ["text", "model.onnx", 4, 3],
    ["text", "fresh.onnx", 4, 3],
  ])("%s/%s", async (folder, file, parameters, buffers) => {
    const model = importOnnx(readFileSync(join(golden, folder, file)), file);
    const checkpoints = await Promise.all(
      ["epoch-1.pt", "epoch-2.pt"].map((name) => openCheckpoint(join(golden, folder, name), name)),
    );
    const matches = matchCheckpoints(model, checkpoints);
    expect(matches.map(({ prefix }) => prefix)).toEqual(["", "module."]);
    for (const match of matches) {
      expect(match.constants).toEqual([]);
      // The second name of a tied table is the model's first one.
      const second = folder === "text" ? [`${match.prefix}tied.weight`] : [];
      expect(match.surplus).toEqual(second);
      expect(match.names.size).toBe(parameters + buffers);
    }
    const roles = model.weights.map(({ role }) => role);
    expect(roles.filter((role) => role === "parameter")).toHaveLength(parameters);
    expect(roles.filter((role) => role === "buffer")).toHaveLength(buffers);
    await Promise.all(checkpoints.map((checkpoint) => checkpoint.close()));
  });

  it("the exported file records buffers, frozen parameters and padding rows", () => {
    const read = (folder: string) =>
      importOnnx(readFileSync(join(golden, folder, "model.onnx")), "model.onnx");
    const text = read("text");
    expect(text.recorded).toBe(true);
    expect(text.weights.flatMap(({ name, role }) => (role === "buffer" ? [name] : []))).toEqual(
      expect.arrayContaining(["pe", "frozen.weight", "frozen.bias"]),
    );
    // padding_idx=-7 of 7 rows, under both names of the table.
    expect([...text.paddingRows]).toEqual([
      ["embedding.weight", 0],
      ["tied.weight", 0],
    ]);
    expect([read("mlp").recorded, read("mlp").paddingRows.size]).toEqual([true, 0]);
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
