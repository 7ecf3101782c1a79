import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Database, quote } from "../../../src/core/store/duckdb.ts";
import { exportRanking } from "../../../src/core/store/export.ts";
import { newRunId } from "../../../src/core/store/folder.ts";
import { RunReader } from "../../../src/core/store/reader.ts";
import { emptyFolder } from "../support/folder.ts";
import { loss, writeRun } from "./written.ts";

const workspace = emptyFolder();

it.each(["csv", "jsonl", "parquet"])("exports a whole ranked list as %s", async (format) => {
  const id = newRunId(new Date(), "export");
  await writeRun(workspace.root, id, 40, [[0, 40]]);
  const reader = await RunReader.open(workspace.root, id);
  const to = join(workspace.root, `list.${format}`);
  await exportRanking(reader, workspace.root, { view: "suspects", query: 0, order: "loss" }, to);
  const page = await reader.page({ view: "suspects", query: 0, order: "loss" }, 0, 100);
  reader.close();
  const database = await Database.open({ files: [to] });
  const read = { csv: "read_csv", jsonl: "read_json", parquet: "read_parquet" }[format];
  const rows = await database.connection.runAndReadAll(
    `SELECT rank::INTEGER, example::INTEGER, target FROM ${read}(${quote(to)})`,
  );
  expect(rows.getRowsJS()).toEqual(page.rows.map(({ index }, at) => [at + 1, index, "cat"]));
  database.close();
  expect((await readdir(workspace.root)).sort()).toEqual([".tracin", `list.${format}`]);
});

it("exports a list as it is narrowed and sorted", async () => {
  const id = newRunId(new Date(), "export");
  await writeRun(workspace.root, id, 5000, [[0, 5000]]);
  const reader = await RunReader.open(workspace.root, id);
  const to = join(workspace.root, "list.csv");
  const ranking = {
    view: "suspects",
    query: 0,
    filter: { text: "loss >= 3 and example >= 100" },
    sort: { column: "self_influence", descending: true },
  } as const;
  const table = await reader.ranked();
  const members = await table.members(ranking, async () => []);
  await exportRanking(reader, workspace.root, ranking, to, members);
  reader.close();
  const database = await Database.open({ files: [to] });
  const rows = await database.connection.runAndReadAll(
    `SELECT rank::INTEGER, example::INTEGER, target FROM read_csv(${quote(to)})`,
  );
  database.close();
  const wanted = Array.from({ length: 5000 }, (_, i) => i)
    .filter((i) => i >= 100 && (loss(i, 0) + loss(i, 1)) / 2 >= 3)
    .sort((a, b) => (b % 7) - (a % 7) || a - b);
  expect(wanted.length).toBeGreaterThan(2048);
  expect(rows.getRowsJS()).toEqual(wanted.map((i, at) => [at + 1, i, "cat"]));
});
