// The first rows of a run under way, and other things that take time.
import assert from "node:assert/strict";
import { rows, scrollTop, sent, showRun } from "./support.mjs";

const showEarly = (page, ...parameters) =>
  page.evaluate((given) => window.harness.showEarly(...given), parameters);

/** Number of the example, and place in its list, of the row that has the focus. */
const focusedExample = (page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement && element.localName !== "tracin-row") {
      element = element.shadowRoot.activeElement;
    }
    return element?.localName === "tracin-row"
      ? { example: element.row.index, at: element.index, view: element.view }
      : undefined;
  });

export default {
  "early rows say that they are provisional, follow the arrow keys, and are opened": async (
    page,
  ) => {
    await showEarly(page, "digits", "explain", 640);
    await page
      .getByText("Provisional, from 640 of 1,900 examples, each at all 5 checkpoints")
      .waitFor();
    const grid = page.getByRole("grid", { name: "Proponents so far" });
    assert.equal(await grid.getByRole("row").count(), 10);
    assert.equal(await page.getByRole("grid", { name: "Opponents so far" }).count(), 1);
    assert.match(await page.locator("tracin-early [role=status]").textContent(), /provisional/);
    await rows(page).first().focus();
    await page.keyboard.press("ArrowDown");
    assert.equal((await focusedExample(page)).at, 1);
    await page.keyboard.press("Enter");
    assert.equal((await sent(page, "reveal")).length, 1);
    await page.keyboard.press("End");
    assert.equal((await focusedExample(page)).at, 9);
    // There is no more to see of a row yet.
    assert.equal(await page.getByRole("button", { name: "Expand" }).count(), 0);
    await showEarly(page, "digits", "explain", 1900);
    await page.getByText("All 1,900 examples are scored").waitFor();
  },

  "early rows that change places keep the focus": async (page) => {
    await showEarly(page, "digits", "explain", 640);
    await rows(page).nth(5).focus();
    const { example } = await focusedExample(page);
    await showEarly(page, "digits", "explain", 900, 3);
    await page.getByText("from 900 of").waitFor();
    assert.deepEqual(await focusedExample(page), { example, at: 2, view: "proponents" });
    await showEarly(page, "digits", "explain", 1200, 40);
    await page.getByText("from 1,200 of").waitFor();
    assert.equal((await focusedExample(page)).at, 9, "one that is gone leaves it to the last");
  },

  "the finished list stands where the early one stood, with the focus": async (page) => {
    for (const place of [4, 13]) {
      await showEarly(page, "digits", "explain", 1900);
      await page.getByText("All 1,900 examples are scored").waitFor();
      await rows(page).nth(place).focus();
      const before = await focusedExample(page);
      const top = (await rows(page).nth(place).boundingBox()).y;
      await page.evaluate(() => window.harness.delayRows(150));
      await page.evaluate(() => window.harness.showRun("digits", "explain"));
      await page.waitForFunction(
        () =>
          document.querySelector("tracin-app").shadowRoot.querySelector("tracin-early") === null,
      );
      const list = page.locator(`tracin-ranked-list[view=${before.view}]`);
      await list.locator("tracin-row").first().waitFor();
      await page.waitForTimeout(200);
      assert.deepEqual(await focusedExample(page), before);
      const row = list.locator(`tracin-row[data-index="${before.at}"]`);
      const found = (await row.boundingBox()).y;
      // A list that begins too low cannot come up that far.
      const highest = (await scrollTop(page)) === 0;
      assert.ok(highest || Math.abs(found - top) <= 2, `${place}: ${top} became ${found}`);
      await page.evaluate(() => window.harness.show({ kind: "empty", hasConfig: true }));
      await page.locator("tracin-welcome").waitFor();
    }
  },

  "a question about neighbours is cancelled and asked again": async (page) => {
    await showRun(page, "digits", "suspects");
    await rows(page).first().focus();
    await page.keyboard.press("ArrowRight");
    await page.evaluate(() => window.harness.delayRows(400));
    const ask = page.getByRole("button", { name: "Examples for and against this label" });
    await ask.click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await ask.waitFor();
    assert.equal((await sent(page, "$/cancelRequest")).length, 1);
    assert.equal(await page.locator("tracin-neighbours .failure").count(), 0);
    await ask.click();
    await page.locator("tracin-neighbours .sides").waitFor();
  },

  "a filter that makes wait says what takes time, and another one ends it": async (page) => {
    await showRun(page, "mail", "explain");
    const filter = page.getByRole("combobox", { name: "Filter" });
    await filter.focus();
    const [{ params }] = (await sent(page, "checkFilter")).filter((each) => each.params.readAhead);
    assert.equal(params.text, "");
    await page.evaluate(() => window.harness.delayRows(900));
    await filter.fill("winner");
    await page.getByRole("progressbar", { name: /The first search reads all texts/ }).waitFor();
    await page.evaluate(() => window.harness.delayRows(0));
    await filter.fill("score > 0.1");
    await rows(page).first().waitFor({ timeout: 700 });
    await filter.blur();
    await filter.focus();
    await page.waitForTimeout(600);
    const ahead = (await sent(page, "checkFilter")).filter((each) => each.params.readAhead);
    assert.deepEqual(
      ahead.map((each) => each.params.readAhead),
      ["typing"],
      "once for a run",
    );
  },

  "a list that is looked at has its texts read before anybody types": async (page) => {
    await showRun(page, "mail", "explain");
    await page.waitForFunction(() =>
      window.harness.sent.some(
        (m) => m.method === "checkFilter" && m.params.readAhead === "shown" && m.params.text === "",
      ),
    );
  },
};
