import { copyFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { violations } from "../support/axe.ts";
import { ROOT } from "../support/paths.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("new-example");

describe("an example that stands in no dataset", () => {
  it("is a text typed in the panel, whose score is shown word by word", async () => {
    await vscode.openSample("spam");
    const { editor } = vscode;
    const { panel } = editor;
    await vscode.explain(1, "Save up to");
    await editor.ranked();
    await panel.getByRole("button", { name: "Explain another text" }).click();
    const text = panel.getByRole("textbox", { name: "Text to explain" });
    await text.fill("Congratulations! You have won a free prize, call now to claim");
    await editor.page.keyboard.press("Control+Enter");
    await panel
      .locator("tracin-query-card")
      .getByText("won a free prize")
      .first()
      .waitFor({ timeout: 60_000 });
    await editor.ranked();
    await panel.locator("tracin-query-card").getByText("New text").waitFor();
    // The form has made room for its answer, and the next key opens it again.
    const again = panel.getByRole("button", { name: "Explain another text" });
    expect(await again.getAttribute("aria-expanded")).toBe("false");
    expect(await text.count()).toBe(0);

    // The heat map over the words of a training example: its parts add up to the layer's part.
    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("Space");
    const where = panel.locator("tracin-where").first();
    await where.scrollIntoViewIfNeeded();
    const words = where.locator(".tokens > *");
    await words.first().waitFor({ timeout: 60_000 });
    const titles = await words.evaluateAll((all) =>
      all.map((word) => word.getAttribute("title") ?? ""),
    );
    const parts = titles.map((title) => Number(/([+-][\d.Ee+-]+)$/.exec(title)?.[1] ?? 0));
    const told = await where.getByText(/together [+-]/).textContent();
    const total = Number(/together ([+-][\d.Ee+-]+)/.exec(told ?? "")?.[1] ?? Number.NaN);
    const sum = parts.reduce((all, part) => all + part, 0);
    // Three digits are shown of each word and of the sum: half a percent of each.
    const shown = parts.reduce((all, part) => all + Math.abs(part), Math.abs(total));
    expect(shown).toBeGreaterThan(0);
    expect(Math.abs(sum - total)).toBeLessThan(0.005 * shown);
    expect(await violations(editor)).toEqual([]);
    await editor.screenshot("new-text-light");

    await again.press("Enter");
    expect(await text.inputValue()).toContain("won a free prize");
    await text.fill("");
    await expect
      .poll(() => panel.getByRole("button", { name: "Explain", exact: true }).isDisabled())
      .toBe(true);
  });

  it("is an image picked from disk, with a heat map over a training image", async () => {
    const folder = await vscode.openSample("digits", {
      "workbench.colorTheme": "Default Dark Modern",
    });
    const { editor } = vscode;
    const { panel } = editor;
    const image = path.join(path.dirname(folder), "elsewhere.png");
    await copyFile(path.join(ROOT, "samples", "digits", "test", "0012.png"), image);
    await vscode.explain(12, "test/0012.png");
    await editor.ranked();
    const firstRows = async () => {
      const texts = await Promise.all(
        [".place", ".score"].map((part) => panel.locator(`tracin-row ${part}`).allTextContents()),
      );
      return texts.map((all) => all.slice(0, 3).map((text) => text.trim()));
    };
    const ofTest = await firstRows();
    expect(ofTest.flat()).toHaveLength(6);
    await panel.getByRole("button", { name: "Explain another image…" }).click();
    const input = editor.quickInput.locator("input.input");
    await expect.poll(() => input.inputValue()).toMatch(/^\//);
    await editor.page.waitForTimeout(800); // the dialog has read the folder
    await input.fill(image);
    await editor.page.waitForTimeout(500);
    await editor.page.keyboard.press("Enter");
    await panel
      .locator("tracin-query-card")
      .getByText("New image")
      .first()
      .waitFor({ timeout: 60_000 });
    await editor.ranked();
    // The same image, predicted as its label says: the same rows with the same scores.
    expect(await firstRows()).toEqual(ofTest);

    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("Space");
    const map = panel.locator("tracin-where tracin-heat-map").first();
    await map.locator("canvas").waitFor();
    const painted = await map.locator("canvas").evaluate((canvas) => {
      const { width, height } = canvas as HTMLCanvasElement;
      const data = (canvas as HTMLCanvasElement)
        .getContext("2d")
        ?.getImageData(0, 0, width, height).data;
      return {
        width,
        height,
        strongest: Math.max(...(data ?? []).filter((_, at) => at % 4 === 3)),
      };
    });
    expect(painted).toEqual({ width: 28, height: 28, strongest: 230 });
    expect(await map.locator("[role=img]").getAttribute("aria-label")).toMatch(
      /the strongest place is at the (top|middle|bottom) (left|centre|right) with [+-]/,
    );
    expect(await violations(editor)).toEqual([]);
    await editor.screenshot("new-image-dark");
    await editor.resizeSidebar(200);
    await editor.screenshot("new-image-narrow");
  });
});
