import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Database } from "../../../src/core/store/duckdb.ts";
import { isCondition } from "../../../src/core/store/filter.ts";
import { RankedTable } from "../../../src/core/store/ranked-table.ts";
import type { Ranking } from "../../../src/core/store/reader.ts";
import type { ReadTexts } from "../../../src/core/store/run-texts.ts";

const examples = 5000;
const targets = ["ham", "spam"];
/** What the table holds for example i. */
const score = (i: number) => (i === 7 ? Number.NaN : Math.fround(((i * 37) % 101) - 50));
const loss = (i: number) => Math.fround((i % 13) / 4);
const target = (i: number) => targets[i % 2] ?? "";
const all = Array.from({ length: examples }, (_, i) => i);

let folder: string;
let path: string;
let table: RankedTable;
const size = { examples, queries: 1 };
const texts: ReadTexts = async (start, end) =>
  all.slice(start, end).map((i) => (i % 1000 === 3 ? `Grüße, WINNER ${i}` : `plain ${i}`));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-filter-"));
  path = join(folder, "scores.parquet");
  const database = await Database.open({ folder });
  await database.run(`COPY (SELECT i::INTEGER AS example, 'train.csv' AS file, (i + 2)::INTEGER AS line,
      1::INTEGER AS line_count, NULL::VARCHAR AS image, ['ham', 'spam'][1 + i % 2] AS target,
      'ham' AS predicted, 0.5::FLOAT AS predicted_probability, NULL::VARCHAR AS suggested,
      NULL::FLOAT AS suggested_probability, ((i % 13) / 4)::FLOAT AS loss, (i % 7)::FLOAT AS self_influence,
      [1::FLOAT] AS self_parts,
      CASE WHEN i = 7 THEN 'NaN'::FLOAT ELSE ((i * 37) % 101 - 50)::FLOAT END AS score_0,
      [i::FLOAT] AS parts_0
    FROM range(${examples}) t(i)) TO '${path}' (FORMAT parquet)`);
  database.close();
  table = await RankedTable.open(path, "scores.parquet", size);
});

afterAll(async () => {
  table.close();
  await rm(folder, { recursive: true, force: true });
});

/** All examples of a list, in its order. */
async function listed(rest: Partial<Ranking>): Promise<number[]> {
  const ranking: Ranking = { view: "all", query: 0, ...rest };
  const { rows, total } = await table.page(ranking, 0, examples, texts);
  expect(rows).toHaveLength(total);
  return rows.map(({ index }) => index);
}

describe("lists", () => {
  it("are in file order, or sorted by any column both ways with ties in file order and gaps last", async () => {
    expect(await listed({})).toEqual(all);
    const value = (i: number, way: number) => (i === 7 ? Number.POSITIVE_INFINITY : way * score(i));
    for (const way of [1, -1]) {
      expect(await listed({ sort: { column: "score", descending: way < 0 } })).toEqual(
        all.toSorted((a, b) =>
          value(a, way) === value(b, way) ? a - b : value(a, way) - value(b, way),
        ),
      );
    }
    expect(await listed({ sort: { column: "target", descending: true } })).toEqual(
      all.toSorted((a, b) => (target(b) > target(a) ? 1 : target(b) < target(a) ? -1 : a - b)),
    );
    expect((await listed({ sort: { column: "example", descending: true } }))[0]).toBe(examples - 1);
  });

  it("hold what meets the condition, the ranges and the view", async () => {
    expect(await listed({ filter: { text: "target = 'spam' and score < 0" } })).toEqual(
      all.filter((i) => target(i) === "spam" && score(i) < 0),
    );
    expect(
      await listed({
        filter: { text: "loss > 1", ranges: [{ column: "score", from: -10, to: 10 }] },
      }),
    ).toEqual(all.filter((i) => loss(i) > 1 && score(i) >= -10 && score(i) <= 10));
    const proponents = await listed({ view: "proponents", filter: { text: "target in ('ham')" } });
    expect(proponents.length).toBe(all.filter((i) => score(i) > 0 && target(i) === "ham").length);
    expect(score(proponents[0] ?? 0)).toBe(50);
  });

  it("find words in texts that were read ahead, and read them once", async () => {
    const opened = await RankedTable.open(path, "scores.parquet", size);
    const read: number[] = [];
    const counted: ReadTexts = (start, end) => {
      read.push(start);
      return texts(start, end);
    };
    opened.readAhead(counted);
    await vi.waitFor(() => expect(read).toEqual([0]));
    const ranking: Ranking = { view: "all", query: 0, filter: { text: "winner" } };
    expect((await opened.page(ranking, 0, 10, counted)).total).toBe(5);
    expect(read).toEqual([0]);
    opened.close();
  });

  it("hold the rows with all words, in any case, in texts and columns", async () => {
    const found = [3, 1003, 2003, 3003, 4003];
    expect(await listed({ filter: { text: "winner" } })).toEqual(found);
    expect(await listed({ filter: { text: "GRÜSSE" } })).toEqual([]);
    expect(await listed({ filter: { text: "grüße, spam" } })).toEqual(found);
    expect(await listed({ filter: { text: '"winner 10"' } })).toEqual([1003]);
    expect(await listed({ filter: { text: "text like '%WINNER 2%'" } })).toEqual([2003]);
    expect(await listed({ filter: { text: "it's" } })).toEqual([]);
  });

  it("give pages with parts and the largest score", async () => {
    const page = await table.page({ view: "proponents", query: 0 }, 10, 2, texts);
    const ranked = all.filter((i) => score(i) > 0).toSorted((a, b) => score(b) - score(a) || a - b);
    expect(page.scale).toBe(50);
    expect(page.rows.map(({ index, parts }) => [index, parts])).toEqual(
      ranked.slice(10, 12).map((i) => [i, [i]]),
    );
  });
});

