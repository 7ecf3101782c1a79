import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("rows");

describe("rows of text", () => {
  it("are explained from the context menu of a JSONL file", async () => {
    await vscode.openSample("spam", { "workbench.colorTheme": "Default Dark Modern" });
    const { editor } = vscode;
    await editor.openFile("test.jsonl");
    await editor.contextMenu(editor.line(2), "Explain Prediction");
    await editor.ranked();
    await expect.poll(() => editor.marks()).toContain("◆ query");
    await editor.panelRow(0).locator(".place button").click();
    await editor.tab("train.jsonl").waitFor();
    await expect
      .poll(() => editor.marks())
      .toContainEqual(expect.stringMatching(/^▲ 1st proponent \+/));
    await editor.screenshot("spam-dark");
  });

  it("carry a hover, follow edits, and turn grey when they are edited", async () => {
    await vscode.openSample("iris");
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await editor.panelRow(0).locator(".place button").click();
    await editor.tab("train.csv").waitFor();
    const proponent = expect.stringMatching(/^▲ 1st proponent \+/);
    await expect.poll(() => editor.marks()).toContainEqual(proponent);

    await editor.page.keyboard.press("ArrowLeft");
    await editor.page.keyboard.press("Control+K");
    await editor.page.keyboard.press("Control+I");
    const hover = editor.page.locator(".monaco-hover:visible").first();
    await hover.waitFor();
    await expect.poll(() => hover.textContent()).toContain("1st proponent, score +");
    await expect.poll(() => hover.textContent()).toContain("Self-influence");
    await editor.screenshot("hover-light");
    await editor.page.keyboard.press("Escape");

    await hover.waitFor({ state: "hidden" });
    const row = await editor.cursorLine();
    await editor.page.keyboard.press("Control+Shift+Enter");
    await expect.poll(() => editor.cursorMarks()).toEqual([]);
    await editor.page.keyboard.press("ArrowDown");
    await expect.poll(() => editor.cursorLine()).toBe(row + 1);
    const mark = async () => (await editor.cursorMarks())[0];
    await expect.poll(async () => (await mark())?.text).toEqual(proponent);
    const fresh = (await mark())?.color;
    await editor.page.keyboard.type("9");
    await expect.poll(async () => (await mark())?.color).not.toBe(fresh);
    expect((await mark())?.text).toEqual(proponent);
    await editor.page.keyboard.press("Backspace");
    await expect.poll(async () => (await mark())?.color).toBe(fresh);
  });

  it("make the shown run out of date when they are saved", async () => {
    await vscode.openSample("iris");
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await editor.unfold("Runs");
    await editor.treeRow("Runs", "test 4").waitFor();
    await editor.openFile("train.csv");
    await editor.line(3).click();
    await editor.page.keyboard.type("7");
    await editor.page.keyboard.press("Control+S");
    await editor.panel.getByText("Out of date").waitFor();
    await expect
      .poll(() => editor.treeRow("Runs", "test 4").textContent())
      .toContain("inputs changed");
    await editor.screenshot("stale-light");
    await editor.page.keyboard.press("Control+Z");
    await editor.page.keyboard.press("Control+S");
    await editor.panel.getByText("Out of date").waitFor({ state: "hidden" });
  });

  it("show no mark of a kind that is turned off", async () => {
    await vscode.openSample("iris", { "tracin.annotations.afterText": false });
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await editor.panelRow(0).locator(".place button").click();
    await editor.tab("train.csv").waitFor();
    await editor.command("TracIn: Go to Next Influential Row");
    await editor.page.waitForTimeout(1000);
    expect(await editor.marks()).toEqual([]);
  });
});

describe("the trees", () => {
  it("show checkpoints with their rates, and runs that say when their inputs changed", async () => {
    const folder = await vscode.openSample("iris", {
      "workbench.colorTheme": "Default Dark Modern",
    });
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await editor.unfold("Checkpoints");
    await editor.unfold("Runs");
    const checkpoint = editor.treeRow("Checkpoints", /epoch|step|\.pt/);
    await checkpoint.waitFor();
    expect(await checkpoint.textContent()).toMatch(/0\.\d+ · /);
    await editor.treeRow("Runs", "test 4").waitFor();
    await editor.screenshot("trees-dark");

    const data = path.join(folder, "train.csv");
    await writeFile(data, `${await readFile(data, "utf8")}5.0,3.0,1.0,0.2,setosa\n`);
    await editor.command("TracIn: Refresh");
    await expect
      .poll(() => editor.treeRow("Runs", "test 4").textContent(), { timeout: 20_000 })
      .toContain("inputs changed");

    await editor.treeRow("Runs", "test 4").click({ button: "right" });
    await editor.choose("Delete Run");
    await editor.page.locator(".monaco-dialog-box").getByText("Delete", { exact: true }).click();
    await expect.poll(() => editor.treeRow("Runs", "test 4").count()).toBe(0);
  });

  it("say what is wrong with tracin.json and what to do", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    const config = path.join(folder, "tracin.json");
    await writeFile(config, (await readFile(config, "utf8")).replace("model.onnx", "modell.onnx"));
    await editor.openSidebar();
    await editor.unfold("Checkpoints");
    await editor.treeRow("Checkpoints", "modell.onnx").waitFor();
    await editor.screenshot("error-light");
  });
});

describe("setting up", () => {
  it("copies a sample to a folder of the person's choice", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    await editor.command("TracIn: Open Sample Workspace");
    await editor.quickRow("Spam").click();
    const input = editor.quickInput.locator("input.input");
    await editor.quickRow("checkpoints").waitFor(); // the dialog has read the workspace
    await input.fill(`${path.dirname(folder)}/`);
    await editor.quickRow("iris").waitFor(); // the dialog has read the folder
    await editor.quickInput.getByText("Copy Here").click();
    await editor.notification("The sample was copied to").waitFor();
    const copy = path.join(path.dirname(folder), "tracin-spam", "tracin.json");
    expect(JSON.parse(await readFile(copy, "utf8"))).toHaveProperty("model");
  });

  it("finds the parts of a folder and writes tracin.json", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    await rm(path.join(folder, "tracin.json"));
    await editor.command("TracIn: Set Up Workspace");
    const write = editor.page.locator(".monaco-dialog-box").getByText("Write tracin.json");
    await editor.answerUntil(write);
    await editor.screenshot("setup-light");
    await write.click();
    await editor.tab("tracin.json").waitFor();
    const config = JSON.parse(await readFile(path.join(folder, "tracin.json"), "utf8"));
    expect(config).toMatchObject({ model: "model.onnx", data: { train: { csv: "train.csv" } } });
    await vscode.explain(4, "species");
    await editor.ranked();
  });

  it("offers the export where there is no model, and writes no tracin.json", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    await rm(path.join(folder, "tracin.json"));
    await rm(path.join(folder, "model.onnx"));
    await editor.command("TracIn: Set Up Workspace");
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText("No model was found").waitFor();
    await dialog.getByText("Export PyTorch Model", { exact: true }).click();
    await editor.tab("export_to_tracin.py").waitFor();
    await expect(readFile(path.join(folder, "tracin.json"))).rejects.toThrow("ENOENT");
  });
});
