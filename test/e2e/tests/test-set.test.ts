import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { violations } from "../support/axe.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("test-set");

describe("explaining a test set", () => {
  it("goes from the confusion matrix to a cell, its examples and what hurt them", async () => {
    const folder = await vscode.openSample("digits");
    const { editor } = vscode;
    await editor.command("TracIn: Explain Test Set");
    await editor.ranked();
    const { panel } = editor;
    const rows = (await readFile(path.join(folder, "test", "labels.csv"), "utf8")).trim();
    const examples = rows.split("\n").length - 1;
    await panel.getByText(`All: ${examples} examples`).waitFor();
    const grid = panel.getByRole("grid", { name: /^Confusion matrix/ });
    expect(await grid.getByRole("rowheader").count()).toBe(10);
    const counts = await grid.getByRole("gridcell").allTextContents();
    const sum = counts.reduce((total, text) => total + Number(text), 0);
    expect(sum).toBe(examples);
    await editor.screenshot("test-set-light");

    await grid.getByRole("gridcell", { name: /^Target 2, predicted 3: [1-9]/ }).click();
    const chosen = panel.getByText(/^Target 2, predicted 3: \d+ examples?$/);
    await chosen.waitFor();
    const count = Number(/: (\d+) /.exec((await chosen.textContent()) ?? "")?.[1]);
    const items = panel.locator("tracin-test-rows li");
    await expect.poll(() => items.count()).toBe(Math.min(4, count));
    await panel.getByRole("button", { name: /^Explain Th(is|ese \d+) Examples?$/ }).click();
    await editor.unfold("Runs");
    await editor.treeRow("Runs", "test, 2 taken for 3").waitFor({ timeout: 60_000 });
    await editor.ranked();
    await panel.getByText("The lists below are about the mean loss of these examples.").waitFor();
    await expect
      .poll(() => panel.getByRole("tab", { selected: true }).textContent())
      .toBe("Opponents");
    expect(await violations(editor)).toEqual([]);
    await editor.screenshot("test-set-cell-light");

    await items
      .first()
      .getByRole("button", { name: /^Open test\/labels\.csv:/ })
      .click();
    await editor.tab("labels.csv").waitFor();
    await items
      .first()
      .getByRole("button", { name: /^Explain test \d+ by itself$/ })
      .click();
    await panel.locator("tracin-query-card").waitFor({ timeout: 60_000 });
    await editor.ranked();
  });

  it("works from the context menu of the test data in the Explorer", async () => {
    await vscode.openSample("iris");
    const { editor } = vscode;
    await editor.contextMenu(editor.file("test.csv"), "Explain Test Set");
    await editor.ranked();
    await editor.panel.getByText("All: 30 examples").waitFor();
    await editor.panel.getByRole("button", { name: /^Wrong/ }).click();
    await editor.panel.getByText("No test example is like that.").waitFor();
  });
});
