import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { IRIS } from "../support/large.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("trust", { restricted: true });

it("in restricted mode predictions are explained, the folder chooses no engine, nothing is installed, and the view says so", async () => {
  const folder = await vscode.openFolder([IRIS], async (copy) => {
    await mkdir(path.join(copy, ".vscode"));
    // The folder asks for the slow engine, which is a setting that only a trusted folder has.
    await writeFile(
      path.join(copy, ".vscode", "settings.json"),
      JSON.stringify({ "tracin.engine": "reference" }),
    );
  });
  const { editor } = vscode;
  await editor.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  await vscode.explain(4, "species");
  await editor.ranked();
  const runs = path.join(folder, ".tracin", "runs");
  const [run = ""] = await readdir(runs);
  const record = JSON.parse(await readFile(path.join(runs, run, "run.json"), "utf8"));
  expect(record.engine).toMatch(/onnxruntime/);

  await editor.unfold("Checkpoints");
  await editor.page
    .locator(".split-view-view .message", { hasText: "nothing in them is executed" })
    .waitFor();
  await editor.screenshot("restricted-light");

  // A command that would run a program is not offered.
  await editor.page.keyboard.press("F1");
  await editor.quickInput.locator("input.input").fill(">TracIn: ");
  await editor.quickRow("TracIn: Explain Prediction").waitFor();
  await editor.quickInput.locator("input.input").fill(">TracIn: Install TensorFlow");
  await editor.quickRow("Install Extension").waitFor(); // what is like it
  expect(await editor.quickRow("Install TensorFlow Engine").count()).toBe(0);
  await editor.page.keyboard.press("Escape");
});
