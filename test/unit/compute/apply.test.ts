import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { planApply, writeCleaned } from "../../../src/compute/apply.ts";
import { decide, noteExcluded, reviewsOf } from "../../../src/compute/reviews.ts";
import type { Project } from "../../../src/core/config/project.ts";
import { Database, quote } from "../../../src/core/store/duckdb.ts";
import type { Decision } from "../../../src/protocol/reviews.ts";
import { copySample } from "../sample.ts";
import { withProject } from "../support/project.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tracin-apply-"));
  await copySample("iris", root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const on = (project: Project, index: number, decision: Decision) =>
  decide(project, { items: [{ dataset: "train", index }], decision });

async function train(): Promise<string> {
  return readFile(join(root, "train.csv"), "utf8");
}

it("plans one change of a label and one row that goes, and writes the copy that they make", async () => {
  const lines = (await train()).split("\n");
  const from = lines[3]?.split(",").at(-1) ?? "";
  const to = from === "setosa" ? "virginica" : "setosa";
  await withProject(root, async (project) => {
    await on(project, 2, { kind: "relabel", to });
    await on(project, 5, { kind: "exclude" });
    await on(project, 7, { kind: "keep" });
    const { rows, moves, refused } = await planApply(project);
    expect({ moves, refused }).toEqual({ moves: [], refused: [] });
    const text = lines[3] ?? "";
    const start = text.lastIndexOf(",") + 1;
    expect(rows.map(({ line, text, replacement }) => ({ line, text, replacement }))).toEqual([
      { line: 3, text, replacement: { start, end: text.length, text: to } },
      { line: 6, text: lines[6], replacement: null },
    ]);
    const made = await writeCleaned(project, "train", join(root, "cleaned.csv"));
    expect(made).toEqual({ relabelled: 1, excluded: 1, kind: "copy", refused: [] });
    const expected = lines.with(3, text.replace(from, to)).toSpliced(6, 1).join("\n");
    expect(await readFile(join(root, "cleaned.csv"), "utf8")).toBe(expected);
    await expect(writeCleaned(project, "train", join(root, "train.csv"))).rejects.toThrow(
      "would overwrite",
    );
  });
});

it.each([
  ["mixed line ends", (text: string) => text.replace("\n", "\r\n"), "lineEnds"],
  ["lone carriage returns", (text: string) => text.replaceAll("\n", "\r"), "lineEnds"],
])("refuses a document with %s, and the cleaned copy serves", async (_, change, kind) => {
  const text = change(await train());
  await writeFile(join(root, "train.csv"), text);
  await withProject(root, async (project) => {
    await on(project, 0, { kind: "exclude" });
    const plan = await planApply(project);
    expect(plan.rows).toEqual([]);
    expect(plan.refused).toEqual([{ file: "train.csv", reason: { kind } }]);
    await writeCleaned(project, "train", join(root, "cleaned.csv"));
    const { start, end } = project.datasets.get("train")?.locator(0) ?? { start: 0, end: 0 };
    expect(await readFile(join(root, "cleaned.csv"), "utf8")).toBe(
      text.slice(0, start) + text.slice(end + 1),
    );
  });
});

it("lists decisions whose label has changed since, instead of applying them", async () => {
  const lines = (await train()).split("\n");
  const from = lines[1]?.split(",").at(-1) ?? "";
  const [other = "", to = ""] = ["setosa", "versicolor", "virginica"].filter((l) => l !== from);
  await withProject(root, (project) => on(project, 0, { kind: "relabel", to }));
  await writeFile(
    join(root, "train.csv"),
    lines.with(1, (lines[1] ?? "").replace(from, other)).join("\n"),
  );
  await withProject(root, async (project) => {
    expect(await planApply(project)).toEqual({
      rows: [],
      moves: [],
      refused: [{ file: "train.csv:2", reason: { kind: "labelChanged", from } }],
    });
  });
});

it("takes no copy of an excluded row for it once that is gone, and offers it again when it is back", async () => {
  const lines = (await train()).split("\n");
  const once = lines.join("\n");
  const twice = lines.toSpliced(2, 0, lines[1] ?? "").join("\n");
  const states = () =>
    withProject(root, async (project) => {
      const { reviews } = await reviewsOf(project);
      const { rows } = await planApply(project);
      return [
        ...reviews.map(({ index, decision, state }) => `${index} ${decision.kind} ${state}`),
        ...rows.map(({ line }) => `line ${line} goes`),
      ];
    });
  await writeFile(join(root, "train.csv"), twice);
  const excluded = await withProject(root, async (project) => {
    await on(project, 0, { kind: "exclude" });
    return (await planApply(project)).rows.map(({ id }) => id);
  });
  await writeFile(join(root, "train.csv"), once);
  await withProject(root, (project) => noteExcluded(project, excluded));
  expect(await states()).toEqual(["0 exclude done"]);

  // Undone in the editor: both rows are there again.
  await writeFile(join(root, "train.csv"), twice);
  expect(await states()).toEqual(["0 exclude open", "line 1 goes"]);

  // And applied again, after a row before it has come: the file of decisions has it at another place than the data.
  await writeFile(join(root, "train.csv"), lines.toSpliced(1, 0, lines[9] ?? "").join("\n"));
  await withProject(root, (project) => noteExcluded(project, excluded));
  expect(await states()).toEqual(["0 exclude done"]);
});

it("takes the label as it is in the data: open, applied, and open again after undo", async () => {
  const before = await train();
  const lines = before.split("\n");
  const from = lines[3]?.split(",").at(-1) ?? "";
  const to = from === "setosa" ? "virginica" : "setosa";
  const planned = () =>
    withProject(root, async (project) => (await planApply(project)).rows.length);
  await withProject(root, (project) => on(project, 2, { kind: "relabel", to }));
  expect(await planned()).toBe(1);
  const changed = (lines[3] ?? "").replace(from, to);
  await writeFile(join(root, "train.csv"), lines.with(3, changed).join("\n"));
  expect(await planned()).toBe(0);
  await writeFile(join(root, "train.csv"), before);
  expect(await planned()).toBe(1);
});

it("moves images whose folder is their label", async () => {
  const digits = await mkdtemp(join(tmpdir(), "tracin-folders-"));
  try {
    await copySample("digits", digits);
    const manifest = (await readFile(join(digits, "train/labels.csv"), "utf8")).split("\n");
    const rows = manifest.slice(1, 41).map((line) => line.split(","));
    const header = manifest[0]?.split(",") ?? [];
    for (const row of rows) {
      const label = row[header.indexOf("label")]?.trim() ?? "";
      const file = row[header.indexOf("file")] ?? "";
      await mkdir(join(digits, "folders", label), { recursive: true });
      await writeFile(
        join(digits, "folders", label, file),
        await readFile(join(digits, "train", file)),
      );
    }
    const config = JSON.parse(await readFile(join(digits, "tracin.json"), "utf8"));
    config.data.train = { images: "folders" };
    await writeFile(join(digits, "tracin.json"), JSON.stringify(config));
    await withProject(digits, async (project) => {
      const place = project.datasets.get("train")?.locator(0).file ?? "";
      const label = place.split("/")[1];
      const to = label === "4" ? "5" : "4";
      await on(project, 0, { kind: "relabel", to });
      await on(project, 1, { kind: "exclude" });
      const second = project.datasets.get("train")?.locator(1).file ?? "";
      const { moves, refused } = await planApply(project);
      expect(refused).toEqual([]);
      expect(moves.map(({ from, to }) => [from, to])).toEqual([
        [place, place.replace(`/${label}/`, `/${to}/`)],
        [second, second.replace("folders/", ".tracin/excluded/train/")],
      ]);
    });
  } finally {
    await rm(digits, { recursive: true, force: true });
  }
});

it("refuses files that are no text, and writes the decisions with their indices", async () => {
  const config = JSON.parse(await readFile(join(root, "tracin.json"), "utf8"));
  const parquet = join(root, "train.parquet");
  const database = await Database.open({ files: [join(root, "train.csv"), parquet] });
  await database.run(
    `COPY (SELECT * FROM read_csv(${quote(join(root, "train.csv"))})) TO ${quote(parquet)}`,
  );
  database.close();
  config.data.train = { parquet: "train.parquet", target: "species" };
  await writeFile(join(root, "tracin.json"), JSON.stringify(config));
  const before = await readFile(parquet);
  await withProject(root, async (project) => {
    await on(project, 4, { kind: "exclude" });
    const plan = await planApply(project);
    expect(plan.rows).toEqual([]);
    expect(plan.refused).toEqual([{ file: "train.parquet", reason: { kind: "noText" } }]);
    const made = await writeCleaned(project, "train", join(root, "decisions.jsonl"));
    expect(made).toEqual({ relabelled: 0, excluded: 1, kind: "indices", refused: [] });
  });
  expect(JSON.parse(await readFile(join(root, "decisions.jsonl"), "utf8"))).toEqual({
    index: 4,
    decision: "exclude",
  });
  expect(await readFile(parquet)).toEqual(before);
});
