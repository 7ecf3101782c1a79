import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { violations } from "../support/axe.ts";
import { IRIS, writeManyFlowers } from "../support/large.ts";
import { computeProcesses } from "../support/processes.ts";
import { useVSCode } from "../support/session.ts";

/** So slow that most of the run is still to come when its first rows are there. */
const SLOW = { "tracin.engine": "reference", "tracin.processes": 1 };

const vscode = useVSCode("early");

/** The early lists in the panel. */
const early = () => vscode.editor.panel.locator("tracin-early");
const earlyRows = () => early().locator("tracin-row");

/** From how many of how many examples the early rows are. */
async function scored(): Promise<readonly [scored: number, of: number]> {
  const text = await early().locator("p").first().textContent();
  const [, some, all] = /from ([\d,]+) of ([\d,]+) examples/.exec(text ?? "") ?? [];
  const count = (digits: string | undefined) => Number(digits?.replaceAll(",", ""));
  return [count(some), count(all)];
}

/** Where the row with the focus says that its example stands. */
function focusedPlace(): Promise<string | undefined> {
  return vscode.editor.panel.locator("tracin-app").evaluate((app) => {
    let element = app.ownerDocument.activeElement;
    while (element?.shadowRoot?.activeElement && element.localName !== "tracin-row") {
      element = element.shadowRoot.activeElement;
    }
    return element?.localName === "tracin-row"
      ? (element.shadowRoot?.querySelector(".place")?.textContent?.trim() ?? undefined)
      : undefined;
  });
}

const runs = async (folder: string) =>
  (await readdir(path.join(folder, ".tracin", "runs")).catch(() => [])).filter(
    (name) => !name.startsWith("."),
  );

describe("the first rows of a run", () => {
  it("are there before it ends, settle, and keep focus and place when it is finished", async () => {
    const rows = 800_000;
    await vscode.openFolder([IRIS], (copy) => writeManyFlowers(copy, { rows, decimals: 3 }));
    const { editor } = vscode;
    await editor.openSidebar();
    await editor.panel.locator("tracin-welcome").waitFor();
    await editor.command("TracIn: Find Mislabelled Examples");
    await earlyRows().first().locator(".place button").waitFor({ timeout: 60_000 });
    expect(await editor.panel.locator("tracin-run").count()).toBe(0);
    const [first, of] = await scored();
    expect(of).toBe(rows);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(rows);
    expect(await earlyRows().count()).toBe(10);
    await editor.screenshot("early-suspects");
    await expect.poll(async () => (await scored())[0], { timeout: 30_000 }).toBeGreaterThan(first);

    await earlyRows().first().focus();
    await editor.page.keyboard.press("ArrowDown");
    await editor.page.keyboard.press("ArrowDown");
    // Rows come and go until the end; the focus stays with its example, and after the end too where it is still ranked.
    let place: string | undefined;
    await expect
      .poll(
        async () => {
          place = (await early().count()) > 0 ? ((await focusedPlace()) ?? place) : place;
          return editor.panel.locator("tracin-run tracin-row .place button").count();
        },
        { timeout: 120_000, interval: 200 },
      )
      .toBeGreaterThan(0);
    expect(place).toMatch(/^train\.csv:\d+$/);
    await expect.poll(() => early().count()).toBe(0);
    const finished = (
      await editor.panel.locator("tracin-run tracin-row .place").allTextContents()
    ).map((text) => text.trim());
    const expected = finished.includes(place ?? "") ? place : finished[0];
    await expect.poll(focusedPlace).toBe(expected);
    await editor.screenshot("early-finished");

    // What is computed about an opened row can be cancelled, and asked for again.
    await editor.page.keyboard.press("ArrowRight");
    const neighbours = editor.panel.locator("tracin-neighbours").first();
    const ask = neighbours.getByRole("button", { name: "Examples for and against this label" });
    await ask.click();
    await neighbours.getByRole("button", { name: "Cancel" }).click();
    await ask.waitFor();
    expect(await neighbours.locator(".failure").count()).toBe(0);
    await ask.click();
    await neighbours.locator(".sides li").first().waitFor({ timeout: 60_000 });

    // Words that are being looked for give way to another filter.
    const filter = editor.panel.locator("tracin-filter-bar input");
    await filter.evaluate((input: HTMLInputElement) => {
      input.value = "5.9";
      input.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true }));
    });
    await filter.fill("line <= 100");
    await editor.panel.locator('[role=treegrid][aria-rowcount="99"]').waitFor();
  });

  it("go with a cancelled run, and leave nothing behind", async () => {
    const folder = await vscode.openSample("digits", SLOW);
    const { editor } = vscode;
    await vscode.explain(142, "test/0142.png");
    await earlyRows().first().locator(".place button").waitFor({ timeout: 120_000 });
    const [some, all] = await scored();
    expect(some).toBeLessThan(all);
    expect(await early().locator("h2").allTextContents()).toEqual([
      "Proponents so far",
      "Opponents so far",
    ]);
    await editor.screenshot("early-narrow");
    await editor.panel.getByRole("button", { name: "Cancel" }).click();
    await editor.panel.locator("tracin-welcome").waitFor();
    expect(await early().count()).toBe(0);
    await expect.poll(() => runs(folder)).toEqual([]);
  });

  it("come back after the panel was hidden, and go when the compute process is killed", async () => {
    const folder = await vscode.openSample("digits", {
      ...SLOW,
      "workbench.colorTheme": "Default Dark Modern",
    });
    const { editor } = vscode;
    await vscode.explain(143, "test/0143.png");
    await earlyRows().first().locator(".place button").waitFor({ timeout: 120_000 });
    await editor.resizeSidebar(760);
    expect(await violations(editor)).toEqual([]);
    await editor.screenshot("early-dark-wide");
    await editor.page.locator('.activitybar [aria-label^="Explorer"]').first().click();
    await editor.openSidebar();
    await earlyRows().first().locator(".place button").waitFor();
    for (const pid of await computeProcesses(vscode.server.home)) {
      process.kill(pid, "SIGKILL");
    }
    await editor.panel.locator("tracin-error").waitFor();
    expect(await early().count()).toBe(0);
    expect(await runs(folder)).toEqual([]);
  });
});
