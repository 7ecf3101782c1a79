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

      await writeFile(path.join(folder, "tracin.json"), "{");
      await editor.command("TracIn: Find Mislabelled Examples");
      await editor.panel.locator("tracin-error").waitFor();
      expect(await violations(editor)).toEqual([]);
      await editor.screenshot(`theme-${name}-error`);
    });
  }
});
