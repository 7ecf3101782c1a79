import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Locator } from "playwright-core";
import { describe, expect, it } from "vitest";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("marks");

const DARK = { "workbench.colorTheme": "Default Dark Modern" };
const CONTRAST = { "workbench.colorTheme": "Default High Contrast" };
const proponent = expect.stringMatching(/^▲ 1st proponent \+/);

/** Opens the Problems view and returns its rows. */
async function problems(): Promise<Locator> {
  await vscode.editor.page.keyboard.press("Control+Shift+M");
  const rows = vscode.editor.page.locator(".markers-panel .monaco-list-row", {
    hasText: "suspect",
  });
  await rows.first().waitFor();
  return rows;
}

async function openTraining(file: string): Promise<void> {
  const { editor } = vscode;
  await editor.panelRow(0).locator(".place button").click();
  await editor.tab(path.basename(file)).waitFor();
  await expect.poll(() => editor.marks()).toContainEqual(expect.stringMatching(/^[▲⚠]/));
}

describe("suspects in the Problems view", () => {
  it.each([
    ["dark", DARK],
    ["contrast", CONTRAST],
  ])("have quick fixes that change the label, and undo takes it back (%s)", async (name, theme) => {
    const folder = await vscode.openSample("spam", theme);
    const { editor } = vscode;
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.panelRow(0).locator(".place button").waitFor({ timeout: 60_000 });
    const rows = await problems();
    // The list draws only what is in sight; the badge on the file counts all.
    const badge = editor.page.locator(".markers-panel .monaco-count-badge").first();
    const count = async () => Number(await badge.textContent());
    const before = await count();
    const suspect = rows.filter({ hasText: "the model says" }).first();
    const message = (await suspect.textContent()) ?? "";
    const [, from, to] = /the label (\w+) may be wrong; the model says (\w+)/.exec(message) ?? [];
    const line = Number(/Ln (\d+)/.exec(message)?.[1]);
    await suspect.dblclick();
    await editor.tab("train.jsonl").waitFor();
    await expect.poll(() => editor.marks()).toContainEqual(expect.stringMatching(/^⚠ /));
    await editor.screenshot(`problems-${name}`);

    await editor.page.keyboard.press("Control+.");
    const fix = editor.page.locator(".action-widget .monaco-list-row", {
      hasText: `Relabel to ${to}`,
    });
    await fix.waitFor();
    await editor.screenshot(`fixes-${name}`);
    await fix.click();
    await expect
      .poll(() => editor.marks(), { timeout: 20_000 })
      .toContainEqual(`→ relabelled ${to}`);
    await expect.poll(() => count()).toBeLessThan(before);
    await editor.screenshot(`relabelled-${name}`);
    const file = path.join(folder, "train.jsonl");
    const original = await readFile(file, "utf8");
    await editor.page.keyboard.press("Control+S");
    const expected = original.split("\n");
    expected[line - 1] = (expected[line - 1] ?? "").replace(`"${from}"`, `"${to}"`);
    await expect.poll(() => readFile(file, "utf8")).toBe(expected.join("\n"));

    await editor.page.keyboard.press("Control+Z");
    await editor.page.keyboard.press("Control+S");
    await expect.poll(() => readFile(file, "utf8")).toBe(original);
    await editor.command("TracIn: Undo Review Decision");
    await expect.poll(() => count(), { timeout: 20_000 }).toBe(before);
  });
});

describe("marks on a CSV file", () => {
  it("have lenses and gutter icons, are hidden and shown again, and survive a reload", async () => {
    await vscode.openSample("iris", { "tracin.annotations.codeLens": true });
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await openTraining("train.csv");
    const lens = editor.page.locator(".codelens-decoration", { hasText: "1st proponent" }).first();
    await lens.waitFor();
    expect(await lens.textContent()).toContain("Explain This Row");
    const icon = editor.page.locator(".glyph-margin-widgets [class*='ced-']").first();
    await icon.waitFor();
    expect(await icon.evaluate((glyph) => getComputedStyle(glyph).backgroundImage)).toMatch(
      /marks(\/|%2F)\w+-light\.svg/,
    );
    await editor.screenshot("lenses-light");

    await editor.command("TracIn: Clear Annotations");
    await expect.poll(() => editor.marks()).toEqual([]);
    await expect.poll(() => editor.page.locator(".codelens-decoration").count()).toBe(0);
    await editor.command("TracIn: Show Annotations");
    await expect.poll(() => editor.marks()).toContainEqual(proponent);

    await editor.reload();
    await openTraining("train.csv"); // the window may come back without the preview tab
    await expect.poll(() => editor.marks(), { timeout: 30_000 }).toContainEqual(proponent);

    // That of the row with the cursor: others may lie under the editor's edge.
    await lens.locator("a", { hasText: "Explain This Row" }).click();
    await editor.page.locator(".monaco-editor").first().waitFor();
    await expect
      .poll(() => editor.panel.locator("tracin-query-card .place").textContent(), {
        timeout: 60_000,
      })
      .toContain("train.csv");
  });

  it("find their rows after an edit that was never saved, and are grey on a row that was changed", async () => {
    await vscode.openSample("iris", DARK);
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    await openTraining("train.csv");
    const row = await editor.cursorLine();
    const mark = async () => (await editor.cursorMarks())[0];
    await expect.poll(async () => (await mark())?.text).toEqual(proponent);
    const fresh = (await mark())?.color;
    await editor.page.keyboard.press("Control+Home");
    await editor.page.keyboard.press("End");
    await editor.page.keyboard.type("\n1,1,1,1,setosa\n2,2,2,2,setosa");
    await editor.command("TracIn: Go to Next Influential Row");
    await editor.panelRow(0).locator(".place button").click(); // the panel finds the row where it is now
    await expect.poll(() => editor.cursorLine()).toBe(row + 2);
    await expect.poll(async () => (await mark())?.text).toEqual(proponent);
    expect((await mark())?.color).toBe(fresh);
    await editor.page.keyboard.press("End");
    await editor.page.keyboard.type("x");
    await expect.poll(async () => (await mark())?.color).not.toBe(fresh);
    await editor.page.keyboard.press("Control+K");
    await editor.page.keyboard.press("Control+I");
    const hover = editor.page.locator(".monaco-hover:visible").first();
    await expect.poll(() => hover.textContent()).toContain("Row changed since the run");
    await editor.screenshot("changed-row-dark");
  });
});

describe("marks on images", () => {
  it("are badges of every kind on the files alone, not on their folders", async () => {
    await vscode.openSample("digits", CONTRAST);
    const { editor } = vscode;
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.panelRow(0).locator(".thumbnail button").click({ timeout: 60_000 });
    const image = path.basename(
      (await editor.page
        .locator(".tabs-container .tab.active")
        .getAttribute("data-resource-name")) ?? "",
    );
    await editor.page.locator('.activitybar [aria-label^="Explorer"]').first().click();
    await expect.poll(() => editor.badge(editor.file(image)), { timeout: 20_000 }).toBe("!1");
    expect(await editor.badge(editor.file("train"))).toMatch(/^(none|normal|)$/);
    await editor.screenshot("badges-contrast");
  });
});
