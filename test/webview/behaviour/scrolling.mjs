// Lists of very many rows.
import assert from "node:assert/strict";
import { focusedRow, report, rows, sent, showRun } from "./support.mjs";

export default {
  "100,000 rows: few in the page, keys move through all, the focus stays": async (page) => {
    await showRun(page, "digits", "suspects", { rows: 100_000 });
    const grid = page.getByRole("treegrid");
    assert.equal(await grid.getAttribute("aria-rowcount"), "100000");
    assert.ok((await rows(page).count()) < 40);
    await rows(page).first().focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => window.harness.sent.some((m) => m.params?.offset === 99_900));
    await page.getByText("100,000", { exact: true }).waitFor();
    assert.equal(await focusedRow(page), 99_999);
    await page.keyboard.press("ArrowUp");
    await page.waitForTimeout(60);
    assert.equal(await focusedRow(page), 99_998);
    await page.keyboard.press("PageUp");
    await page.waitForTimeout(60);
    const paged = await focusedRow(page);
    assert.ok(paged < 99_998 && paged > 99_950, `PageUp went to ${paged}`);
    await page.locator("tracin-app").evaluate((app) => {
      app.scrollTop = 0;
    });
    await page.waitForTimeout(200);
    assert.equal(await focusedRow(page), paged, "scrolling away keeps the focus");
    await page.keyboard.press("Home");
    await page.waitForTimeout(100);
    assert.equal(await focusedRow(page), 0);
    assert.equal(await rows(page).first().getAttribute("aria-rowindex"), "1");
    assert.ok((await rows(page).count()) < 40);
  },

  "1,000,000 rows in 200 px: scroll bar, wheel and keys reach the last one, and back": async (
    page,
  ) => {
    await page.setViewportSize({ width: 200, height: 600 });
    await showRun(page, "mail", "suspects", { rows: 1_000_000 });
    const grid = page.getByRole("treegrid");
    assert.equal(await grid.getAttribute("aria-rowcount"), "1000000");
    const app = page.locator("tracin-app");
    /** Rows that can be seen, top down; each stands where the one before it ends. */
    const inSight = () =>
      app.evaluate((element) => {
        const find = (root) => [
          ...root.querySelectorAll("tracin-row"),
          ...[...root.querySelectorAll("*")].flatMap((child) =>
            child.shadowRoot ? find(child.shadowRoot) : [],
          ),
        ];
        const bottom = element.getBoundingClientRect().bottom;
        return find(element.shadowRoot ?? element)
          .map((row) => ({ index: Number(row.dataset.index), box: row.getBoundingClientRect() }))
          .filter(({ box }) => box.bottom > 0 && box.top < bottom)
          .sort((a, b) => a.box.top - b.box.top)
          .map(({ index, box }) => ({ index, top: box.top, bottom: box.bottom }));
      });
    const isWhole = (seen) => {
      assert.ok(seen.length > 2, `${seen.length} rows in sight`);
      for (const [at, row] of seen.slice(1).entries()) {
        assert.equal(row.index, seen[at].index + 1);
        assert.ok(Math.abs(row.top - seen[at].bottom) <= 1, "no gap between rows");
      }
    };
    const settled = () => page.waitForTimeout(400);

    // Dragging the scroll bar to its half, and to its end.
    await app.evaluate((element) => {
      element.scrollTop = (element.scrollHeight - element.clientHeight) / 2;
    });
    await settled();
    const middle = await inSight();
    isWhole(middle);
    assert.ok(Math.abs(middle[0].index - 500_000) < 5000, `the middle is row ${middle[0].index}`);

    // The wheel moves by pixels there, and the bar at rest stays where the rows are.
    await page.mouse.move(100, 400);
    for (let turn = 0; turn < 5; turn++) {
      await page.mouse.wheel(0, 300);
      await page.waitForTimeout(60);
    }
    await settled();
    const wheeled = await inSight();
    isWhole(wheeled);
    const rowHeight = middle[1].top - middle[0].top;
    const moved =
      (wheeled[0].index - middle[0].index) * rowHeight - (wheeled[0].top - middle[0].top);
    assert.ok(Math.abs(moved - 1500) <= 2, `the wheel moved ${moved} pixels instead of 1500`);

    await app.evaluate((element) => {
      element.scrollTop = element.scrollHeight;
    });
    await settled();
    const last = await inSight();
    isWhole(last);
    assert.equal(last.at(-1).index, 999_999);

    // From the end by wheel far enough that the bar must be put right, then to the start.
    for (let turn = 0; turn < 40; turn++) {
      await page.mouse.wheel(0, -1000);
      await page.waitForTimeout(16);
    }
    await settled();
    const back = await inSight();
    isWhole(back);
    const up = 999_999 - back.at(-1).index;
    assert.ok(Math.abs(up * rowHeight - 40_000) < 3 * rowHeight, `${up} rows up`);
    await app.evaluate((element) => {
      element.scrollTop = 0;
    });
    await settled();
    assert.equal((await inSight())[0].index, 0);

    await rows(page).first().focus();
    await page.keyboard.press("End");
    await page.waitForTimeout(200);
    assert.equal(await focusedRow(page), 999_999);
    assert.equal((await inSight()).at(-1).index, 999_999);
    await page.keyboard.press("ArrowUp");
    await page.waitForTimeout(100);
    assert.equal(await focusedRow(page), 999_998);
    await page.keyboard.press("Home");
    await page.waitForTimeout(200);
    assert.equal(await focusedRow(page), 0);
    const top = await inSight();
    isWhole(top);
    assert.equal(top[0].index, 0);
    assert.ok((await rows(page).count()) < 40);
  },

  "100,000 rows: a jerky scroll through all stays quick and lets images go": async (page) => {
    await showRun(page, "digits", "suspects", { rows: 100_000 });
    const frames = await page.locator("tracin-app").evaluate(async (app) => {
      const times = [];
      let before = performance.now();
      for (let step = 0; step < 120; step++) {
        app.scrollTop += step % 3 === 0 ? 40_000 : 240;
        await new Promise(requestAnimationFrame);
        const now = performance.now();
        times.push(now - before);
        before = now;
      }
      return times.sort((a, b) => a - b);
    });
    const median = frames[Math.floor(frames.length / 2)];
    report.push(
      `scrolling: median ${median.toFixed(1)} ms, 95% ${frames[Math.floor(frames.length * 0.95)].toFixed(1)} ms a frame`,
    );
    // A loose bound: software rendering on a busy machine; a list without windows takes seconds.
    assert.ok(median < 150, `a frame took ${median} ms`);
    await page.waitForTimeout(300);
    const open = await page.evaluate(() => window.blobs.size);
    const images = await page.locator("tracin-thumbnail img").count();
    assert.equal(open, images, "as many blob URLs as images in the page");
    const asked = await sent(page, "getRows");
    assert.ok(asked.length < 130, `${asked.length} pages asked for`);
  },
};
