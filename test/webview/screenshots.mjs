// Pictures of every view at several widths and themes: node test/webview/screenshots.mjs [folder] [name...]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startPanel } from "./browser.mjs";

const folder = process.argv[2] ?? "test/e2e/output/panel";
const only = process.argv.slice(3);
const widths = [200, 320, 900];
/** Views that are shown in every theme. */
const themed = {
  digits: 320,
  suspects: 700,
  "digits-stale": 320,
  "empty-ready": 320,
  "list-error": 320,
};

const progress = {
  phase: "scoring",
  done: 5300,
  total: 9500,
  message: "Scoring checkpoint 3 of 5",
};
const views = {
  "empty-new": (h) => h.show({ kind: "empty", hasConfig: false }),
  "empty-ready": (h) => h.show({ kind: "empty", hasConfig: true }),
  computing: (h, p) => h.show({ kind: "computing", title: "Explaining test 142", progress: p }),
  error: (h) =>
    h.show({
      kind: "error",
      message:
        'Tensor "conv1.weight" has shape [16, 1, 3, 3] in the checkpoint and [8, 1, 3, 3] in the model (checkpoints/epoch-03.pt, tensor "conv1.weight").',
      remedy: "Choose the checkpoints of this model in tracin.json, or export the model again.",
    }),
  digits: (h) => h.showRun("digits", "explain"),
  "digits-stale": (h) => h.showRun("digits", "explain", { stale: true, queries: 3 }),
  expanded: (h) => h.showRun("digits", "explain"),
  mail: (h) => h.showRun("mail", "explain"),
  iris: (h) => h.showRun("iris", "explain"),
  house: (h) => h.showRun("house", "explain"),
  tags: (h) => h.showRun("tags", "explain"),
  "suspects-tags": (h) => h.showRun("tags", "suspects"),
  suspects: (h) => h.showRun("digits", "suspects", { rows: 100000 }),
  "suspects-mail": (h) => h.showRun("mail", "suspects"),
  "list-error": (h) => {
    h.failRows({
      message: "The run's scores cannot be read (.tracin/runs/1/scores.parquet).",
      remedy: "Run again.",
    });
    h.showRun("digits", "explain");
  },
  "list-empty": (h) => h.showRun("iris", "suspects", { rows: 0 }),
};

await mkdir(folder, { recursive: true });
const panel = await startPanel();

async function picture(name, show, width, theme) {
  const page = await panel.open(width, 720);
  await page.evaluate((name) => window.harness.theme(name), theme);
  await page.evaluate(`(${show})(window.harness, ${JSON.stringify(progress)})`);
  await page.waitForTimeout(350);
  if (name === "expanded") {
    await page
      .locator("tracin-row")
      .first()
      .getByRole("button", { name: "Show the whole example" })
      .click();
    await page.waitForTimeout(200);
  }
  const suffix = theme === "dark" ? "" : `-${theme}`;
  await page.screenshot({ path: join(folder, `${name}-${width}${suffix}.png`) });
  await page.close();
}

try {
  for (const [name, show] of Object.entries(views)) {
    if (only.length > 0 && !only.includes(name)) {
      continue;
    }
    for (const width of widths) {
      await picture(name, show, width, "dark");
    }
    for (const theme of themed[name] ? ["light", "hc-dark", "hc-light"] : []) {
      await picture(name, show, themed[name], theme);
    }
  }
} finally {
  await panel.close();
}
