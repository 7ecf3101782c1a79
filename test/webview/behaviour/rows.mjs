// What a row does, and what comes back.
import assert from "node:assert/strict";
import { rows, scrollTop, sent, showRun } from "./support.mjs";

export default {
  "Enter, a click and the thumbnail open the example": async (page) => {
    await showRun(page, "digits", "explain");
    await rows(page).first().focus();
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(50);
    await page.keyboard.press("Enter");
    await rows(page).nth(0).locator("button", { hasText: "labels.csv" }).click();
    await rows(page).nth(0).locator(".thumbnail button").click();
    const opened = await sent(page, "reveal");
    assert.deepEqual(
      opened.map(({ params }) => params.what),
      ["row", "row", "image"],
    );
    assert.equal(opened[0].params.place.file, "train/labels.csv");
    assert.notEqual(opened[0].params.place.line, opened[1].params.place.line);
    assert.match(opened[2].params.place.image, /^train\/\d+\.png$/);
  },

  "rows expand to their own height and the next one follows": async (page) => {
    await showRun(page, "mail", "explain");
    const second = rows(page).nth(1);
    const before = await second.boundingBox();
    await rows(page).first().focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForTimeout(200);
    assert.equal(await rows(page).first().getAttribute("aria-expanded"), "true");
    const first = await rows(page).first().boundingBox();
    const after = await second.boundingBox();
    assert.ok(after.y > before.y + 60);
    assert.ok(Math.abs(first.y + first.height - after.y) <= 1, "no gap and no overlap");
    await page.keyboard.press("ArrowLeft");
    await page.waitForTimeout(200);
    assert.equal((await second.boundingBox()).y, before.y);
  },

  "an expanded row shows where its score comes from, in words too, and the next row follows":
    async (page) => {
      await showRun(page, "digits", "explain");
      await rows(page).first().focus();
      await page.keyboard.press("ArrowRight");
      const map = page.getByRole("img", { name: /^Heat map of the score/ });
      await map.waitFor();
      assert.match(
        await map.getAttribute("aria-label"),
        /at the (top|middle|bottom) \w+ with [+-]/,
      );
      const [asked] = await sent(page, "getPair");
      assert.deepEqual(Object.keys(asked.params).sort(), ["index", "query", "runId"]);
      // The strongest place is painted in the colour of its sign.
      const [red, green, , alpha] = await page
        .locator("tracin-heat-map canvas")
        .evaluate((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(10, 8, 1, 1);
          return [...data];
        });
      assert.ok(green > red && alpha > 150, `painted ${red}, ${green}, alpha ${alpha}`);
      await page.waitForTimeout(200);
      const first = await rows(page).first().boundingBox();
      const second = await rows(page).nth(1).boundingBox();
      assert.ok(Math.abs(first.y + first.height - second.y) <= 1, "no gap and no overlap");
      await page.getByText("error similarity 0.610 × input similarity 0.350").waitFor();
      await showRun(page, "mail", "explain");
      await rows(page).first().focus();
      await page.keyboard.press("ArrowRight");
      await page.locator("tracin-where .heat").first().waitFor();
      assert.match(
        await page.locator("tracin-where .heat").first().getAttribute("title"),
        /: [+-]/,
      );
      await showRun(page, "tags", "explain");
      await rows(page).first().focus();
      await page.keyboard.press("ArrowRight");
      await page.getByText("No layer reads an image").waitFor();
      await page.getByText("The last layer is not dense").waitFor();
      await showRun(page, "digits", "suspects");
      await rows(page).first().focus();
      await page.keyboard.press("ArrowRight");
      await page.waitForTimeout(150);
      assert.equal(
        await page.locator("tracin-where").count(),
        0,
        "a run without query has no parts",
      );
    },

  "a failed page says so and can be asked for again": async (page) => {
    await page.evaluate(() => {
      window.harness.failRows({ message: "The scores cannot be read.", remedy: "Run again." });
      window.harness.showRun("digits", "explain");
    });
    await page.getByText("The scores cannot be read.").waitFor();
    await page.evaluate(() => window.harness.failRows(undefined));
    await page.getByRole("button", { name: "Try Again" }).click();
    await rows(page).first().waitFor();
  },

  "tab, scroll and expanded rows come back": async (page) => {
    await showRun(page, "digits", "explain");
    await page.getByRole("tab", { name: "Opponents" }).click();
    await page.getByRole("treegrid", { name: "Opponents" }).waitFor();
    await rows(page).first().focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForTimeout(100);
    await page.locator("tracin-app").evaluate((app) => {
      app.scrollTop = 2345;
    });
    await page.waitForTimeout(400);
    const saved = await page.evaluate(() => window.harness.getSaved());
    assert.equal(saved.view, "opponents");
    await page.addInitScript((state) => {
      addEventListener("DOMContentLoaded", () => window.harness.setSaved(state), { capture: true });
    }, saved);
    await page.reload();
    await page.evaluate((state) => window.harness.setSaved(state), saved);
    await showRun(page, "digits", "explain");
    await page.waitForTimeout(400);
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Opponents");
    assert.ok(
      Math.abs((await scrollTop(page)) - 2345) <= 2,
      `scrolled to ${await scrollTop(page)}`,
    );
    await page.locator("tracin-app").evaluate((app) => {
      app.scrollTop = 0;
    });
    await page.waitForTimeout(150);
    assert.equal(await rows(page).first().getAttribute("aria-expanded"), "true");
  },
};
