import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { PanelList } from "../support/lists.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("filter");

interface Mail {
  readonly text: string;
  readonly label: string;
}

it("lists are filtered by words, by a condition whose mistake is shown at its place, and by bars of a histogram", async () => {
  const folder = await vscode.openSample("spam");
  const { editor } = vscode;
  const list = new PanelList(editor.panel);
  const mails: Mail[] = (await readFile(path.join(folder, "train.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  await editor.command("TracIn: Find Mislabelled Examples");
  await editor.ranked();
  expect(await list.total()).toBe(mails.length);

  // Words are looked for in whatever case; all of them must be there.
  const holding = (...words: string[]) =>
    mails.filter(({ text }) => words.every((word) => text.toLowerCase().includes(word))).length;
  await list.narrow("FREE", holding("free"));
  await list.narrow("free money", holding("free", "money"));
  await editor.screenshot("filter-words");

  await list.filter.fill("target = 'ham' and lss > 1");
  const problem = editor.panel.locator("tracin-filter-bar .problem");
  await problem.waitFor();
  expect(await problem.locator("mark").textContent()).toBe("lss");
  expect(await problem.textContent()).toContain('There is no column "lss"');
  await editor.screenshot("filter-problem");
  await list.narrow("target = 'ham'", mails.filter(({ label }) => label === "ham").length);

  await editor.panel.locator('select[aria-label="Histogram"]').selectOption("loss");
  const bars = editor.panel.locator("tracin-histogram button");
  await bars.first().waitFor();
  const labels = await bars.evaluateAll((found) =>
    found.map((bar) => bar.getAttribute("aria-label") ?? ""),
  );
  const counts = labels.map((label) => Number(/: ([\d,]+)$/.exec(label)?.[1]?.replaceAll(",", "")));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(await list.total());
  const chosen = counts.findIndex((count, bar) => bar > 2 && count > 0);
  await bars.nth(chosen).click();
  await list.shows(counts[chosen] ?? 0);
  await editor.screenshot("filter-histogram");
  const range = editor.panel.locator("tracin-filter-bar .chip button");
  await range.click();
  await list.shows(counts.reduce((sum, count) => sum + count, 0));

  await list.filter.press("Escape");
  await list.filter.press("Escape");
  await list.shows(mails.length);
  await list.sort("line", mails.length);
  await list.sort("example", 1);
});
