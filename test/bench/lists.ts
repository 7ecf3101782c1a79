import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database, quote } from "../../src/core/store/duckdb.ts";
import { RankedTable } from "../../src/core/store/ranked-table.ts";
import type { Ranking } from "../../src/core/store/reader.ts";
import type { ReadTexts } from "../../src/core/store/run-texts.ts";

/** How long something took, in milliseconds: asked for the first time, and the median of its repetitions. */
export interface Latency {
  readonly name: string;
  readonly milliseconds: number;
}

const labels = ["setosa", "versicolor", "virginica"];
const checkpoints = 6;
/** Each request is timed this often, always with another filter or order, so that nothing that is kept answers it. */
const rounds = 5;

/** What a panel asks of a run of `examples` rows, as the compute process answers it without previews. */
export async function listLatencies(examples: number): Promise<Latency[]> {
  const folder = await mkdtemp(join(tmpdir(), "tracin-bench-lists-"));
  const path = join(folder, "scores.parquet");
  const latencies: Latency[] = [];
  try {
    await writeRun(folder, path, examples);
    const size = { examples, queries: 1 };
    const ask = (table: RankedTable, rest: Partial<Ranking>, offset = 0) =>
      table.page({ view: "proponents", query: 0, ...rest }, offset, 100, readTexts);
    const time = async (
      name: string,
      action: (round: number) => Promise<unknown>,
      times = rounds,
    ) => {
      const taken: number[] = [];
      for (let round = 0; round < times; round++) {
        const started = performance.now();
        await action(round);
        taken.push(performance.now() - started);
      }
      taken.sort((a, b) => a - b);
      latencies.push({ name, milliseconds: taken[taken.length >> 1] ?? 0 });
    };

    let table: RankedTable | undefined;
    await time(
      "first page of a run",
      async () => {
        table?.close();
        table = await RankedTable.open(path, "scores.parquet", size);
        await ask(table, {});
      },
      3,
    );
    if (table === undefined) {
      return latencies;
    }
    const opened = table;
    await time(
      "page of another list, while the rows are copied",
      () => ask(opened, { view: "opponents" }),
      1,
    );
    await opened.settle();
    await time("another page of the list", (round) => ask(opened, {}, 100 * (round + 1)));
    await time("page far down", (round) => ask(opened, {}, 300_000 + 100 * round));
    const columns = [
      "loss",
      "predicted_probability",
      "self_influence",
      "line",
      "suggested_probability",
    ];
    await time("sort by a number, first time", (round) =>
      ask(opened, { view: "all", sort: { column: columns[round] ?? "", descending: true } }),
    );
    await time("sort by a number, other way round", (round) =>
      ask(opened, { view: "all", sort: { column: columns[round] ?? "", descending: false } }),
    );
    await time(
      "sort by a text, first time",
      (round) =>
        ask(opened, {
          view: "all",
          sort: { column: ["target", "predicted", "suggested"][round] ?? "", descending: false },
        }),
      3,
    );
    await time("condition", (round) =>
      ask(opened, { filter: { text: `target = 'setosa' and score > 0.${round}` } }),
    );
    await time("condition in another order", (round) =>
      ask(opened, {
        filter: { text: `predicted <> target and loss > 0.${round}` },
        sort: { column: "loss", descending: round % 2 === 0 },
      }),
    );
    await time("check of a condition", (round) =>
      opened.check(0, `predicted <> target and loss > 0.${round}1`, readTexts),
    );
    await time("range of a histogram", (round) =>
      ask(opened, { filter: { ranges: [{ column: "loss", from: 0.1 * round, to: 1 }] } }),
    );
    await time("histogram of the list", (round) =>
      opened.histogram(
        { view: "proponents", query: 0, filter: { text: `loss > 0.${round}` } },
        "score",
        24,
        readTexts,
      ),
    );
    await time(
      "words, first time: the texts are read",
      () => ask(opened, { filter: { text: "rare" } }),
      1,
    );
    await time("a word", (round) => ask(opened, { filter: { text: `0.1${round}` } }));
    await time("a rare word", (round) => ask(opened, { filter: { text: `0.1234${round}` } }));
    await time("two words in another order", (round) =>
      ask(opened, {
        filter: { text: `${labels[round % 3]} 0.5${round}` },
        sort: { column: "loss", descending: true },
      }),
    );
    await time("a condition on the texts", (round) =>
      ask(opened, { filter: { text: `text like '%0.7${round}%' and score > 0.1` } }),
    );
    opened.close();
    return latencies;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A run as the product writes it, its numbers drawn at random. */
async function writeRun(folder: string, path: string, examples: number): Promise<void> {
  const database = await Database.open({ folder, memoryLimit: 1 << 30 });
  const label = (shift: number) =>
    `['${labels.join("', '")}'][(1 + hash(i + ${shift}) % 3)::INTEGER]`;
  const parts = `[${Array.from({ length: checkpoints }, () => "random()::FLOAT").join(", ")}]`;
  await database.run(
    `COPY (SELECT *, CASE WHEN predicted <> target THEN predicted END AS suggested,
       CASE WHEN predicted <> target THEN predicted_probability END AS suggested_probability FROM (
         SELECT i::INTEGER AS example, 'train.csv' AS file, (i + 2)::INTEGER AS line, 1::INTEGER AS line_count,
           (hash(i) >> 11)::BIGINT AS row_hash, NULL::VARCHAR AS image, md5(i::VARCHAR) AS content,
           ${label(0)} AS target, ${label(1)} AS predicted, random()::FLOAT AS predicted_probability,
           random()::FLOAT AS loss, random()::FLOAT AS self_influence, ${parts} AS self_parts,
           (random() - 0.5)::FLOAT AS score_0, ${parts} AS parts_0
         FROM range(${examples}) AS rows(i)))
     TO ${quote(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  database.close();
}

/** Rows of a CSV file with eight numbers and a label. */
const readTexts: ReadTexts = async (start, end) =>
  Array.from({ length: end - start }, (_, at) => {
    const row = start + at;
    const cells = Array.from({ length: 8 }, (_, column) =>
      String(((row * 7919 + column * 104_729) % 1_000_003) / 1_000_003).slice(0, 7),
    );
    return [...cells, labels[row % 3]].join("\n");
  });
