import { cp, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { E2E, ROOT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("models");
const fixture = (name: string) => path.join(E2E, "fixtures", name);
const sample = (file: string) => path.join(ROOT, "samples", file);

/** Sets the open folder up from the palette, and returns what was written. */
async function setUp(
  folder: string,
  shot: string,
  typed?: string,
): Promise<Record<string, unknown>> {
  const { editor } = vscode;
  await editor.command("TracIn: Set Up Workspace");
  const dialog = editor.page.locator(".monaco-dialog-box");
  const write = dialog.getByRole("button", { name: "Write tracin.json" });
  await editor.answerUntil(write, typed);
  await editor.screenshot(`${shot}-setup`);
  await write.click();
  await dialog.waitFor({ state: "hidden" });
  await editor.tab("tracin.json").waitFor();
  return JSON.parse(await readFile(path.join(folder, "tracin.json"), "utf8"));
}

describe("what other tools leave on disk is set up and explained", () => {
  it("a Keras model with raw text", async () => {
    const folder = await vscode.openFolder([
      fixture("keras-spam"),
      sample("spam/train.jsonl"),
      sample("spam/test.jsonl"),
      sample("spam/tokenizer.json"),
    ]);
    const { editor } = vscode;
    const config = await setUp(folder, "keras");
    expect(config).toMatchObject({ checkpoints: { files: "*.keras" } });
    expect(config["model"]).toMatch(/^epoch-0\d\.keras$/);
    await editor.openFile("test.jsonl");
    await editor.contextMenu(editor.line(2), "Explain Prediction");
    await editor.ranked();
    await editor.unfold("Checkpoints");
    await editor.treeRow("Checkpoints", "epoch-02.keras").waitFor();
    await expect
      .poll(() => editor.treeRow("Checkpoints", "epoch-02.keras").textContent())
      .toContain("0.5");
    await editor.screenshot("keras-spam");
  });

  it("a text classifier of the Hugging Face Trainer", async () => {
    const folder = await vscode.openFolder([
      fixture("trainer-spam"),
      sample("spam/train.jsonl"),
      sample("spam/test.jsonl"),
      sample("spam/tokenizer.json"),
    ]);
    const { editor } = vscode;
    expect(await setUp(folder, "trainer")).toMatchObject({
      model: "model.onnx",
      features: { input_ids: { text: { tokenizer: "tokenizer.json" } } },
    });
    await editor.openFile("test.jsonl");
    await editor.contextMenu(editor.line(1), "Explain Prediction");
    await editor.ranked();
    await editor.unfold("Checkpoints");
    await expect
      .poll(() => editor.treeRow("Checkpoints", "checkpoint-114").textContent())
      .toContain("0.005");
    await editor.screenshot("trainer-spam");
  });

  it("a TensorFlow.js model", async () => {
    const folder = await vscode.openFolder([
      fixture("tfjs-iris"),
      sample("iris/train.csv"),
      sample("iris/test.csv"),
    ]);
    const { editor } = vscode;
    // TensorFlow.js saves no optimizer, so the learning rate is asked for.
    const config = await setUp(folder, "tfjs", "0.05");
    expect(config["model"]).toMatch(/^epoch-\d0\/model\.json$/);
    expect(config["checkpoints"]).toMatchObject({ learningRate: 0.05 });
    await vscode.explain(4, "species");
    await editor.ranked();
    await editor.screenshot("tfjs-iris");
  });

  it("a ResNet-18 on a folder of images", async () => {
    const folder = await vscode.openFolder([fixture("resnet-digits")], sortIntoFolders);
    const { editor } = vscode;
    await setUp(folder, "resnet");
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    await editor.screenshot("resnet-digits");
  });
});

/** Gives each label of a manifest a folder with its images, as image folders are laid out. */
async function sortIntoFolders(folder: string): Promise<void> {
  const manifest = await readFile(sample("digits/train/labels.csv"), "utf8");
  const [header = "", ...rows] = manifest.trim().split(/\r?\n/);
  const columns = header.split(",");
  for (const row of rows.slice(0, 400)) {
    const cells = row.split(",");
    const file = cells[columns.indexOf("file")] ?? "";
    const label = cells[columns.indexOf("label")] ?? "";
    await cp(
      sample(`digits/train/${file}`),
      path.join(folder, "images", label, path.basename(file)),
    );
  }
}
