import { appendFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { violations } from "../support/axe.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("themes");

const THEMES = {
  dark: "Default Dark Modern",
  light: "Default Light Modern",
  "hc-dark": "Default High Contrast",
  "hc-light": "Default High Contrast Light",
};

describe("the panel in VS Code's own themes", () => {
  for (const [name, theme] of Object.entries(THEMES)) {
    it(`has no violation of axe-core's rules: ${name}`, async () => {
      const folder = await vscode.openSample("digits", { "workbench.colorTheme": theme });
      const { editor } = vscode;
      await editor.openSidebar();
      await editor.panel.locator("tracin-welcome").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-empty`);

      await vscode.explain(12, "test/0012.png");
      await editor.ranked();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-run`);
      await editor.resizeSidebar(200);
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-narrow`);
      await editor.resizeSidebar(700);
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-wide`);

      await editor.panel.getByRole("tab", { name: "Suspects" }).click();
      await editor.panel.locator("tracin-ranked-list[view=suspects] tracin-row").first().waitFor();
      await editor.panel.locator('select[aria-label="Histogram"]').selectOption("loss");
      await editor.panel.locator("tracin-histogram button").first().waitFor();
      await editor.panel.locator("tracin-filter-bar input").fill("lss > 1");
      await editor.panel.locator("tracin-filter-bar .problem").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-suspects`);
      await editor.resizeSidebar(300);
      await editor.panel.locator("tracin-filter-bar input").fill("line < 0");
      await editor.panel.getByText("No training example meets the filter.").waitFor();
      await editor.screenshot(`theme-${name}-nothing`);

      await editor.command("TracIn: Explain Test Set");
      await editor.panel
        .getByRole("grid", { name: /^Confusion matrix/ })
        .waitFor({ timeout: 60_000 });
      await editor.ranked();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-test-set`);
      await editor.resizeSidebar(700);
      await editor.panel.getByRole("button", { name: /^Wrong/ }).click();
      await editor.panel.getByText(/^Wrong: \d+ examples/).waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-test-set-wide`);
      await editor.resizeSidebar(300);

      const data = path.join(folder, "train", "labels.csv");
      await appendFile(data, "0000.png,1\n");
      await editor.command("TracIn: Refresh");
      await editor.panel.getByText("Out of date").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-stale`);

      await writeFile(path.join(folder, "tracin.json"), "{");
      await editor.command("TracIn: Find Mislabelled Examples");
      await editor.panel.locator("tracin-error").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-error`);
    });

    it(`has none where a new text is explained: ${name}`, async () => {
      await vscode.openSample("spam", { "workbench.colorTheme": theme });
      const { editor } = vscode;
      const { panel } = editor;
      await vscode.explain(1, "Save up to");
      await editor.ranked();
      await panel.getByRole("button", { name: "Explain another text" }).click();
      await panel.getByRole("textbox", { name: "Text to explain" }).fill("You have won a prize");
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-compose`);
      await editor.page.keyboard.press("Control+Enter");
      await panel.locator("tracin-query-card").getByText("New text").waitFor({ timeout: 60_000 });
      await editor.ranked();
      await editor.panelRow(0).focus();
      await editor.page.keyboard.press("Space");
      await panel.locator("tracin-where .tokens").first().waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-words`);
    });
  }
});
