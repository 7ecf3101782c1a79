// Test sets and their slices.
import assert from "node:assert/strict";
import { sent } from "./support.mjs";

export default {
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
    const notice = page.locator("tracin-stale-notice");
    await notice.getByRole("button", { name: "Run Again" }).waitFor();
    const places = [notice, page.locator("tracin-test-set")].map((each) => each.boundingBox());
    const [{ y, height }, card] = await Promise.all(places);
    assert.ok(y + height <= card.y, "what has changed stands above the test set");
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
};
