// Filters, histograms and orders of a list.
import assert from "node:assert/strict";
import { sent, showRun } from "./support.mjs";

export default {
  "words and conditions filter, errors stand at their place, columns are completed": async (
    page,
  ) => {
    await showRun(page, "mail", "explain");
    const box = page.getByRole("combobox", { name: "Filter" });
    await box.fill("label = 1");
    await page.getByRole("alert").waitFor();
    assert.equal(await page.locator(".problem mark").textContent(), "label");
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    const before = await sent(page, "getRows");
    assert.ok(
      before.every((m) => m.params.filter === undefined),
      "a wrong filter is not used",
    );
    await box.fill("");
    await box.pressSequentially("targ");
    assert.equal(
      await page.locator("[role=listbox]#completions [role=option]").textContent(),
      "target",
    );
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await box.inputValue(), "target ");
    await box.pressSequentially("= 'spam'");
    await page.waitForFunction(() =>
      window.harness.sent.some(
        (m) => m.params?.filter?.text === "target = 'spam'" && m.method === "getRows",
      ),
    );
    assert.equal(await page.getByRole("treegrid").getAttribute("aria-rowcount"), "95");
    assert.equal(
      await page.evaluate(() => window.harness.getSaved().filter.text),
      "target = 'spam'",
    );
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.waitForFunction(
      () => document.activeElement !== null && window.harness.getSaved().filter.text === "",
    );
  },

  "Enter asks for the rows beside the check; rows of a wrong filter are not shown": async (
    page,
  ) => {
    await showRun(page, "mail", "explain");
    const box = page.getByRole("combobox", { name: "Filter" });
    const length = () => page.getByRole("treegrid").getAttribute("aria-rowcount");
    const all = await length();
    for (const [text, rows] of [
      ["label = 1", all],
      ["target = 'spam'", "95"],
    ]) {
      await box.fill(text);
      // Both are on their way before either is answered.
      const asked = await page.evaluate((filter) => {
        window.harness.sent.length = 0;
        let element = document.activeElement;
        while (element.shadowRoot?.activeElement) {
          element = element.shadowRoot.activeElement;
        }
        element.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
        return window.harness.sent
          .filter((m) => m.method === "checkFilter" || m.params?.filter?.text === filter)
          .map((m) => m.method);
      }, text);
      assert.deepEqual(asked, ["getRows", "checkFilter"]);
      await (rows === all
        ? page.getByRole("alert").waitFor()
        : page.locator(`[role=treegrid][aria-rowcount="${rows}"]`).waitFor());
      assert.equal(await length(), rows);
    }
  },

  "bars of the histogram filter, by drag and by key, and a chip takes it back": async (page) => {
    await showRun(page, "digits", "explain");
    await page.getByLabel("Histogram", { exact: true }).selectOption("score");
    const bars = page.locator("tracin-histogram [data-bin]");
    await bars.first().waitFor();
    assert.equal(await bars.count(), 24);
    await bars.nth(3).hover();
    await page.mouse.down();
    await bars.nth(6).hover();
    await page.mouse.up();
    const ranges = () => page.evaluate(() => window.harness.getSaved().filter.ranges);
    const width = 0.4 / 24;
    const [range] = await ranges();
    assert.ok(Math.abs(range.from - (-0.2 + 3 * width)) < 1e-12);
    assert.ok(Math.abs(range.to - (-0.2 + 7 * width)) < 1e-12);
    await bars.nth(0).focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    assert.ok(Math.abs((await ranges())[0].from - (-0.2 + width)) < 1e-12);
    await page.getByRole("button", { name: /^Remove score/ }).click();
    assert.deepEqual(await ranges(), []);
  },

  "any order, by menu and by header, and back": async (page) => {
    await page.setViewportSize({ width: 800, height: 700 });
    await showRun(page, "mail", "suspects");
    const sort = () => page.evaluate(() => window.harness.getSaved().sort);
    await page
      .getByRole("button", { name: "Sort by Target" })
      .or(page.getByTitle("Sort by Target"))
      .first()
      .click();
    assert.deepEqual(await sort(), { column: "target", descending: false });
    await page
      .getByRole("columnheader", { name: /Target/ })
      .and(page.locator("[aria-sort=ascending]"))
      .waitFor();
    const menu = page.getByLabel("Order of the list");
    await menu.selectOption("example");
    assert.deepEqual(await sort(), { column: "example", descending: false });
    await page.getByRole("button", { name: /^Smallest first/ }).click();
    assert.deepEqual(await sort(), { column: "example", descending: true });
    await menu.selectOption("");
    assert.equal(await sort(), undefined);
    await page.getByRole("tab", { name: "All" }).click();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.params?.view === "all"));
  },
};
