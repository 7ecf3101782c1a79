import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { PanelList } from "../support/lists.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("index");

const isEstimate = (score: string | null) => score?.includes("≈");

it("an index is built; its estimates are shown first, the best are computed exactly, and the panel says which are which", async () => {
  const folder = await vscode.openSample("digits");
  const { editor } = vscode;
  const early = editor.panel.locator("tracin-early");
  const settings = (engine: object) =>
    writeFile(path.join(folder, ".vscode", "settings.json"), JSON.stringify(engine));
  const lastRun = async () => {
    const runs = path.join(folder, ".tracin", "runs");
    const names = (await readdir(runs)).filter((name) => !name.startsWith(".")).sort();
    return JSON.parse(await readFile(path.join(runs, names.at(-1) ?? "", "run.json"), "utf8"));
  };

  await editor.command("TracIn: Build Index");
  await editor.quickRow("Sketches of 2048 numbers, float32").waitFor();
  await editor.screenshot("index-choices");
  await editor.quickRow("Sketches of 2048 numbers, float32").click();
  await editor.notification("The gradient index is up to date").waitFor({ timeout: 120_000 });
  await editor.screenshot("index-built");

  // The slow engine: the best scores take long enough to look at what is there before.
  await settings({ "tracin.engine": "reference", "tracin.processes": 1 });
  await vscode.explain(142, "test/0142.png");
  await early
    .getByText(/the gradient index has estimated all 2,000 examples/)
    .waitFor({ timeout: 120_000 });
  expect(await early.locator("h2").allTextContents()).toEqual([
    "Proponents so far",
    "Opponents so far",
  ]);
  const provisional = await early.locator("tracin-row .score").allTextContents();
  expect(provisional.map(isEstimate)).toEqual(provisional.map(() => true));
  expect(provisional).toHaveLength(20);
  const places = await early.locator("tracin-row .place").allTextContents();
  await editor.screenshot("index-early");
  await editor.resizeSidebar(760);
  await editor.screenshot("index-early-wide");
  await editor.panel.getByRole("button", { name: "Cancel" }).click();
  await editor.panel.locator("tracin-welcome").waitFor();
  expect(await early.count()).toBe(0);

  await settings({});
  await vscode.explain(142, "test/0142.png");
  await editor.ranked();
  const { index } = await lastRun();
  expect(index).toMatchObject({ kept: "sketches, 2048 x float32", exact: false, reranked: 200 });
  const [spearman] = index.agreement.spearman;
  const facts = editor.panel.locator("tracin-run-header .fact");
  const [all] = [(await facts.allTextContents()).join(" ")];
  expect(all).toContain("best exact");
  expect(all).toContain(`others estimated (${spearman.toFixed(3)})`);
  const said = await facts.filter({ hasText: "others estimated" }).getAttribute("title");
  expect(said).toMatch(/the 200 best of each list .* On 1,000 training examples drawn at random/);
  expect(said).toMatch(
    /correlation \(Spearman\) of 0\.9\d+, and [01]\.\d+ of the 100 highest scores/,
  );
  // The first ten by their estimates are near the top of the exact list too.
  const list = new PanelList(editor.panel);
  const top = await editor.panel.locator("tracin-run tracin-row .place").allTextContents();
  expect(places.slice(0, 10).filter((place) => top.includes(place)).length).toBeGreaterThan(5);
  expect(isEstimate(await list.row(0).locator(".score").textContent())).toBe(false);
  await editor.screenshot("index-finished");

  // Half of the examples far from both ends are in the random sample, and exact.
  await list.filter.fill("score > 0 and score < 0.1");
  await list.filter.press("Enter");
  const rows = editor.panel.locator("tracin-run tracin-row .score");
  await rows.filter({ hasText: "≈" }).first().waitFor();
  await rows.filter({ hasNotText: "≈" }).first().waitFor();
  await editor.screenshot("index-estimates");

  // What is asked after the data has changed is computed, and says why.
  const labels = path.join(folder, "train", "labels.csv");
  const [head, first = "", ...rest] = (await readFile(labels, "utf8")).split("\n");
  const other = first.replace(/\d(\r?)$/, (label) => String((Number(label) + 1) % 10));
  await writeFile(labels, [head, other, ...rest].join("\n"));
  await vscode.explain(143, "test/0143.png");
  await expect.poll(async () => (await lastRun()).title, { timeout: 60_000 }).toContain("143");
  expect(await lastRun()).toMatchObject({ indexUnused: ["train/labels.csv changed"] });
  await editor.panel.locator("tracin-run-header .summary").click();
  await editor.panel
    .getByText("The gradient index was not asked: train/labels.csv changed.")
    .waitFor();
  await editor.screenshot("index-out-of-date");
  await editor.command("TracIn: Build Index");
  await editor.quickInput
    .getByText("The index is out of date")
    .or(
      editor.quickInput.locator(
        'input[placeholder*="The index is out of date: train/labels.csv changed"]',
      ),
    )
    .first()
    .waitFor();
  await editor.quickRow(/the present one/).waitFor();
  await editor.screenshot("index-rebuild");
});
