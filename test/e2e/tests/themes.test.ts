import { writeFile } from "node:fs/promises";
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

      await writeFile(path.join(folder, "tracin.json"), "{");
      await editor.command("TracIn: Find Mislabelled Examples");
      await editor.panel.locator("tracin-error").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-error`);
    });
  }
});