describe("the rows", () => {
  const asked: readonly Partial<Ranking>[] = [
    { view: "proponents" },
    { view: "suspects", sort: { column: "target", descending: true } },
    { filter: { text: "target = 'spam' and score < 0" } },
    { filter: { text: "winner" }, sort: { column: "loss", descending: false } },
    { filter: { text: "text like '%WINNER%' or loss > 2.9" } },
  ];
  const limits = { memory: 64 << 20, text: 1 << 20, time: 20_000 };
  const pagesOf = (opened: RankedTable) =>
    Promise.all(asked.map((rest) => opened.page({ view: "all", query: 0, ...rest }, 3, 20, texts)));

  it("are the same from the file, while they are copied, and from memory", async () => {
    const opened = await RankedTable.open(path, "scores.parquet", size, limits);
    const before = await pagesOf(opened);
    expect(await opened.settle()).toBe(true);
    expect(await pagesOf(opened)).toEqual(before);
    // Another query has no scores here; coming back brings them again.
    expect((await opened.page({ view: "all", query: 5 }, 0, 1, texts)).rows[0]?.score).toBe(0);
    expect(await opened.settle()).toBe(true);
    expect(await pagesOf(opened)).toEqual(before);
    opened.close();
  });

  it("stay in the file where memory is too small for them, and the lists work", async () => {
    const many = 700_000;
    const large = join(folder, "large.parquet");
    const database = await Database.open({ folder, memoryLimit: 512 << 20 });
    await database.run(`COPY (SELECT i::INTEGER AS example, md5(i::VARCHAR) AS file, 1::INTEGER AS line,
        1::INTEGER AS line_count, md5((i + 1)::VARCHAR) AS image, 'a' AS target, 'a' AS predicted,
        0.5::FLOAT AS predicted_probability, NULL::VARCHAR AS suggested, NULL::FLOAT AS suggested_probability,
        (i % 1000)::FLOAT AS loss, 0::FLOAT AS self_influence, [1::FLOAT] AS self_parts
      FROM range(${many}) t(i)) TO '${large}' (FORMAT parquet)`);
    database.close();
    const own = { examples: many, queries: 0 };
    const opened = await RankedTable.open(large, "large.parquet", own, limits);
    const list = () =>
      opened.page(
        { view: "suspects", query: -1, order: "loss", filter: { text: "loss >= 998" } },
        0,
        2,
        texts,
      );
    const first = await list();
    expect(await opened.settle()).toBe(false);
    expect(await list()).toEqual(first);
    expect(first.total).toBe((2 * many) / 1000);
    expect(first.rows.map(({ index }) => index)).toEqual([999, 1999]);
    opened.close();
  });

  it("refuse more text than the limit, and go on", async () => {
    const opened = await RankedTable.open(path, "scores.parquet", size, {
      ...limits,
      text: 1000,
    });
    const words = () =>
      opened.page({ view: "all", query: 0, filter: { text: "winner" } }, 0, 1, texts);
    await expect(words()).rejects.toMatchObject({
      kind: "store",
      message: "The training data holds too much text to search.",
    });
    await expect(words()).rejects.toMatchObject({ kind: "store" });
    expect((await opened.page({ view: "all", query: 0 }, 0, 1, texts)).total).toBe(examples);
    opened.close();
  });

  it("answer nothing once the run is closed", async () => {
    const opened = await RankedTable.open(path, "scores.parquet", size, limits);
    const page = opened.page({ view: "all", query: 0 }, 0, 1, texts);
    opened.close();
    await expect(page).rejects.toMatchObject({ message: "The run was closed." });
  });
});

