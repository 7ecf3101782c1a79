// Every view of the panel, narrow and wide, in four themes, by axe-core; and by keyboard alone: node test/webview/accessibility.mjs [view...]
import assert from "node:assert/strict";
import axe from "axe-core";
import { startPanel } from "./browser.mjs";
import { openView, themes, viewNames } from "./views.mjs";

const only = process.argv.slice(2);
const widths = [200, 900];
const panel = await startPanel();
let failures = 0;

/** What axe-core finds, one line for each element. */
async function violations(page) {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() =>
    window.axe.run(document, { resultTypes: ["violations"] }),
  );
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id} ${target.flat().join(" ")}: ${failureSummary}`,
    ),
  );
}

/** The controls that Tab reaches, by role or tag and name. */
async function reachedByTab(page) {
  const seen = [];
  for (let step = 0; step < 60; step++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      let element = document.activeElement;
      while (element?.shadowRoot?.activeElement) {
        element = element.shadowRoot.activeElement;
      }
      if (!element || element === document.body) {
        return undefined;
      }
      const host = element.getRootNode().host;
      const name = (node) => node?.getAttribute?.("aria-label") ?? node?.textContent ?? "";
      return `${element.localName} ${(name(element).trim() || name(host).trim()).replace(/\s+/g, " ")}`;
    });
    if (focused === undefined) {
      break;
    }
    seen.push(focused);
  }
  return seen;
}

async function test(name, action) {
  try {
    await action();
    process.stdout.write(`ok   ${name}\n`);
  } catch (error) {
    failures++;
    process.stdout.write(`FAIL ${name}\n${error.message}\n`);
  }
}

async function withView(name, options, action) {
  const page = await openView(panel, name, options);
  try {
    await action(page);
  } finally {
    await page.close();
  }
}

try {
  for (const name of only.length > 0 ? only : viewNames) {
    await test(`${name}: axe-core has no complaint`, async () => {
      const found = new Map();
      for (const theme of themes) {
        for (const width of widths) {
          await withView(name, { width, theme }, async (page) => {
            for (const line of await violations(page)) {
              found.set(line, [...(found.get(line) ?? []), `${theme} ${width}`]);
            }
          });
        }
      }
      const lines = [...found].map(([line, where]) => `${line}\n  in ${where.join(", ")}`);
      assert.equal(lines.length, 0, lines.join("\n"));
    });
  }
  await test("Tab reaches query, label, details, tabs and list", async () => {
    await withView("digits", { width: 320 }, async (page) => {
      const reached = await reachedByTab(page);
      for (const expected of [
        /test\/|Open/,
        /more labels/,
        /Explain/,
        /checkpoints/,
        /Proponents/,
        /tracin-row/,
      ]) {
        assert.ok(
          reached.some((entry) => expected.test(entry)),
          `${expected} in\n${reached.join("\n")}`,
        );
      }
    });
  });
  await test("Tab reaches every button of the empty panel, of an error and while computing", async () => {
    for (const [name, buttons] of [
      ["empty-new", ["Set Up Workspace", "Open Sample"]],
      [
        "empty-ready",
        ["Explain Prediction", "Find Mislabelled Examples", "Set Up Workspace", "Open Sample"],
      ],
      ["error", ["Back to the Run", "Show Log"]],
      ["computing", ["Cancel"]],
      ["early", ["Cancel", "train/labels.csv:"]],
    ]) {
      await withView(name, { width: 320 }, async (page) => {
        const reached = (await reachedByTab(page)).join("\n");
        for (const button of buttons) {
          assert.ok(reached.includes(button), `${name}: ${button} in\n${reached}`);
        }
      });
    }
  });
} finally {
  await panel.close();
}
process.exitCode = failures > 0 ? 1 : 0;
