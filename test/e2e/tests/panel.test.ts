import type { Frame } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { Editor } from "../support/editor.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("panel");

/** The page of the panel in the side bar, or as an editor, once it ranks examples. */
async function panelIn(editor: Editor, place: "sidebar" | "editor"): Promise<Frame> {
  let found: Frame | undefined;
  await expect
    .poll(
      async () => {
        for (const frame of editor.page.frames()) {
          const isPlace = await frame
            .locator(`html[data-place="${place}"] tracin-run tracin-row .place button`)
            .first()
            .isVisible()
            .catch(() => false); // a frame on its way out
          found = isPlace ? frame : found;
        }
        return found !== undefined && !found.isDetached();
      },
      { timeout: 60_000 },
    )
    .toBe(true);
  return found as Frame;
}

/** The place of the first row. */
async function firstPlace(panel: Frame): Promise<string> {
  return (await panel.locator("tracin-row .place").first().textContent())?.trim() ?? "";
}

describe("the panel as an editor", () => {
  it("stands beside the side bar on the same run, and comes back after hiding and reloading", async () => {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await vscode.explain(142, "test/0142.png");
    await editor.ranked();
    await editor.command("TracIn: Open Influence in Editor");
    const tab = await panelIn(editor, "editor");
    const sidebar = await panelIn(editor, "sidebar");
    expect(await firstPlace(tab)).toBe(await firstPlace(sidebar));

    await editor.resizeSidebar(300);
    await expect.poll(() => tab.locator("tracin-ranked-list").count()).toBe(2);
    await editor.screenshot("panel-editor");

    // The tab keeps its own state: the side bar stays where it is.
    await tab.getByRole("tab", { name: "Suspects" }).click();
    await tab.locator("tracin-ranked-list[view=suspects] tracin-row").first().waitFor();
    expect(await sidebar.locator("tracin-ranked-list[view=proponents]").count()).toBe(1);

    await editor.openFile("README.md");
    await editor.tab("Influence").click();
    const back = await panelIn(editor, "editor");
    await back.locator("tracin-ranked-list[view=suspects] tracin-row").first().waitFor();

    await editor.reload();
    const restored = await panelIn(editor, "editor");
    await restored.locator("tracin-ranked-list[view=suspects] tracin-row").first().waitFor();
    await restored
      .getByRole("tab", { name: "Proponents" })
      .or(restored.getByRole("tab", { name: "Influence" }))
      .first()
      .click();
    await restored.locator("tracin-ranked-list[view=proponents] tracin-row").first().waitFor();

    // What is asked next is shown where the panel is open: in the editor too.
    await vscode.explain(136, "test/0136.png");
    await expect
      .poll(() => restored.locator("tracin-query-card .place").textContent(), { timeout: 60_000 })
      .toContain("0136.png");
  });
});
