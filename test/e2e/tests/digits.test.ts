import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { computeProcesses } from "../support/processes.ts";
import { useVSCode } from "../support/session.ts";

/** So slow that there is time to cancel and to kill. */
const SLOW = { "tracin.engine": "reference", "tracin.processes": 1 };

const vscode = useVSCode("digits");

function explainFromPalette(index: number): Promise<void> {
  return vscode.explain(index, `test/${String(index).padStart(4, "0")}.png`);
}

describe("explaining a digit", () => {
  it("works from the palette, and a click leads to the row, with marks and badges", async () => {
    const folder = await vscode.openSample("digits");
    const { editor } = vscode;
    await explainFromPalette(142);
    await editor.ranked();
    await expect.poll(() => editor.panel.locator("tracin-row").count()).toBeGreaterThan(5);

    await editor.panelRow(0).locator(".place button").click();
    await editor.tab("labels.csv").waitFor();
    const place = await editor.panelRow(0).locator(".place").textContent();
    await expect
      .poll(() => editor.marks())
      .toContainEqual(expect.stringMatching(/^▲ 1st proponent \+/));
    const status = await editor.page.locator('[id="status.editor.selection"]').textContent();
    const line = Number(/Ln (\d+)/.exec(status ?? "")?.[1]);
    const rows = (await readFile(path.join(folder, "train", "labels.csv"), "utf8")).split("\n");
    const image = rows[line - 1]?.split(",")[0] ?? "no row";
    expect(place).toContain(`train/labels.csv:${line}`);
    await editor.screenshot("explain-light");

    await editor.panelRow(0).locator(".thumbnail button").click();
    await editor.tab(image).waitFor();
    await expect.poll(() => editor.badge(editor.tab(image))).toBe("P1");
    await editor.page.locator('.activitybar [aria-label^="Explorer"]').first().click();
    await expect.poll(() => editor.badge(editor.file(image))).toBe("P1");
    await editor.screenshot("badge-light");
  });

  it("explains another label, which is chosen in the panel", async () => {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await explainFromPalette(136);
    await editor.ranked();
    const labels = editor.panel.locator("#explain");
    await labels.click();
    // Each label can be reached: the list lies over the tabs below it.
    for (const label of await labels.locator("vscode-option").all()) {
      await label.click({ trial: true });
    }
    await labels.locator("vscode-option", { hasText: /^\s*5\s*$/ }).click();
    await editor.unfold("Runs");
    await editor.treeRow("Runs", "test 136, label 5").waitFor({ timeout: 60_000 });
    await editor.ranked();
  });

  it("works from the context menu on a row", async () => {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await editor.openFile("test/labels.csv");
    await editor.contextMenu(editor.line(4), "Explain Prediction");
    await editor.ranked();
    await expect
      .poll(() => editor.panel.locator("tracin-query-card .place").textContent())
      .toContain("0002.png");
    await expect.poll(() => editor.marks()).toContain("◆ query");

    await editor.openFile("README.md");
    await editor.line(3).click({ button: "right", position: { x: 20, y: 8 } });
    await editor.menuItem("Command Palette").waitFor();
    expect(await editor.menuItem("Explain Prediction").count()).toBe(0);
  });

  it("works from the context menu on an image in the Explorer", async () => {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await editor.file("test").click();
    await editor.contextMenu(editor.file("0003.png"), "Explain Prediction");
    await editor.ranked();
    await expect
      .poll(() => editor.panel.locator("tracin-query-card .place").textContent())
      .toContain("0003.png");
    await editor.page.locator('.activitybar [aria-label^="Explorer"]').first().click();
    await expect.poll(() => editor.badge(editor.file("0003.png"))).toBe("Q");
  });

  it("comes back after a reload without computing, and marks can be cleared", async () => {
    await vscode.openSample("digits");
    const { editor } = vscode;
    await explainFromPalette(7);
    await editor.ranked();
    await editor.openFile("train/labels.csv");
    await editor.command("TracIn: Go to Next Influential Row");
    await expect.poll(() => editor.marks()).not.toEqual([]);
    await editor.reload();
    await editor.openFile("train/labels.csv");
    await editor.command("TracIn: Go to Next Influential Row");
    await expect.poll(() => editor.marks(), { timeout: 30_000 }).not.toEqual([]);
    await editor.openSidebar();
    await editor.ranked();
    await editor.unfold("Runs");
    await editor.treeRow("Runs", "test 7").waitFor();
    await editor.command("TracIn: Clear Annotations");
    await expect.poll(() => editor.marks()).toEqual([]);
  });
});

