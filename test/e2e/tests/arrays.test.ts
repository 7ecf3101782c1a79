import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type Rewrite, toIdx, toNpz, toParquet } from "../support/arrays.ts";
import { IRIS } from "../support/large.ts";
import { PanelList } from "../support/lists.ts";
import { useVSCode } from "../support/session.ts";

const vscode = useVSCode("arrays");

/** Where the rows of the list stand, counted from 0 among the examples, and what they show. */
async function firstRows(isTable: boolean): Promise<readonly string[]> {
  const { editor } = vscode;
  const rows: string[] = [];
  for (let index = 0; index < 4; index++) {
    const row = editor.panelRow(index);
    const place = (await row.locator(".place").textContent()) ?? "";
    const example = isTable ? Number(/:(\d+)/.exec(place)?.[1]) - 2 : /\[(\d+)\]/.exec(place)?.[1];
    const target = (await row.locator(".target").textContent())?.trim();
    rows.push(`${example} ${target}`);
  }
  return rows;
}

const formats: readonly (readonly [name: string, rewrite: Rewrite, file: string])[] = [
  ["Parquet", toParquet, "train.parquet"],
  ["NPZ", toNpz, "iris.npz"],
  ["IDX", toIdx, "train-x.idx"],
];

describe("data without text", () => {
  let expected: readonly string[] = [];

  it("as CSV, to compare with", async () => {
    await vscode.openFolder([IRIS]);
    const { editor } = vscode;
    await editor.command("TracIn: Find Mislabelled Examples");
    await editor.ranked();
    expected = await firstRows(true);
  });

  it.each(formats)(
    "as %s is ranked and decided about in the panel as the CSV is",
    async (name, rewrite, file) => {
      const folder = await vscode.openFolder([IRIS], rewrite);
      const { editor } = vscode;
      await editor.command("TracIn: Find Mislabelled Examples");
      await editor.ranked();
      expect(await firstRows(false)).toEqual(expected);
      expect(await editor.panelRow(0).locator(".place").textContent()).toContain(file);
      const list = new PanelList(editor.panel);
      await list.row(0).focus();
      await editor.page.keyboard.press("x");
      await expect.poll(() => list.row(0).locator(".decision").textContent()).toBe("excluded");
      const [line = ""] = (
        await readFile(path.join(folder, ".tracin", "reviews.jsonl"), "utf8")
      ).split("\n");
      expect(JSON.parse(line)).toMatchObject({
        decision: "exclude",
        file,
        index: Number(expected[0]?.split(" ")[0]),
      });
      await editor.screenshot(`data-${name.toLowerCase()}`);
    },
  );
});
