import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { Editor } from "../support/editor.ts";
import { NODE, ROOT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("export");

/** Chooses a list to export, and the file. */
async function exportTo(editor: Editor, list: string | RegExp, file: string): Promise<void> {
  await editor.command("TracIn: Export Results");
  await editor.quickRow(list).click();
  await saveAs(editor, file);
  await editor.notification(`The list was written to ${file}`).waitFor();
}

/** Answers the dialog that asks where to save. */
async function saveAs(editor: Editor, file: string): Promise<void> {
  const input = editor.quickInput.locator("input.input");
  await expect.poll(() => input.inputValue()).toMatch(/^\//);
  await editor.page.waitForTimeout(800); // the dialog has read the folder
  await input.fill(file);
  await editor.page.waitForTimeout(500);
  await editor.page.keyboard.press("Enter");
}

/** What the CLI writes of the same run: no dialog, no editor. */
async function byCli(folder: string, list: string, to: string): Promise<Buffer> {
  const [run = ""] = await readdir(path.join(folder, ".tracin", "runs"));
  const cli = path.join(ROOT, "dist", "cli.js");
  const options = ["export", run, "--list", list, "--root", folder, "--out", to];
  await promisify(execFile)(NODE, [cli, ...options]);
  return readFile(to);
}

describe("exporting from the palette", () => {
  it("writes a ranking as CSV, JSONL and Parquet, and the indices to drop", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    await vscode.explain(4, "species");
    await editor.ranked();
    const file = (name: string) => path.join(folder, name);
    for (const format of ["csv", "jsonl", "parquet"]) {
      await exportTo(editor, "Proponents", file(`out.${format}`));
      const expected = await byCli(folder, "proponents", file(`cli.${format}`));
      expect((await readFile(file(`out.${format}`))).equals(expected)).toBe(true);
    }
    // The first row of the file is the first one of the panel.
    const [header = "", first = ""] = (await readFile(file("out.csv"), "utf8")).split("\n");
    const cells = first.split(",");
    const cell = (name: string) => cells[header.split(",").indexOf(name)];
    const place = (await editor.panelRow(0).locator(".place").textContent())?.trim();
    expect(`${cell("file")}:${cell("line")}`).toBe(place);

    // What the panel shows is narrowed as the panel is.
    const filter = editor.panel.locator("tracin-filter-bar input");
    const grid = editor.panel.locator("[role=treegrid]");
    const whole = await grid.getAttribute("aria-rowcount");
    await filter.fill("target = 'virginica' and score > 0");
    await filter.press("Enter");
    await expect.poll(() => grid.getAttribute("aria-rowcount")).not.toBe(whole);
    const rows = Number(await grid.getAttribute("aria-rowcount"));
    await exportTo(editor, "What the Panel Shows", file("shown.csv"));
    const shown = (await readFile(file("shown.csv"), "utf8")).trim().split("\n");
    expect(shown).toHaveLength(rows + 1);
    const all = new Set((await readFile(file("out.csv"), "utf8")).split("\n"));
    expect(shown.slice(1).filter((row) => !row.includes("virginica"))).toEqual([]);
    expect(shown[0]).toBe(header);
    // A header and the line end.
    expect(all.size).toBe(Number(whole) + 2);
    await filter.fill("");
    await filter.press("Enter");

    await editor.panel.getByRole("tab", { name: "Suspects" }).click();
    const suspects = editor.panel.locator("tracin-ranked-list[view=suspects] tracin-row");
    const line = /:(\d+)/.exec((await suspects.nth(1).locator(".place").textContent()) ?? "")?.[1];
    await suspects.nth(1).focus();
    await editor.page.keyboard.press("x");
    await expect.poll(() => suspects.nth(1).locator(".decision").textContent()).toBe("excluded");
    await exportTo(editor, "Indices to Drop", file("drop.txt"));
    expect(await readFile(file("drop.txt"), "utf8")).toBe(`${Number(line) - 2}\n`);
  });

  it("writes the cleaned copy of a JSONL file after a decision about all rows of a filter", async () => {
    const folder = await vscode.openSample("spam");
    const { editor } = vscode;
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    const filter = editor.panel.locator("tracin-filter-bar input");
    await filter.fill("margin < -0.5");
    await filter.press("Enter");
    const grid = editor.panel.locator("[role=treegrid]");
    await expect.poll(() => grid.getAttribute("aria-rowcount")).not.toBe("1200");
    await editor.ranked();
    const count = Number(await grid.getAttribute("aria-rowcount"));
    expect(count).toBeGreaterThan(1);
    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("a");
    await editor.quickRow(`Relabel ${count} to the Suggestion`).click();
    const dialog = editor.page.locator(".monaco-dialog-box");
    await dialog.getByText("Decide", { exact: true }).click();
    await editor.panel.getByText(`${count} of ${count} rows decided.`).waitFor();
    await editor.screenshot("review-all-light");

    const before = await readFile(path.join(folder, "train.jsonl"), "utf8");
    const lines = before.split("\n");
    const decisions = (await readFile(path.join(folder, ".tracin/reviews.jsonl"), "utf8"))
      .trim()
      .split("\n")
      .map((text): { line: number; from: string; to: string } => JSON.parse(text));
    expect(decisions).toHaveLength(count);
    for (const { line, from, to } of decisions) {
      expect([from, to].sort()).toEqual(["ham", "spam"]);
      const row = lines[line - 1] ?? "";
      expect(row).toContain(`"label": "${from}"`);
      lines[line - 1] = row.replace(`"label": "${from}"`, `"label": "${to}"`);
    }
    await editor.command("TracIn: Write Cleaned Copy");
    await saveAs(editor, path.join(folder, "clean.jsonl"));
    await editor.notification(`${count} examples relabelled, 0 left out`).waitFor();
    expect(await readFile(path.join(folder, "clean.jsonl"), "utf8")).toBe(lines.join("\n"));
    expect(await readFile(path.join(folder, "train.jsonl"), "utf8")).toBe(before);

    // Apply makes the same of the file itself.
    await editor.panel.locator("tracin-review-bar .apply").click();
    await editor.notification(`${count} examples changed, 0 of them excluded`).waitFor();
    expect(await readFile(path.join(folder, "train.jsonl"), "utf8")).toBe(lines.join("\n"));
  });
});
