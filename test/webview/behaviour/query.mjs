// The query: its label, examples of one's own, and how its scores were found.
import assert from "node:assert/strict";
import { sent, showRun } from "./support.mjs";

export default {
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
    // So few examples that none is left to its estimate.
    const titleOf = (text) =>
      page.locator("tracin-run-header .fact", { hasText: text }).getAttribute("title");
    await showRun(page, "digits", "explain", { indexed: true, rows: 1300 });
    await page.getByText("others estimated").waitFor({ state: "detached" });
    assert.match(await titleOf(/^exact ·$/), /all of them were then computed exactly/);
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

    // What was typed is there again when the computation was cancelled, also after an error.
    const typed = await box.inputValue();
    await page.evaluate(() =>
      window.harness.show({ kind: "error", message: "It failed.", before: "test.csv:2" }),
    );
    await page.getByRole("button", { name: "Back to the Run" }).click();
    assert.equal((await sent(page, "goBack")).length, 1);
    await showRun(page, "iris", "explain");
    assert.equal(await box.inputValue(), typed);
    // The host sends a run again when its inputs were compared.
    await page.evaluate(() => window.harness.showRun("iris", "explain", { stale: true }));
    await page.locator("tracin-stale-notice").waitFor();
    assert.equal(await box.inputValue(), typed);

    // Its answer closes the form; the focus, whose place is gone, goes to what opens it again.
    await page.evaluate(() =>
      window.harness.show({
        kind: "computing",
        title: "Explaining",
        progress: { phase: "scoring", done: 1, total: 4, message: "Scoring" },
      }),
    );
    await showRun(page, "mail", "explain");
    const again = page.getByRole("button", { name: "Explain another text" });
    assert.equal(await again.getAttribute("aria-expanded"), "false");
    assert.equal(await page.getByRole("textbox", { name: "Text to explain" }).count(), 0);
    await page.waitForFunction(() => {
      let element = document.activeElement;
      while (element?.shadowRoot?.activeElement) {
        element = element.shadowRoot.activeElement;
      }
      return element?.textContent?.includes("Explain another text");
    });
    await page.keyboard.press("Enter");
    const text = page.getByRole("textbox", { name: "Text to explain" });
    assert.ok((await text.inputValue()).length > 1, "it starts as a copy of the query");
    await showRun(page, "digits", "explain");
    await page.getByRole("button", { name: "Explain another image" }).click();
    assert.deepEqual((await sent(page, "explainGiven")).at(-1).params, { given: {}, image: true });
  },
};
