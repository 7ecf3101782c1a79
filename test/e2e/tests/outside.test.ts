import { readFile, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("outside");

describe("what another program changes", () => {
  it("is seen in the panel, the trees and the decisions without anything being saved in the editor", async () => {
    const folder = await vscode.openSample("iris");
    const { editor } = vscode;
    const data = path.join(folder, "train.csv");
    const before = await readFile(data, "utf8");
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    await editor.unfold("Runs");
    const run = editor.treeRow("Runs", "suspects in train");
    await run.waitFor();
    expect(await run.textContent()).not.toContain("inputs changed");

    await writeFile(data, before.replace("\n", "\n9.9,9.9,9.9,9.9,setosa\n"));
    await editor.panel.getByText("Out of date").waitFor();
    await expect.poll(() => run.textContent()).toContain("inputs changed");
    await writeFile(data, before);
    await editor.panel.getByText("Out of date").waitFor({ state: "hidden" });
    await expect.poll(() => run.textContent()).not.toContain("inputs changed");

    // A decision, and then a checkout of the state before it.
    const log = path.join(folder, ".tracin", "reviews.jsonl");
    await editor.panelRow(0).focus();
    await editor.page.keyboard.press("x");
    const decision = editor.panelRow(0).locator(".decision");
    await expect.poll(() => decision.textContent()).toBe("excluded");
    const decided = await readFile(log, "utf8");
    await writeFile(log, "");
    await expect.poll(() => decision.count()).toBe(0);
    await writeFile(log, decided);
    await expect.poll(() => decision.textContent()).toBe("excluded");
  });

  it("leaves the badge of an image that was only written again, and greys that of another image", async () => {
    const folder = await vscode.openSample("digits");
    const { editor } = vscode;
    await vscode.explain(3, "test/0003.png");
    await editor.ranked();
    await editor.page.locator('.activitybar [aria-label^="Explorer"]').first().click();
    await editor.file("test").click();
    const row = editor.file("0003.png");
    await expect.poll(() => editor.badge(row)).toBe("Q");
    const told = () => row.locator(".monaco-icon-label").first().getAttribute("aria-label");
    const color = () =>
      row
        .locator(".monaco-icon-label")
        .first()
        .evaluate((label) => getComputedStyle(label, "::after").color);
    const fresh = await color();

    const image = path.join(folder, "test", "0003.png");
    await utimes(image, new Date(), new Date());
    await editor.page.waitForTimeout(2000); // nothing shows that the file was looked at again
    expect(await color()).toBe(fresh);
    expect(await told()).not.toContain("changed since the run");

    await writeFile(image, await readFile(path.join(folder, "test", "0004.png")));
    await expect.poll(() => told()).toContain("The image has changed since the run.");
    expect(await color()).not.toBe(fresh);
    expect(await editor.badge(row)).toBe("Q");
    await editor.screenshot("badge-changed");
  });
});
