// What a person does in the panel, in a real browser: node test/webview/behaviour.mjs
import assert from "node:assert/strict";
import { startPanel } from "./browser.mjs";

const panel = await startPanel();

/** The row that has the focus, or undefined. */
const focusedRow = (page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) {
      element = element.shadowRoot.activeElement;
    }
    return element?.localName === "tracin-row" ? Number(element.dataset.index) : undefined;
  });

const sent = (page, method) =>
  page.evaluate((name) => window.harness.sent.filter((message) => message.method === name), method);

const rows = (page) => page.locator("tracin-row");
const scrollTop = (page) => page.locator("tracin-app").evaluate((app) => app.scrollTop);

async function showRun(page, sample, kind, options = {}) {
  await page.evaluate(
    ([name, what, more]) => window.harness.showRun(name, what, more),
    [sample, kind, options],
  );
  await rows(page).first().waitFor();
}

const tests = {
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

  "the header says how good an index's estimates are, and estimates are marked": async (page) => {
    await showRun(page, "digits", "explain", { indexed: true });
    const fact = page.getByText("others estimated (0.993)");
    await fact.waitFor();
    const title = await fact.getAttribute("title");
    assert.match(title, /the 200 best of each list were then computed exactly/);
    assert.match(title, /Spearman\) of 0\.993, and 0\.97 of the 100 highest scores/);
    const scores = page.locator("tracin-row .score");
    await scores.nth(3).waitFor();
    assert.doesNotMatch(await scores.nth(2).innerText(), /≈/);
    assert.match(await scores.nth(3).innerText(), /≈/);
    await showRun(page, "digits", "explain");
    await page.locator("tracin-run-header .fact", { hasText: /^exact ·$/ }).waitFor();
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

  "another label, another order, the commands and cancel reach the host": async (page) => {
    await showRun(page, "digits", "explain");
    const explain = page.locator("vscode-dropdown#explain");
    await explain.click();
    await page.getByRole("option", { name: "3", exact: true }).click();
    assert.deepEqual((await sent(page, "explainLabel"))[0].params, {
      runId: "digits/1900",
      explain: 3,
    });
    await page.getByRole("tab", { name: "Suspects" }).click();
    await page.getByRole("treegrid", { name: "Suspects" }).waitFor();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.params?.order === "margin"));
    await page.getByRole("combobox", { name: "Rank by" }).click();
    await page.getByRole("option", { name: "mean loss" }).click();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.params?.order === "loss"));
    await page.evaluate(() => window.harness.show({ kind: "empty", hasConfig: true }));
    for (const name of [
      "Explain Prediction",
      "Find Mislabelled Examples",
      "Set Up Workspace",
      "Open Sample",
    ]) {
      await page.getByRole("button", { name }).click();
    }
    assert.deepEqual(
      (await sent(page, "runCommand")).map(({ params }) => params.command),
      [
        "tracin.explainPrediction",
        "tracin.findMislabelled",
        "tracin.setUpWorkspace",
        "tracin.openSample",
      ],
    );
    await page.evaluate(() =>
      window.harness.show({
        kind: "computing",
        title: "Explaining",
        progress: { phase: "scoring", done: 1, total: 4, message: "Scoring" },
      }),
    );
    assert.equal(
      await page.getByRole("progressbar", { name: "Explaining" }).getAttribute("aria-valuenow"),
      "25",
    );
    await page.getByRole("button", { name: "Cancel" }).click();
    assert.equal((await sent(page, "cancel")).length, 1);
  },

  "an example that stands in no dataset is typed, corrected and explained": async (page) => {
    await showRun(page, "iris", "explain");
    const open = page.getByRole("button", { name: "Explain another row" });
    await open.click();
    assert.equal(await open.getAttribute("aria-expanded"), "true");
    const box = page.getByRole("textbox", { name: "Row to explain" });
    const draft = JSON.parse(await box.inputValue());
    assert.deepEqual(Object.keys(draft), [
      "sepal_length",
      "sepal_width",
      "petal_length",
      "petal_width",
    ]);
    assert.equal(typeof draft.petal_width, "number");
    await box.fill("{ wrong");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    assert.match(
      await page.getByRole("alert").textContent(),
      /not valid JSON.*Give a JSON object/s,
    );
    assert.equal(await box.getAttribute("aria-invalid"), "true");
    await box.fill(JSON.stringify({ ...draft, petal_width: 9 }));
    assert.equal(await page.getByRole("alert").count(), 0);
    await page.keyboard.press("Control+Enter");
    await page.waitForFunction(
      () => window.harness.sent.filter((m) => m.method === "explainGiven").length === 2,
    );
    const [, asked] = await sent(page, "explainGiven");
    assert.deepEqual(asked.params.image, false);
    assert.equal(JSON.parse(asked.params.given.row).petal_width, 9);
    assert.equal(await page.evaluate(() => window.harness.getSaved().composing), true);
    await showRun(page, "mail", "explain");
    const text = page.getByRole("textbox", { name: "Text to explain" });
    assert.ok((await text.inputValue()).length > 1, "it starts as a copy of the query");
    await showRun(page, "digits", "explain");
    await page.getByRole("button", { name: "Explain another image" }).click();
    assert.deepEqual((await sent(page, "explainGiven")).at(-1).params, { given: {}, image: true });
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

  "a cell of the confusion matrix chooses its examples, by mouse and by keys, and they are explained":
    async (page) => {
      await page.evaluate(() => window.harness.showTestSet("labels"));
      const grid = page.getByRole("grid", { name: /^Confusion matrix/ });
      await grid.waitFor();
      const examples = page.getByRole("list", { name: "Test examples, largest loss first" });
      await examples.getByRole("listitem").first().waitFor();
      assert.equal(await examples.getByRole("listitem").count(), 4);
      await page.getByText("The lists below are about the mean loss of these examples.").waitFor();
      assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Opponents");

      await grid.getByRole("gridcell", { name: "Target 3, predicted 1: 3" }).click();
      await page.getByText("Target 3, predicted 1: 3 examples").waitFor();
      assert.equal(await examples.getByRole("listitem").count(), 3);
      const asked = await sent(page, "getTestRows");
      assert.deepEqual(asked.at(-1).params.slice, { kind: "labels", target: "3", predicted: "1" });
      assert.equal((await sent(page, "explainSlice")).length, 0, "looking computes nothing");
      await page.getByRole("button", { name: "Explain These 3 Examples" }).click();
      await page.waitForFunction(() =>
        window.harness.sent.some((m) => m.method === "explainSlice"),
      );
      const [explained] = await sent(page, "explainSlice");
      assert.deepEqual(explained.params.slice, { kind: "labels", target: "3", predicted: "1" });

      // One cell is reached by Tab; arrows go on, to the names of labels too.
      assert.equal(await grid.locator("[tabindex='0']").count(), 1);
      await page.keyboard.press("Escape");
      await grid.locator("[tabindex='0']").focus();
      await page.keyboard.press("ArrowUp");
      const focused = () =>
        page.evaluate(() => {
          let element = document.activeElement;
          while (element?.shadowRoot?.activeElement) {
            element = element.shadowRoot.activeElement;
          }
          return element?.getAttribute("aria-label");
        });
      assert.match(await focused(), /^Target 2, predicted 1: /);
      await page.keyboard.press("Home");
      assert.equal(await focused(), "Target 2");
      await page.keyboard.press("Enter");
      await page.getByText(/^Target 2: \d+ examples$/).waitFor();
      assert.equal(
        await grid.getByRole("rowheader", { name: "Target 2" }).getAttribute("aria-selected"),
        "true",
      );
      await page.keyboard.press(" ");
      await page.getByText("All: 200 examples").waitFor();
    },

  "examples of a test set are opened, explained by themselves, and asked for page by page": async (
    page,
  ) => {
    await page.evaluate(() => window.harness.showTestSet("labels"));
    const items = page.locator("tracin-test-rows li");
    await items.first().waitFor();
    await page.getByRole("button", { name: "20 more of 200" }).click();
    await items.nth(23).waitFor();
    assert.deepEqual(
      (await sent(page, "getTestRows")).map(({ params }) => [params.offset, params.limit]),
      [
        [0, 4],
        [4, 20],
      ],
    );
    await items.nth(1).getByRole("button", { name: "Explain test 74 by itself" }).click();
    await items.nth(1).getByRole("button", { name: "Open test/labels.csv:76" }).click();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.method === "reveal"));
    assert.equal((await sent(page, "explainTest")).at(-1).params.index, 74);
    assert.equal((await sent(page, "reveal")).at(-1).params.place.line, 75);
    await page.getByRole("button", { name: "Wrong" }).click();
    await page.getByText(/^Wrong: \d+ examples$/).waitFor();
  },

  "a condition chooses test examples; none at all cannot be explained": async (page) => {
    await page.evaluate(() => window.harness.showTestSet("values"));
    const box = page.getByRole("textbox", { name: "Condition on the test examples" });
    await box.fill("loss > 1");
    await box.press("Enter");
    await page.getByRole("button", { name: "Explain These 11 Examples" }).click();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.method === "explainSlice"));
    assert.deepEqual((await sent(page, "explainSlice")).at(-1).params.slice, {
      kind: "filter",
      text: "loss > 1",
    });
    await box.fill("loss > 9");
    await box.press("Enter");
    await page.getByText("No test example is like that.").waitFor();
    const explain = { name: "Explain These 0 Examples", disabled: true };
    await page.getByRole("button", explain).waitFor();
    assert.equal(await page.getByRole("button", { name: "Wrong" }).count(), 0);
  },

  "a wrong condition stands there with its place; bars of the losses choose a range; the choice comes back":
    async (page) => {
      await page.evaluate(() => window.harness.showTestSet("labels"));
      const box = page.getByRole("textbox", { name: "Condition on the test examples" });
      await box.fill("label = 1");
      await box.press("Enter");
      await page.getByRole("alert").waitFor();
      assert.equal(
        await page.locator("tracin-test-condition .problem mark").textContent(),
        "label",
      );
      assert.equal(await box.getAttribute("aria-invalid"), "true");
      await page.getByText("All: 200 examples").waitFor();
      await page.getByRole("button", { name: /^Wrong/ }).click();
      await page.getByRole("button", { name: "Histogram of losses" }).click();
      const bars = page.locator("tracin-test-set [data-bin]");
      await bars.nth(8).hover();
      await page.mouse.down();
      await bars.nth(23).hover();
      await page.mouse.up();
      await page.getByText("Where wrong = 1, loss 2.00 to 6.00: 11 examples").waitFor();
      const { slice } = (await sent(page, "getTestRows")).at(-1).params;
      assert.deepEqual(slice, {
        kind: "filter",
        text: "wrong = 1",
        ranges: [{ column: "loss", from: 2, to: 6 }],
      });
      assert.deepEqual(await page.evaluate(() => window.harness.getSaved().slice), slice);
      // Another state of the panel and back: the same run, the same choice.
      await page.evaluate(() => window.harness.show({ kind: "empty", hasConfig: true }));
      await page.evaluate(() => window.harness.showTestSet("labels"));
      await page.getByText("Where wrong = 1, loss 2.00 to 6.00: 11 examples").waitFor();
      assert.equal(await box.inputValue(), "wrong = 1");
    },

  "a label of several is a slice; a stale test set is explained again": async (page) => {
    await page.evaluate(() => window.harness.showTestSet("multiLabel", { stale: true }));
    await page.getByRole("button", { name: "urgent missed: 5" }).click();
    await page.getByText("urgent missed: 7 examples").waitFor();
    assert.deepEqual((await sent(page, "getTestRows")).at(-1).params.slice, {
      kind: "label",
      label: "urgent",
      target: true,
      predicted: false,
    });
    await page.getByRole("button", { name: "Run Again" }).click();
    await page.waitForFunction(() => window.harness.sent.some((m) => m.method === "explainSlice"));
    assert.deepEqual((await sent(page, "explainSlice")).at(-1).params.slice, { kind: "all" });
  },

  "of very many labels those with the most mistakes are shown, and all on request": async (
    page,
  ) => {
    await page.evaluate(() => window.harness.showTestSet("many"));
    const heads = page.getByRole("rowheader");
    await heads.first().waitFor();
    assert.equal(await heads.count(), 12);
    await page.getByRole("button", { name: "Show all 48" }).click();
    assert.equal(await heads.count(), 48);
    await page.getByRole("button", { name: "Show fewer labels" }).click();
    assert.equal(await heads.count(), 12);
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
      await page.getByText("no dense layer with one input").waitFor();
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

  "the policy holds": async (page) => {
    await showRun(page, "digits", "explain", { stale: true, queries: 2 });
    await page.getByRole("button", { name: "Next query" }).click();
    await page.waitForTimeout(200);
    // The toolkit has one style attribute inside a template of its own; nothing else may be refused.
    const violations = await page.evaluate(() => window.violations);
    report.push(`refused by the policy: ${JSON.stringify(violations)}`);
    assert.ok(
      violations.every((text) => text.startsWith("style-src-attr")),
      violations.join("; "),
    );
    assert.ok(violations.length <= 1, violations.join("; "));
  },

  "nothing is wider than the panel": async (page) => {
    for (const width of [200, 260, 320, 480, 640, 899, 900, 1400]) {
      await page.setViewportSize({ width, height: 700 });
      const shown = [
        ...["digits", "mail", "iris", "house"].flatMap((sample) =>
          ["explain", "suspects"].map((kind) => [sample, kind]),
        ),
        ...["labels", "many", "multiLabel", "values", "positions"].map((kind) => ["testSet", kind]),
      ];
      for (const [sample, kind] of shown) {
        if (sample === "testSet") {
          await page.evaluate((name) => window.harness.showTestSet(name), kind);
          await page.locator("tracin-test-rows li").first().waitFor();
        } else {
          await showRun(page, sample, kind);
        }
        await page.waitForTimeout(60);
        const wide = await page.evaluate(() => {
          const found = [];
          const visit = (root) => {
            for (const element of root.querySelectorAll("*")) {
              const box = element.getBoundingClientRect();
              const hidden = box.width === 0 || element.closest(".listbox, vscode-option, title");
              if (
                !hidden &&
                box.right > innerWidth + 1 &&
                !element.closest(".path, .ellipsis, .text, .scroll")
              ) {
                found.push(`${element.localName}.${element.className}: ${box.right}`);
              }
              if (element.shadowRoot && element.localName !== "vscode-dropdown") {
                visit(element.shadowRoot);
              }
            }
          };
          visit(document);
          return found;
        });
        assert.deepEqual(wide, [], `${sample} ${kind} at ${width}`);
      }
    }
  },
};

const report = [];
let failures = 0;
try {
  for (const [name, test] of Object.entries(tests)) {
    const page = await panel.open(320, 700);
    page.setDefaultTimeout(8000);
    try {
      await test(page);
      process.stdout.write(`ok   ${name}\n`);
    } catch (error) {
      failures++;
      process.stdout.write(`FAIL ${name}\n${error.stack}\n`);
    }
    await page.close();
  }
} finally {
  await panel.close();
}
process.stdout.write(`${report.join("\n")}\nbundle: ${Math.round(panel.bytes / 1024)} kB\n`);
process.exitCode = failures > 0 ? 1 : 0;
