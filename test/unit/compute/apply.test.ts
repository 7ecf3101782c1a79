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
  ["mixed line ends", (text: string) => text.replace("\n", "\r\n"), /kinds of line ends/],
  ["lone carriage returns", (text: string) => text.replaceAll("\n", "\r"), /kinds of line ends/],
])("refuses a document with %s, and the cleaned copy serves", async (_, change, reason) => {
  const text = change(await train());
  await writeFile(join(root, "train.csv"), text);
  await withProject(root, async (project) => {
    await on(project, 0, { kind: "exclude" });
    const plan = await planApply(project);
    expect(plan.rows).toEqual([]);
    expect(plan.refused).toEqual([{ file: "train.csv", reason: expect.stringMatching(reason) }]);
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
      refused: [{ file: "train.csv:2", reason: `Its label is no longer ${from}.` }],
    });
  });
});

it("does not take a copy of an excluded row for it, once that is gone", async () => {
  const lines = (await train()).split("\n");
  const twice = lines.toSpliced(2, 0, lines[1] ?? "");
  await writeFile(join(root, "train.csv"), twice.join("\n"));
  await withProject(root, async (project) => {
    await on(project, 0, { kind: "exclude" });
    const { rows } = await planApply(project);
    await noteExcluded(
      project,
      rows.map(({ item }) => item),
    );
  });
  await writeFile(join(root, "train.csv"), lines.join("\n"));
  await withProject(root, async (project) => {
    expect(await planApply(project)).toEqual({ rows: [], moves: [], refused: [] });
    const { reviews } = await reviewsOf(project);
    expect(reviews.map(({ decision, state }) => [decision.kind, state])).toEqual([
      ["exclude", "done"],
    ]);
  });
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
    expect(plan.refused).toEqual([
      { file: "train.parquet", reason: expect.stringMatching(/no text/) },
    ]);
    const made = await writeCleaned(project, "train", join(root, "decisions.jsonl"));
    expect(made).toEqual({ relabelled: 0, excluded: 1, kind: "indices", refused: [] });
  });
  expect(JSON.parse(await readFile(join(root, "decisions.jsonl"), "utf8"))).toEqual({
    index: 4,
    decision: "exclude",
  });
  expect(await readFile(parquet)).toEqual(before);
});
