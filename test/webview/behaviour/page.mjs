// The page as a whole.
import assert from "node:assert/strict";
import { report, showRun } from "./support.mjs";

export default {
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