describe("while it computes", () => {
  it("can be cancelled", async () => {
    await vscode.openSample("digits", SLOW);
    const { editor } = vscode;
    await explainFromPalette(3);
    const status = editor.page.locator(".statusbar-item", { hasText: "Explaining test 3" });
    await status.filter({ hasText: "%" }).waitFor();
    await editor.panel.locator("tracin-computing").waitFor();
    await editor.screenshot("computing-light");
    const started = Date.now();
    await editor.command("TracIn: Cancel Computation");
    await status.waitFor({ state: "detached" });
    expect(Date.now() - started).toBeLessThan(5000);
    await editor.panel.locator("tracin-welcome").waitFor();
  });

  it("gives way to another one, and cancelled shows the run of before", async () => {
    const folder = await vscode.openSample("digits");
    const { editor } = vscode;
    await explainFromPalette(4);
    await editor.ranked();
    await writeFile(path.join(folder, ".vscode", "settings.json"), JSON.stringify(SLOW));
    await editor.page.waitForTimeout(2000); // nothing shows when VS Code has read its settings
    const heading = editor.panel.locator("tracin-computing");
    await explainFromPalette(5);
    await heading.getByText("Explaining test 5").first().waitFor();
    await explainFromPalette(6);
    await heading.getByText("Explaining test 6").first().waitFor();
    await editor.panel.locator("vscode-button", { hasText: "Cancel" }).click();
    await editor.ranked();
    const place = await editor.panel.locator("tracin-query-card .place").textContent();
    expect(place).toContain("test/0004.png");
  });

  it("survives that the compute process is killed", async () => {
    await vscode.openSample("digits", SLOW);
    const { editor } = vscode;
    await explainFromPalette(3);
    await editor.panel.locator("tracin-computing").waitFor();
    const before = await computeProcesses(vscode.server.home);
    expect(before.length).toBeGreaterThan(0);
    for (const pid of before) {
      process.kill(pid, "SIGKILL");
    }
    await editor.notification("was ended by SIGKILL").waitFor();
    await editor.screenshot("killed-light");
    await editor.panel.locator("tracin-error").waitFor();

    // VS Code goes on: a file opens and takes edits, and the new process answers.
    await editor.openFile("test/labels.csv");
    await editor.line(1).click();
    await editor.page.keyboard.type("x");
    await expect.poll(() => editor.line(1).textContent()).toContain("x");
    await editor.openSidebar();
    await editor.unfold("Checkpoints");
    // The first one: a tree has no rows below its fold.
    await editor.treeRow("Checkpoints", "epoch-1.pt").waitFor();
    const after = await computeProcesses(vscode.server.home);
    expect(after.filter((pid) => !before.includes(pid)).length).toBeGreaterThan(0);
  });
});

describe("finding mislabelled digits", () => {
  it("ranks suspects and marks them in the data file", async () => {
    const folder = await vscode.openSample("digits", {
      "workbench.colorTheme": "Default Dark Modern",
    });
    const { editor } = vscode;
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    await editor.panelRow(0).locator(".place button").click();
    await expect
      .poll(() => editor.marks())
      .toContainEqual(expect.stringMatching(/^⚠ \d\? \(0\.\d+\)/));
    await editor.screenshot("suspects-dark");

    const planted = await readFile(path.join(folder, "planted.csv"), "utf8");
    const manifest = (await readFile(path.join(folder, "train", "labels.csv"), "utf8")).split("\n");
    const places = await editor.panel.locator("tracin-row .place").allTextContents();
    const images = places.slice(0, 8).map((place) => {
      const line = Number(/labels\.csv:(\d+)/.exec(place)?.[1]);
      return manifest[line - 1]?.split(",")[0] ?? "no row";
    });
    const wrong = images.filter((image) => planted.includes(image));
    expect(wrong.length).toBeGreaterThanOrEqual(5);
  });

  it("looks right in a narrow sidebar and in high contrast", async () => {
    await vscode.openSample("digits", { "workbench.colorTheme": "Default High Contrast" });
    const { editor } = vscode;
    await explainFromPalette(12);
    await editor.ranked();
    await editor.resizeSidebar(200);
    await editor.screenshot("narrow-high-contrast");
    expect(await editor.panelRow(0).isVisible()).toBe(true);
  });
});
