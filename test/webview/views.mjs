/** The themes that VS Code has kinds of. */
export const themes = ["dark", "light", "hc-dark", "hc-light"];

const progress = {
  phase: "scoring",
  done: 5300,
  total: 9500,
  message: "Scoring checkpoint 3 of 5",
};
/** Every state of the panel, each by what the harness is told to show; run in the page. */
const views = {
  "empty-new": (h) => h.show({ kind: "empty", hasConfig: false }),
  "empty-ready": (h) => h.show({ kind: "empty", hasConfig: true }),
  computing: (h, p) => h.show({ kind: "computing", title: "Explaining test 142", progress: p }),
  early: (h) => h.showEarly("digits", "explain", 640),
  "early-mail": (h) => h.showEarly("mail", "explain", 1900),
  "early-estimates": (h) => h.showEarly("digits", "explain", 640, 0, "estimated"),
  "early-suspects": (h) => h.showEarly("iris", "suspects", 640),
  error: (h) =>
    h.show({
      kind: "error",
      message:
        'Tensor "conv1.weight" has shape [16, 1, 3, 3] in the checkpoint and [8, 1, 3, 3] in the model (checkpoints/epoch-03.pt, tensor "conv1.weight").',
      remedy: "Choose the checkpoints of this model in tracin.json, or export the model again.",
      before: "test.csv:12",
    }),
  digits: (h) => h.showRun("digits", "explain"),
  "digits-stale": (h) => h.showRun("digits", "explain", { stale: true, queries: 3 }),
  "digits-indexed": (h) => h.showRun("digits", "explain", { indexed: true }),
  expanded: (h) => h.showRun("digits", "explain"),
  compose: (h) => h.showRun("iris", "explain"),
  "expanded-mail": (h) => h.showRun("mail", "explain"),
  "expanded-iris": (h) => h.showRun("iris", "explain"),
  filter: (h) => h.showRun("mail", "explain"),
  mail: (h) => h.showRun("mail", "explain"),
  iris: (h) => h.showRun("iris", "explain"),
  house: (h) => h.showRun("house", "explain"),
  tags: (h) => h.showRun("tags", "explain"),
  "suspects-tags": (h) => h.showRun("tags", "suspects"),
  suspects: (h) => h.showRun("digits", "suspects", { rows: 100000 }),
  "suspects-mail": (h) => h.showRun("mail", "suspects"),
  neighbours: (h) => h.showRun("digits", "suspects"),
  "neighbours-mail": (h) => h.showRun("mail", "suspects"),
  "test-set": (h) => h.showTestSet("labels"),
  "test-set-cell": (h) =>
    h.showTestSet("labels", { slice: { kind: "labels", target: "3", predicted: "1" } }),
  "test-set-many": (h) => h.showTestSet("many", { slice: { kind: "errors" } }),
  "test-set-several": (h) => h.showTestSet("multiLabel"),
  "test-set-values": (h) => h.showTestSet("values", { stale: true }),
  "test-set-positions": (h) => h.showTestSet("positions"),
  "test-set-loss": (h) => h.showTestSet("loss"),
  "test-set-no-targets": (h) => h.showTestSet("none"),
  "test-set-empty": (h) => h.showTestSet("labels", { slice: { kind: "filter", text: "loss > 9" } }),
  "list-error": (h) => {
    h.failRows({
      message: "The run's scores cannot be read (.tracin/runs/1/scores.parquet).",
      remedy: "Run again.",
    });
    h.showRun("digits", "explain");
  },
  "list-empty": (h) => h.showRun("iris", "suspects", { rows: 0 }),
};

/** Names of all views. */
export const viewNames = Object.keys(views);

/**
 * Opens the panel in a view.
 * @returns {Promise<import("playwright-core").Page>}
 */
export async function openView(panel, name, { width, height = 720, theme = "dark" }) {
  const page = await panel.open(width, height);
  await page.evaluate((value) => window.harness.theme(value), theme);
  await page.evaluate(`(${views[name]})(window.harness, ${JSON.stringify(progress)})`);
  await page.waitForTimeout(350);
  if (name === "filter") {
    await page.getByLabel("Histogram", { exact: true }).selectOption("score");
    await page.locator("[data-bin]").nth(4).click();
    await page.getByRole("combobox", { name: "Filter" }).fill("label = 'spam' and score < 0");
    await page.getByRole("alert").waitFor();
  }
  if (name === "compose") {
    await page.getByRole("button", { name: "Explain another row" }).click();
    await page.getByRole("textbox", { name: "Row to explain" }).fill("{ wrong");
    await page.getByRole("button", { name: "Explain", exact: true }).click();
    await page.getByRole("alert").waitFor();
  }
  if (name.startsWith("neighbours")) {
    const row = page.locator("tracin-row").first();
    await row.getByRole("button", { name: "Show the whole example" }).click();
    await row.getByRole("button", { name: "Examples for and against this label" }).click();
    await row.getByText("Against").waitFor();
    await page.waitForTimeout(200);
  }
  if (name === "test-set-empty") {
    await page.getByRole("button", { name: "Histogram of losses" }).click();
    await page.getByRole("textbox", { name: "Condition on the test examples" }).fill("label = 1");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
  }
  if (name.startsWith("expanded")) {
    const row = page.locator("tracin-row").first();
    await row.getByRole("button", { name: "Show the whole example" }).click();
    await page.waitForTimeout(200);
  }
  return page;
}
