// What the tests of the panel have in common.

/** The row that has the focus, or undefined. */
export const focusedRow = (page) =>
  page.evaluate(() => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) {
      element = element.shadowRoot.activeElement;
    }
    return element?.localName === "tracin-row" ? Number(element.dataset.index) : undefined;
  });

export const sent = (page, method) =>
  page.evaluate((name) => window.harness.sent.filter((message) => message.method === name), method);

export const rows = (page) => page.locator("tracin-row");
export const scrollTop = (page) => page.locator("tracin-app").evaluate((app) => app.scrollTop);

export async function showRun(page, sample, kind, options = {}) {
  await page.evaluate(
    ([name, what, more]) => window.harness.showRun(name, what, more),
    [sample, kind, options],
  );
  await rows(page).first().waitFor();
}

/** What tests have measured, told at the end. */
export const report = [];
