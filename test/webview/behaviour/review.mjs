// Reviewing suspects.
import assert from "node:assert/strict";
import { focusedRow, rows, sent, showRun } from "./support.mjs";

export default {
  "suspects are reviewed by keyboard and by buttons, and undone": async (page) => {
    await showRun(page, "digits", "suspects", { rows: 50 });
    const decision = (index) => rows(page).nth(index).locator(".decision");
    const progress = page.locator("tracin-review-bar .progress");
    await rows(page).first().focus();
    await page.keyboard.press("k");
    await decision(0).waitFor();
    assert.equal(await decision(0).textContent(), "kept");
    assert.equal(await focusedRow(page), 1, "the focus moves on");
    await page.keyboard.press("x");
    await decision(1).waitFor();
    await page.keyboard.press("0");
    await decision(2).waitFor();
    assert.equal(await decision(2).textContent(), "→ 9", "0 is the tenth label");
    assert.equal(await progress.textContent(), "3 of 50 reviewed");
    assert.equal(await page.getByRole("status").last().textContent(), "Row 3: → 9");
    await page.keyboard.press("Home");
    await page.keyboard.press("n");
    await page.waitForTimeout(60);
    assert.equal(await focusedRow(page), 3, "the next one without a decision");
    await page.getByRole("button", { name: "Undo" }).click();
    await decision(2).waitFor({ state: "detached" });
    assert.equal(await progress.textContent(), "2 of 50 reviewed");
  },

  "rows are selected with Shift and Ctrl, decided about together and copied": async (page) => {
    await showRun(page, "digits", "suspects", { rows: 50 });
    const selected = () => page.locator('tracin-row[aria-selected="true"]').count();
    await rows(page).first().focus();
    for (let press = 0; press < 2; press++) {
      await page.keyboard.press("Shift+ArrowDown");
      await page.waitForTimeout(60);
    }
    assert.equal(await selected(), 3);
    const bar = page.locator("tracin-review-bar");
    assert.equal(await bar.locator(".selected").textContent(), "3 selected");
    await page.keyboard.press("k");
    await page.waitForFunction(() => window.harness.sent.some((m) => m.method === "decide"));
    assert.equal((await sent(page, "decide"))[0].params.items.length, 3);
    assert.equal(await page.getByRole("status").last().textContent(), "3 rows: kept");
    await page.keyboard.press("Escape");
    assert.equal(await selected(), 1);
    await rows(page)
      .nth(4)
      .click({ modifiers: ["Control"], position: { x: 5, y: 8 } });
    assert.equal(await selected(), 2, "the active row and the clicked one");
    assert.equal((await sent(page, "reveal")).length, 0, "a click that selects opens nothing");
    const copied = await page
      .locator("tracin-row")
      .nth(4)
      .evaluate((row) => {
        const clipboardData = new DataTransfer();
        const event = new ClipboardEvent("copy", { clipboardData, bubbles: true, composed: true });
        row.dispatchEvent(event);
        return clipboardData.getData("text/plain");
      });
    const [head, ...lines] = copied.replace(/\n$/, "").split("\n");
    assert.match(
      head,
      /^rank\texample\ttarget\tpredicted\t.*margin\tcombined\tloss\tself_influence\tplace/,
    );
    assert.equal(lines.length, 2);
    assert.ok(lines.every((line) => line.split("\t").length === head.split("\t").length));
    await page.keyboard.press("r");
    await page.waitForFunction(
      () => window.harness.sent.filter((m) => m.method === "decide").length === 2,
    );
    const { decision, items } = (await sent(page, "decide"))[1].params;
    assert.deepEqual(decision, { kind: "suggestion" });
    assert.ok(items.every(({ suggested }) => suggested !== undefined));
    await page.getByRole("button", { name: "All…" }).click();
    await page.getByText("40 of 50 rows decided.").waitFor();
    assert.equal((await sent(page, "decideShown"))[0].params.view, "suspects");
  },

  "what argues for and against a label is computed when asked for, once": async (page) => {
    await showRun(page, "digits", "suspects");
    const row = rows(page).first();
    await row.getByRole("button", { name: "Show the whole example" }).click();
    await row.getByRole("button", { name: "Examples for and against this label" }).click();
    await row.getByRole("heading", { name: /^Against/ }).waitFor();
    assert.equal(await row.getByRole("listitem").count(), 6);
    const next = await rows(page).nth(1).boundingBox();
    const own = await row.boundingBox();
    assert.ok(next.y >= own.y + own.height - 1, "the next row stands below the neighbours");
    await row.getByRole("button", { name: "Show less" }).click();
    await row.getByRole("button", { name: "Show the whole example" }).click();
    await row.getByRole("heading", { name: /^For/ }).waitFor();
    assert.equal((await sent(page, "getNeighbours")).length, 1);
  },
};
