import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { givenQuery } from "../../../src/compute/given.ts";
import { createService } from "../../../src/compute/service.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { openProject } from "../../../src/core/config/open.ts";
import { encodeQueries } from "../../../src/core/tracin/questions.ts";
import type { GivenExample, QueryRef } from "../../../src/protocol/examples.ts";
import type { ExplainedLabel, RunSummary } from "../../../src/protocol/runs.ts";
import { copySample } from "../sample.ts";

const context = { signal: new AbortController().signal, report: () => undefined };
const service = createService(computeSettings({ processes: 1 }));

let folder: string;
const roots = { iris: "", spam: "", digits: "" };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-new-"));
  for (const name of ["iris", "spam", "digits"] as const) {
    roots[name] = join(folder, name);
    await copySample(name, roots[name]);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function explain(
  root: string,
  query: QueryRef,
  label: ExplainedLabel = "target",
): Promise<RunSummary> {
  return service.explain({ root, queries: [query], explain: label }, context);
}

/** All scores of a query of a run, by training example. */
async function scoresOf(root: string, run: RunSummary, query = 0): Promise<readonly number[]> {
  const scores: number[] = [];
  for (let offset = 0; offset < run.examples; offset += 500) {
    const page = { root, runId: run.id, view: "all" as const, query, offset, limit: 500 };
    const { rows } = await service.rows(page, context);
    scores.push(...rows.map(({ score }) => score));
  }
  return scores;
}

/**
 * Compares a given example with the same one in the test data: what the model is given is the same bit for bit, and so
 * are the numbers but for the rows that they take in a batch of two (float32, 1e-6 of the largest score).
 */
async function compare(
  root: string,
  given: { readonly given: GivenExample } | { readonly runId: string; readonly query: number },
  index: number,
  label: ExplainedLabel,
): Promise<void> {
  if ("given" in given) {
    const project = await openProject(root);
    const stored = { dataset: "test", index, explain: label };
    const own = await encodeQueries(project, [await givenQuery(project, given.given, label)]);
    const theirs = new Map(await encodeQueries(project, [stored]));
    await project.close();
    for (const name of project.model.graph.inputs.map((input) => input.name)) {
      expect(own.get(name)).toEqual(theirs.get(name));
    }
  }
  const queries = [given, { dataset: "test", index }];
  const run = await service.explain({ root, queries, explain: label }, context);
  const scores = await scoresOf(root, run, 1);
  const largest = Math.max(...scores.map(Math.abs));
  const differences = (await scoresOf(root, run, 0)).map((score, at) =>
    Math.abs(score - (scores[at] ?? Number.NaN)),
  );
  expect(Math.max(...differences)).toBeLessThan(1e-6 * largest);
  const [ours, theirs] = run.queries;
  expect(ours?.losses).toEqual(theirs?.losses.map((loss) => expect.closeTo(loss, 5)));
  expect(ours?.prediction.map((entry) => entry.label)).toEqual(
    theirs?.prediction.map((entry) => entry.label),
  );
  expect(ours?.explained).toBe(theirs?.explained);
}

const irisRow = { sepal_length: 6, sepal_width: "3.4", petal_length: 4.5, petal_width: 1.6 };

describe("an example that stands in no dataset has the scores of the same one in the test data", () => {
  it("a row, with its target and without", async () => {
    const root = roots.iris;
    const whole = { given: { row: JSON.stringify({ ...irisRow, species: "versicolor" }) } };
    await compare(root, whole, 0, "target");
    const run = await explain(root, whole);
    expect(run.title).toBe("new row, target versicolor");
    expect(run.queries[0]).toMatchObject({ given: true, target: "versicolor" });
    const bare = { given: { row: JSON.stringify(irisRow) } };
    await compare(root, bare, 0, "prediction");
    const predicted = await explain(root, bare);
    expect(predicted.title).toMatch(/^new row, prediction /);
    expect(predicted.queries[0]?.target).toBe("");
    await compare(root, bare, 0, 2);
  });

  it("a text", async () => {
    const root = roots.spam;
    const lines = (await readFile(join(root, "test.jsonl"), "utf8")).split("\n");
    const { text } = JSON.parse(lines[4] ?? "");
    await compare(root, { given: { text } }, 4, "prediction");
    const run = await explain(root, { given: { text } });
    expect(run.queries[0]?.preview).toMatchObject({ kind: "text", text: text.slice(0, 4000) });
    await compare(root, { given: { row: lines[4] ?? "" } }, 4, "target");
  });

  it("an image from anywhere", async () => {
    const root = roots.digits;
    const image = join(folder, "elsewhere.png");
    await copyFile(join(root, "test/0142.png"), image);
    await compare(root, { given: { image } }, 142, "prediction");
    const run = await explain(root, { given: { image } });
    const bytes = new Uint8Array(await readFile(image));
    expect(run.queries[0]?.preview).toEqual({ kind: "image", mime: "image/png", bytes });
    expect(run.title).toBe("new image, prediction 7");
  });
});

describe("a run keeps what was given", () => {
  it("is read again, is explained for another label, and is not stale", async () => {
    const root = roots.iris;
    const run = await explain(root, { given: { row: JSON.stringify(irisRow) } });
    const again = await service.readRun({ root, runId: run.id }, context);
    expect(again).toEqual(run);
    expect(again.changes).toEqual([]);
    expect(again.queries[0]?.preview).toEqual({
      kind: "fields",
      entries: [
        ["sepal_length", "6"],
        ["sepal_width", "3.4"],
        ["petal_length", "4.5"],
        ["petal_width", "1.6"],
      ],
    });
    const place = again.queries[0]?.place;
    expect(place).toMatchObject({ file: `${run.folder}/query-0.json`, line: 0, lineCount: 6 });
    expect(JSON.parse(await readFile(join(root, place?.file ?? ""), "utf8"))).toEqual({
      ...irisRow,
      sepal_length: "6",
      petal_length: "4.5",
      petal_width: "1.6",
    });
    const other = await explain(root, { runId: run.id, query: 0 }, 0);
    expect(other.queries[0]?.explained).toBe("setosa");
    await compare(root, { runId: run.id, query: 0 }, 0, 0);
    const marks = await service.marks({ root, runId: run.id, limit: 2 }, context);
    expect(marks.filter(({ kind }) => kind === "query")).toEqual([]);
  });

  it("says what an example consists of", async () => {
    const { form } = await service.open({ root: roots.spam }, context);
    expect(form).toEqual({
      texts: ["text"],
      image: false,
      mask: false,
      columns: ["text"],
      target: ["label"],
    });
    const digits = await service.open({ root: roots.digits }, context);
    expect([digits.form.image, digits.scales]).toEqual([true, {}]);
  });

  it("says how far the columns of a table spread, as NumPy's std over the training data", async () => {
    const { scales } = await service.open({ root: roots.iris }, context);
    // np.loadtxt(train.csv, usecols=range(4)).std(axis=0)
    expect(scales).toEqual({
      sepal_length: expect.closeTo(0.841763608, 6),
      sepal_width: expect.closeTo(0.42930095, 6),
      petal_length: expect.closeTo(1.793890093, 6),
      petal_width: expect.closeTo(0.779048119, 6),
    });
  });
});

describe("what is no example is refused", () => {
  const row = (value: unknown) => ({ given: { row: JSON.stringify(value) } });

  it.each<[string, keyof typeof roots, QueryRef, RegExp, RegExp]>([
    ["no JSON", "iris", { given: { row: "{" } }, /not valid JSON/, /Give a JSON object/],
    ["no object", "iris", row([1]), /no JSON object/, /Give a JSON object/],
    ["a missing column", "iris", row({ sepal_length: 1 }), /lacks "sepal_width", /, /Give a row/],
    [
      "an unknown column",
      "iris",
      row({ ...irisRow, petal_with: 1 }),
      /no column "petal_with"/,
      /"petal_width"/,
    ],
    [
      "no number",
      "iris",
      row({ ...irisRow, sepal_length: "long" }),
      /"long" is not a finite number/,
      /finite/,
    ],
    ["a text", "iris", { given: { text: "x" } }, /No model input is made of a text/, /Give a row/],
    ["an image", "iris", { given: { image: "/none.png" } }, /lacks "sepal/, /Give a row/],
    ["no image", "digits", row({}), /lacks an image/, /Choose an image/],
    ["no file", "digits", { given: { image: "/none.png" } }, /cannot be read/, /./],
    ["a prototype", "iris", { given: { row: '{"__proto__": 1}' } }, /no column "__proto__"/, /./],
  ])("%s", async (_, name, query, message, remedy) => {
    const failure = await explain(roots[name], query).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: "data",
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    });
  });

  it("a file that is no image", async () => {
    const image = join(folder, "no.png");
    await writeFile(image, "not an image");
    await expect(explain(roots.digits, { given: { image } })).rejects.toThrow(/no PNG or JPEG/);
  });
});
