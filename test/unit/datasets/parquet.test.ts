import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { describe, expect, it } from "vitest";
import { contentHashes, hasLines } from "../../../src/core/datasets/content.ts";
import { fitEncoder } from "../../../src/core/datasets/fit.ts";
import { decodePng } from "../../../src/core/datasets/images/png.ts";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { previewExample } from "../../../src/core/datasets/preview.ts";
import { expected, goldens, open } from "./goldens.ts";
import { closing, errorOf, workspace } from "./workspace.ts";

const pictures = Buffer.from(expected.pictures, "base64");
const pictureSize = 6 * 5 * 3;
const picture = (index: number) => [
  ...pictures.subarray(index * pictureSize, (index + 1) * pictureSize),
];

describe("Parquet", () => {
  it.each([["table.parquet"], [["part-0.parquet", "part-1.parquet"]]])(
    "%s gives the rows that pyarrow wrote, over the borders of row groups and files",
    async (parquet) => {
      const dataset = await open({ parquet, target: "label" });
      expect(dataset.length).toBe(25);
      const rows = await dataset.read(0, 25);
      expect(rows.map(({ fields }) => ({ ...fields }))).toEqual(expected.table);
      const part = await dataset.read(5, 16);
      expect(part.map(({ index }) => index)).toEqual(Array.from({ length: 11 }, (_, i) => i + 5));
      expect({ ...part[4]?.fields }).toEqual(expected.table[9]);
    },
  );

  it("names file and row of an example", async () => {
    const dataset = await open({ parquet: ["part-0.parquet", "part-1.parquet"], target: "label" });
    expect(dataset.locator(12)).toEqual({
      file: "part-1.parquet",
      line: 2,
      lineCount: 0,
      start: 2,
      end: 3,
    });
    expect(dataset.at({ line: 2 })).toBeUndefined();
    // What edits files as text must leave these alone.
    expect(hasLines(dataset)).toBe(false);
  });

  it("answers many questions at once, each with its own rows", async () => {
    const dataset = await open({ parquet: "table.parquet", target: "label" });
    const rows = await Promise.all(Array.from({ length: 25 }, (_, i) => dataset.read(i, i + 1)));
    expect(rows.map(([row]) => row?.fields["text"])).toEqual(
      expected.table.map((row) => row["text"]),
    );
  });

  it("encodes numbers, categories and token lists", async () => {
    const train = await open({ parquet: "table.parquet", target: "label" });
    const encoder = await fitEncoder({
      features: {
        x: { columns: ["double", "long", "flag", "kind"], oneHot: { kind: "auto" } },
        ids: { tokens: { column: "ids", length: 4 } },
      },
      loss: { type: "softmax-cross-entropy" },
      labels: undefined,
      target: "label",
      output: ["batch", 3],
      inputs: [
        { name: "x", dtype: "float64", shape: [6] },
        { name: "ids", dtype: "int64", shape: [4] },
      ],
      train,
      root: goldens,
    });
    const { inputs, targets } = await encoder.encode(train, 6, 9);
    expect([...(inputs.get("x")?.data ?? [])]).toEqual(
      expected.table
        .slice(6, 9)
        .flatMap((row, at) => [
          row["double"],
          row["long"],
          Number(row["flag"]),
          ...[0, 1, 2].map((kind) => Number(at === kind)),
        ]),
    );
    expect([...(inputs.get("ids")?.data ?? [])].map(Number)).toEqual([
      ...[0, 0, 0, 0],
      ...[0, 1, 0, 0],
      ...[0, 1, 2, 0],
    ]);
    expect([...targets.data].map(Number)).toEqual([0, 1, 2]);
  });

  it.each([
    ["images.parquet", "image", "3.png"],
    ["blobs.parquet", "png", undefined],
  ])("%s: images are found, decoded and shown", async (parquet, column, name) => {
    const dataset = await open({ parquet, target: "label" });
    for (const index of [0, 3, 31, 32, 39]) {
      const bytes = await dataset.imageBytes?.(index);
      expect([...decodePng(bytes ?? new Uint8Array()).data]).toEqual(picture(index));
    }
    expect(await previewExample(dataset, 3)).toMatchObject({ kind: "image", mime: "image/png" });
    const [row] = await dataset.read(3, 4);
    expect(row?.fields[column]).toEqual(name ?? expect.stringMatching(/^\d+ bytes$/));
  });

  it("images that differ in a pixel differ in content, whatever their label", async () => {
    const dataset = await open({ parquet: "alike.parquet", target: "label" });
    const [first, second, third] = await contentHashes(dataset, 0, 3);
    expect(second).not.toBe(first);
    expect(third).toBe(first);
  });

  it("has the names of labels that Hugging Face datasets writes", async () => {
    const dataset = await open({ parquet: "named.parquet", target: "label" });
    expect(dataset.labelNames?.("label")).toEqual(["cat", "dog", "owl"]);
    expect(dataset.labelNames?.("tags")).toEqual(["O", "B", "I"]);
    expect(dataset.labelNames?.("topics")).toEqual(["art", "law", "sport"]);
    expect(dataset.labelNames?.("text")).toBeUndefined();
    expect((await open({ parquet: "table.parquet" })).labelNames?.("label")).toBeUndefined();
  });

  it.each([
    ["as many as the model's outputs", 3, ["cat", "dog", "owl"]],
    ["another number of outputs: the numbers are the labels", 5, ["0", "1", "2", "3", "4"]],
  ])("labels are named by the file: %s", async (_, outputs, labels) => {
    const train = await open({ parquet: "named.parquet", target: "label" });
    const encoder = await fitEncoder({
      features: { x: { columns: ["label"] } },
      loss: { type: "softmax-cross-entropy" },
      output: ["batch", outputs],
      inputs: [{ name: "x", dtype: "float32", shape: [1] }],
      train,
      root: goldens,
    });
    expect(
      encoder.labels ?? Array.from({ length: outputs }, (_, i) => encoder.className(i)),
    ).toEqual(labels);
    const { targets } = await encoder.encode(train, 0, 3);
    expect([...(targets?.data ?? [])].map(Number)).toEqual([0, 1, 0]);
  });

  it.each([
    ["a label at each token", { perToken: "tags" }, "softmax-cross-entropy", ["O", "B", "I"]],
    ["several labels", "topics", "sigmoid-cross-entropy", ["art", "law", "sport"]],
  ] as const)("labels in lists are named by the file: %s", async (_, target, type, labels) => {
    const train = await open({ parquet: "named.parquet", target });
    const encoder = await fitEncoder({
      features: { ids: { tokens: { column: "tags", length: 2 } } },
      loss: { type },
      target,
      output: type === "softmax-cross-entropy" ? ["batch", 2, 3] : ["batch", 3],
      inputs: [{ name: "ids", dtype: "int64", shape: [2] }],
      train,
      root: goldens,
    });
    expect([0, 1, 2].map((index) => encoder.className(index))).toEqual(labels);
    const { targets } = await encoder.encode(train, 0, 4);
    expect([...(targets?.data ?? [])].map(Number)).toEqual(
      type === "softmax-cross-entropy"
        ? [0, 0, 1, 0, 2, 0, 0, 0]
        : [0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0],
    );
  });

  it("names of labels that are damaged or lie say nothing", async () => {
    const root = await workspace({});
    const label = (names: unknown) =>
      JSON.stringify({ info: { features: { label: { names, _type: "ClassLabel" } } } });
    const lies = [
      "{",
      "[".repeat(100_000),
      "null",
      '{"info":{"features":{"__proto__":{"_type":"ClassLabel","names":["a"]}}}}',
      label("cat"),
      label([1, 2]),
      label({ length: 4_000_000_000 }),
      label(null),
      JSON.stringify({ info: { features: [[[[[[{ names: ["a"], _type: "ClassLabel" }]]]]]] } }),
    ];
    const database = await (await DuckDBInstance.create()).connect();
    for (const [index, lie] of [...lies, label(["no", "yes"])].entries()) {
      const file = join(root, `${index}.parquet`);
      await database.run(
        `COPY (SELECT 1 AS label) TO '${file}' (FORMAT PARQUET, KV_METADATA {huggingface: '${lie}'})`,
      );
      const dataset = await closing(
        openDataset("train", { parquet: `${index}.parquet`, target: "label" }, root),
      );
      expect([lie.slice(0, 40), dataset.labelNames?.("label")]).toEqual([
        lie.slice(0, 40),
        index < lies.length ? undefined : ["no", "yes"],
      ]);
    }
    database.closeSync();
  });

  it("reads within the memory that it may hold, but no less than 128 MiB", async () => {
    const source = { parquet: ["part-0.parquet", "part-1.parquet"], target: "label" };
    const dataset = await closing(openDataset("train", source, goldens, 1 << 20));
    expect((await dataset.read(0, 25)).length).toBe(25);
  });

  it("refuses columns without images, other columns in a second file, and names that stand for other files", async () => {
    expect(
      await errorOf(open({ parquet: "table.parquet", image: "text", target: "label" })),
    ).toMatchObject({
      kind: "data",
      place: { file: "table.parquet", column: "text" },
    });
    const other = await errorOf(
      open({ parquet: ["table.parquet", "other.parquet"], target: "label" }),
    );
    expect(other.message).toMatch(/other columns than table.parquet/);
    const root = await workspace({
      "a[1].parquet": await readFile(join(goldens, "table.parquet")),
    });
    const glob = await errorOf(open({ parquet: "a[1].parquet", target: "label" }, root));
    expect(glob.message).toMatch(/stand for other files/);
    const missing = await errorOf(open({ parquet: "table.parquet", target: "nothing" }));
    expect(missing).toMatchObject({ kind: "data", place: { column: "nothing" } });
  });

  it("refuses damaged files, whatever byte is wrong, or gives rows", async () => {
    const whole = await readFile(join(goldens, "table.parquet"));
    const root = await workspace({ "empty.parquet": "", "text.parquet": "PAR1 no PAR1" });
    for (const parquet of ["empty.parquet", "text.parquet"]) {
      expect(await errorOf(open({ parquet, target: "label" }, root))).toMatchObject({
        kind: "data",
        place: { file: parquet },
      });
    }
    for (let turn = 0; turn < 60; turn++) {
      const bytes = Buffer.from(whole);
      const cut = turn % 3 === 0;
      const at = Math.floor((turn / 60) * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      await writeFile(join(root, "bad.parquet"), cut ? whole.subarray(0, at) : bytes);
      try {
        const dataset = await openDataset(
          "train",
          { parquet: "bad.parquet", target: "label" },
          root,
        );
        try {
          await dataset.read(0, Math.min(dataset.length, 25));
          expect(cut).toBe(false);
        } finally {
          await dataset.close();
        }
      } catch (error) {
        expect(error).toMatchObject({ kind: "data", place: { file: "bad.parquet" } });
      }
    }
  });
});
