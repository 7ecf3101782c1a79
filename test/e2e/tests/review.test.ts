import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
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
    await editor.notification("1 examples relabelled, 1 left out").waitFor();
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
