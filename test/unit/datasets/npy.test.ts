import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataset } from "../../../src/core/datasets/open.ts";
import { closing, errorOf, goldens, workspace } from "./workspace.ts";

interface Golden {
  readonly file: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}
const npyGoldens: readonly Golden[] = JSON.parse(await readFile(join(goldens, "npy.json"), "utf8"));

function openNpy(file: string, root = join(goldens, "npy")) {
  return closing(openDataset("train", { npy: { x: file }, target: "x" }, root));
}

async function little(): Promise<Buffer> {
  return readFile(join(goldens, "npy", "little-f4-C.npy"));
}

describe("NumPy arrays", () => {
  it.each(npyGoldens)("$file", async ({ file, shape, values }) => {
    const dataset = await openNpy(file);
    expect(dataset.length).toBe(shape[0]);
    const all = await dataset.array?.("x", 0, dataset.length);
    expect(all?.shape).toEqual(shape);
    expect(Array.from(all?.data ?? [])).toEqual(values);
    const row = values.length / dataset.length;
    const part = await dataset.array?.("x", 1, 3);
    expect(Array.from(part?.data ?? [])).toEqual(values.slice(row, 3 * row));
  });

  it("gives examples as nested lists and rows as byte ranges", async () => {
    const dataset = await openNpy("little-f4-C.npy");
    expect((await dataset.read(1, 2))[0]?.fields).toEqual({
      x: [
        [9, -1],
        [4, 4.25],
        [-8, 6],
      ],
    });
    expect(dataset.locator(1)).toEqual({
      file: "little-f4-C.npy",
      line: 1,
      lineCount: 0,
      start: 128 + 24,
      end: 128 + 48,
    });
  });

  it.each([
    ["objects.npy", /Python objects/],
    ["structured.npy", /not supported/],
    ["complex.npy", /not supported: '<c8'/],
    ["scalar.npy", /no axis/],
  ])("refuses %s", async (file, message) => {
    const error = await errorOf(openNpy(file));
    expect(error).toMatchObject({ kind: "data", place: { file } });
    expect(error.message).toMatch(message);
  });

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ["cut data", (bytes) => bytes.subarray(0, -1), /promises 96 bytes.*holds 95/],
    ["a cut header", (bytes) => bytes.subarray(0, 40), /header is longer/],
    ["nothing", () => Buffer.alloc(0), /does not begin/],
    ["another format", () => Buffer.from("PK\x03\x04 and so on......"), /does not begin/],
    [
      "a later version",
      (bytes) => Buffer.concat([bytes.subarray(0, 6), Buffer.of(9), bytes.subarray(7)]),
      /version 9/,
    ],
    [
      "a shape beyond the file",
      (bytes) =>
        Buffer.from(
          bytes.toString("latin1").replace("(4, 3, 2), }    ", "(4000000000, 3)}"),
          "latin1",
        ),
      /promises 48000000000 bytes/,
    ],
    [
      "a shape beyond all numbers",
      (bytes) =>
        Buffer.from(
          bytes
            .toString("latin1")
            .replace("(4, 3, 2), }              ", "(99999999999999999999, 0)}"),
          "latin1",
        ),
      /no list of sizes/,
    ],
  ])("refuses %s", async (_, damage, message) => {
    const root = await workspace({ "x.npy": damage(await little()) });
    const error = await errorOf(openNpy("x.npy", root));
    expect(error).toMatchObject({ kind: "data", place: { file: "x.npy" } });
    expect(error.message).toMatch(message);
  });

  it("refuses fields of different lengths", async () => {
    const root = await workspace({ "x.npy": await little() });
    await writeFile(
      join(root, "y.npy"),
      await readFile(join(goldens, "npy", "scalar.npy")).then(() => vector(5)),
    );
    const error = await errorOf(
      openDataset("train", { npy: { x: "x.npy", y: "y.npy" }, target: "y" }, root),
    );
    expect(error.message).toBe('The array has 5 examples, but "x" has 4.');
    expect(error.place.file).toBe("y.npy");
  });

  it("refuses integers that a float would round", async () => {
    const root = await workspace({ "x.npy": vector(1, "<i4", 16_777_217) });
    const dataset = await openNpy("x.npy", root);
    const error = await errorOf(dataset.array?.("x", 0, 1) ?? Promise.resolve());
    expect(error.message).toContain("16777217");
  });
});

/** A one-dimensional array as numpy.save writes it, with its first element set. */
function vector(length: number, descr = "<i4", first = 0): Buffer {
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${length},), }`;
  const header = Buffer.from(`${dictionary.padEnd(117)}\n`);
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  const data = Buffer.alloc(length * 4);
  data.writeInt32LE(first);
  return Buffer.concat([start, header, data]);
}
