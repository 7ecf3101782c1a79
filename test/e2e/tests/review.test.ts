import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("review");

const LABELS = ["setosa", "versicolor", "virginica"];

describe("reviewing suspects", () => {
  it("works by keyboard, is undone, writes the cleaned copy, and is applied byte for byte", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    const data = path.join(folder, "train.csv");
    const before = await readFile(data, "utf8");
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    const lineOf = async (row: number) => {
      const place = await editor.panelRow(row).locator(".place").textContent();
      return Number(/:(\d+)/.exec(place ?? "")?.[1]) - 1;
    };
    const lines = [await lineOf(0), await lineOf(1), await lineOf(2)];
    const [relabelled = 0, excluded = 0] = lines;
    const target = (await editor.panelRow(0).locator(".target").textContent())?.trim() ?? "";
    const to = LABELS.find((label) => label !== target) ?? "";

    await editor.panelRow(0).focus();
    await editor.page.keyboard.press(String(LABELS.indexOf(to) + 1));
    await expect.poll(() => editor.panelRow(0).locator(".decision").textContent()).toBe(`→ ${to}`);
    // The focus has moved on by itself.
    await editor.page.keyboard.press("x");
    await expect.poll(() => editor.panelRow(1).locator(".decision").textContent()).toBe("excluded");
    await editor.page.keyboard.press("k");
    await expect.poll(() => editor.panelRow(2).locator(".decision").textContent()).toBe("kept");
    const progress = editor.panel.locator("tracin-review-bar .progress");
    expect(await progress.textContent()).toMatch(/^3 of \d+ reviewed$/);
    await editor.screenshot("review-light");
    await editor.page.keyboard.press("u");
    await expect.poll(() => progress.textContent()).toMatch(/^2 of/);
    expect(await editor.panelRow(2).locator(".decision").count()).toBe(0);

    const decisions = (await readFile(path.join(folder, ".tracin/reviews.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(decisions.map(({ decision, from, to, line }) => ({ decision, from, to, line }))).toEqual(
      [
        { decision: "relabel", from: target, to, line: relabelled + 1 },
        { decision: "exclude", from: expect.any(String), to: undefined, line: excluded + 1 },
        { decision: "keep", from: expect.any(String), to: undefined, line: (lines[2] ?? 0) + 1 },
        { decision: "undo", from: expect.any(String), to: undefined, line: (lines[2] ?? 0) + 1 },
      ],
    );

    const expected = before
      .split("\n")
      .map((line, at) => (at === relabelled ? line.replace(target, to) : line))
      .toSpliced(excluded, 1)
      .join("\n");
    await editor.command("TracIn: Write Cleaned Copy");
    await editor.quickInput.locator("input.input").waitFor();
    await editor.page.waitForTimeout(800); // the dialog has read the folder
    await editor.page.keyboard.press("Enter");
    await editor.notification("1 example relabelled, 1 left out").waitFor();
    expect(await readFile(path.join(folder, "train.cleaned.csv"), "utf8")).toBe(expected);
    expect(await readFile(data, "utf8")).toBe(before);

    await editor.command("TracIn: Apply Review Decisions");
    await editor.notification("2 examples changed, 1 of them excluded").waitFor();
    await expect.poll(() => readFile(data, "utf8")).toBe(expected);

    // One step takes all of it back.
    await editor.openFile("train.csv");
    await editor.line(2).click();
    await editor.page.keyboard.press("Control+Z");
    await editor.page.keyboard.press("Control+S");
    await expect.poll(() => readFile(data, "utf8"), { timeout: 15_000 }).toBe(before);

    // The decisions stand, and wait to be applied again.
    const apply = editor.panel.locator("tracin-review-bar .apply");
    await expect.poll(() => apply.textContent()).toBe("Apply 2");
    expect(await progress.textContent()).toMatch(/^2 of/);
    await apply.click();
    await expect.poll(() => readFile(data, "utf8")).toBe(expected);
    await apply.waitFor({ state: "hidden" });
    // The row that is gone keeps its decision in the run.
    expect(await editor.panelRow(1).locator(".decision").textContent()).toBe("excluded");
    expect(await progress.textContent()).toMatch(/^2 of/);
    await editor.screenshot("review-applied-light");
  });

  it("moves the images of a folder by label and out of it, and undo moves them back", async () => {
    const folder = await vscode.openFolder([path.join(ROOT, "samples", "digits")], labelFolders);
    const { editor } = vscode;
    const before = await filesIn(path.join(folder, "by-label"));
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    const imageOf = async (row: number) =>
      (await editor.panelRow(row).locator(".place").textContent())?.trim() ?? "";
    const [first, second] = [await imageOf(0), await imageOf(1)];
    expect(first).toMatch(/^by-label\/\d\/\d+\.png$/);
    const from = path.basename(path.dirname(first));
    const to = from === "4" ? "5" : "4";
    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("l");
    await editor.quickRow(new RegExp(`^\\s*${to}\\s*$`)).click();
    await expect.poll(() => editor.panelRow(0).locator(".decision").textContent()).toBe(`→ ${to}`);
    await editor.panelRow(1).focus();
    await editor.page.keyboard.press("x");
    const apply = editor.panel.locator("tracin-review-bar .apply");
    await expect.poll(() => apply.textContent()).toBe("Apply 2");
    await editor.screenshot("review-folder-light");
    await apply.click();
    await editor.notification("2 examples changed, 1 of them excluded").waitFor();
    const inSet = (file: string) => path.relative("by-label", file);
    const after = new Map(before);
    after.delete(inSet(first));
    after.delete(inSet(second));
    after.set(path.join(to, path.basename(first)), before.get(inSet(first)) ?? "");
    expect(await filesIn(path.join(folder, "by-label"))).toEqual(after);
    const out = await readFile(path.join(folder, ".tracin/excluded/train", inSet(second)));
    expect(out.toString("base64")).toBe(before.get(inSet(second)));
    await apply.waitFor({ state: "hidden" });

    // One click takes all of it back, and the decisions wait again.
    await editor
      .notification("2 examples changed")
      .getByText("Move Images Back", { exact: true })
      .click();
    await expect
      .poll(async () => [...(await filesIn(path.join(folder, "by-label"))).keys()].sort())
      .toEqual([...before.keys()].sort());
    expect(await filesIn(path.join(folder, "by-label"))).toEqual(before);
    await expect.poll(() => apply.textContent(), { timeout: 20_000 }).toBe("Apply 2");
  });

  it("shows decisions again after a reload, in a narrow dark panel too", async () => {
    await vscode.openSample("digits", { "workbench.colorTheme": "Default Dark Modern" });
    const { editor } = vscode;
    await editor.command("TracIn: Review Suspects");
    await editor.ranked();
    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("r");
    await expect
      .poll(() => editor.panelRow(0).locator(".decision").textContent())
      .toMatch(/^→ \d$/);
    await editor.page.keyboard.press("n");
    await editor.screenshot("review-dark");
    await editor.resizeSidebar(220);
    await editor.screenshot("review-narrow");
    await editor.reload();
    await editor.openSidebar();
    await editor.ranked();
    await expect
      .poll(() => editor.panelRow(0).locator(".decision").textContent())
      .toMatch(/^→ \d$/);
  });
});

/** Makes the first images of the digits a folder for each label. */
async function labelFolders(folder: string): Promise<void> {
  const manifest = await readFile(path.join(folder, "train", "labels.csv"), "utf8");
  const [header = "", ...rows] = manifest.trim().split("\n");
  const names = header.split(",");
  for (const row of rows.slice(0, 200)) {
    const cells = row.split(",");
    const image = cells[names.indexOf("file")] ?? "";
    const label = cells[names.indexOf("label")] ?? "";
    await mkdir(path.join(folder, "by-label", label), { recursive: true });
    await copyFile(path.join(folder, "train", image), path.join(folder, "by-label", label, image));
  }
  const config = path.join(folder, "tracin.json");
  const project: { data: Record<string, unknown> } = JSON.parse(await readFile(config, "utf8"));
  project.data["train"] = { images: "by-label" };
  await writeFile(config, JSON.stringify(project, null, 2));
}

/** The contents of all files of a folder, as base64 by path. */
async function filesIn(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) {
      const file = path.join(entry.parentPath, entry.name);
      files.set(path.relative(folder, file), (await readFile(file)).toString("base64"));
    }
  }
  return files;
}