describe("histogram", () => {
  it("counts the list, not narrowed by its own range", async () => {
    const filter = { text: "target = 'ham'", ranges: [{ column: "loss", from: 0, to: 0.3 }] };
    const { from, to, counts } = await table.histogram(
      { view: "all", query: 0, filter },
      "loss",
      4,
      texts,
    );
    expect([from, to]).toEqual([0, 3]);
    const expected = [0, 0, 0, 0];
    for (const i of all.filter((i) => target(i) === "ham")) {
      const bin = Math.min(3, Math.floor(loss(i) / 0.75));
      expected[bin] = (expected[bin] ?? 0) + 1;
    }
    expect(counts).toEqual(expected);
  });

  it("is refused for texts", async () => {
    await expect(
      table.histogram({ view: "all", query: 0 }, "target", 4, texts),
    ).rejects.toMatchObject({ kind: "store" });
  });
});

describe("check", () => {
  it.each([
    ["score < = 2", 8, 9],
    ["label = 'x'", 0, 5],
    ["target = spam", 9, 13],
    ["größe = 1 or loss > 1", 0, 5],
    ["target = 'ß' and nope > 1", 17, 21],
  ])("marks the place of what is wrong in %s", async (text, from, to) => {
    const { kind, problem } = await table.check(0, text, texts);
    expect(kind).toBe("condition");
    expect([problem?.from, problem?.to]).toEqual([from, to]);
  });

  it("says what does not fit together", async () => {
    const { problem } = await table.check(0, "loss > 1 and target + 1 > 2", texts);
    expect(problem?.message).toContain("No function matches");
    expect(problem?.from).toBeGreaterThanOrEqual(13);
  });

  it.each([
    "loss > (select max(x) from read_csv('/etc/passwd'))",
    "loss > 1) union select 1 from run where (true",
    "loss = 1); drop table run; select (1",
    "exists(select 1) = true",
    "getenv('HOME') = 'x'",
    "current_setting('threads') = '1'",
    "read_text('/etc/passwd') = 'x'",
    "loss > count(*)",
    "loss > row_number() over ()",
    "target = any(select file from run)",
    "texts.words = 'x'",
    "words = 'x'",
    "run.loss = 1",
    "loss = $1",
    "random() < 0.5",
    "now() > 1",
    "main.abs(loss) = 1",
    "loss = 1) -- ",
    "list_sum(list_transform([1], x -> x)) = loss",
    "COLUMNS(*) = 1",
  ])("refuses %s", async (text) => {
    const { problem } = await table.check(0, text, texts);
    expect(problem?.message).toBeTruthy();
    await expect(listed({ filter: { text } })).rejects.toMatchObject({ kind: "store" });
  });

  it.each([
    "loss between 1 and 2",
    "target is not null",
    "not (target = 'spam')",
    "abs(score) > 10 -- large",
    "case when score > 0 then loss > 1 else loss > 2 end = true",
    "cast(line as varchar) = '10'",
    "regexp_matches(target, '^s') = true",
    "target ilike 'SP%'",
  ])("accepts %s", async (text) => {
    expect(await table.check(0, text, texts)).toEqual({ kind: "condition" });
    expect((await listed({ filter: { text } })).length).toBeGreaterThan(0);
  });

  it("tells words from conditions", () => {
    const columns = ["target", "loss", "score"];
    expect(
      ["not in stock", "hello world", "like new", ""].map((t) => isCondition(t, columns)),
    ).toEqual([false, false, false, false]);
    expect(
      ["score<0", "target is null", "lower(target) like 'a'", "loss not in (1)"].map((t) =>
        isCondition(t, columns),
      ),
    ).toEqual([true, true, true, true]);
  });
});

describe("cancelling", () => {
  it("ends the statement, and the next one works", async () => {
    const controller = new AbortController();
    const text =
      "regexp_matches(repeat_text, 'x') = true or contains(repeat(target, 1), 'x') = true";
    const asked = table.page(
      { view: "all", query: 0, filter: { text } },
      0,
      1,
      texts,
      controller.signal,
    );
    controller.abort();
    await expect(asked).rejects.toMatchObject({ kind: "cancelled" });
    expect(await listed({ view: "all" })).toHaveLength(examples);
  });
});
