import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { detectWorkspace } from "../../../src/core/config/detect.ts";

const golden = join(import.meta.dirname, "../golden/keras/formats");
const scratch = mkdtempSync(join(tmpdir(), "tracin-detect-keras-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function workspace(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(scratch, name);
  for (const [file, source] of Object.entries(files)) {
    cpSync(join(golden, source), join(root, file));
  }
  return root;
}

const data = { "train.csv": "train.csv", "test.csv": "test.csv" };

describe("detectWorkspace finds Keras files", () => {
  it("takes a series for model and checkpoints, with the compiled loss and rate", async () => {
    const root = workspace("series", {
      ...data,
      "run/epoch-1.keras": "three-1.keras",
      "run/epoch-2.keras": "three-2.keras",
    });
    const { proposal, questions, notes } = await detectWorkspace(root);
    expect(proposal).toMatchObject({
      model: "run/epoch-2.keras",
      checkpoints: { files: "run/*.keras", learningRate: "from-file" },
      loss: "softmax-cross-entropy",
      data: { train: { csv: "train.csv", target: "species" } },
    });
    expect(questions.filter(({ id }) => id !== "standardise" && id !== "labels")).toEqual([]);
    expect(notes.join("\n")).toContain(
      "The loss is the one that run/epoch-2.keras was compiled with",
    );
  });

  it("tells a model from files of weights beside it", async () => {
    const root = workspace("weights", {
      ...data,
      "model.h5": "three.h5",
      "checkpoints/epoch-1.weights.h5": "three.weights.h5",
      "checkpoints/epoch-2.weights.h5": "three.weights.h5",
    });
    const { proposal, candidates } = await detectWorkspace(root);
    expect(candidates.models).toEqual(["model.h5"]);
    // Keras 3 keeps the optimizer's rate beside the weights.
    expect(proposal.checkpoints).toEqual({ files: "checkpoints/*.h5", learningRate: "from-file" });
  });

  it("takes a model that stands alone for its only checkpoint", async () => {
    const root = workspace("alone", { ...data, "model.keras": "two.keras" });
    const { proposal } = await detectWorkspace(root);
    expect(proposal.checkpoints).toEqual({ files: "model.keras", learningRate: "from-file" });
  });
});
