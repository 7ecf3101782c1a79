import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { slicesOf } from "../../../src/compute/pair.ts";
import { createService } from "../../../src/compute/service.ts";
import { computeSettings } from "../../../src/compute/settings.ts";
import { copySample } from "../sample.ts";

const context = { signal: new AbortController().signal, report: () => undefined };
const service = createService(computeSettings({ processes: 1 }));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracin-pair-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function explained(sample: string, index: number, label: "target" | "prediction") {
  const root = join(folder, sample);
  await copySample(sample, root);
  const queries = [{ dataset: "test", index }];
  const run = await service.explain({ root, queries, explain: label }, context);
  const list = { root, runId: run.id, view: "proponents" as const, query: 0, offset: 0, limit: 1 };
  const [row] = (await service.rows(list, context)).rows;
  const request = { root, runId: run.id, query: 0, index: row?.index ?? -1 };
  return { root, row, request, reply: await service.pair(request, context) };
}

describe("where in the example", () => {
  it("names the columns of a row; a run whose inputs have changed is not taken apart", async () => {
    const { root, request, reply } = await explained("iris", 3, "prediction");
    const { where } = reply;
    expect(where).toMatchObject({
      kind: "columns",
      columns: ["sepal_length", "sepal_width", "petal_length", "petal_width"].map((name) => ({
        name,
      })),
    });
    const columns = where.kind === "columns" ? where.columns : [];
    expect(columns.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(reply.total, 10);
    expect(reply.layer).toBe("layers.0.weight");
    expect(reply.last?.layer).toBe("layers.4.weight");
    expect(Math.abs(reply.last?.errorCosine ?? 2)).toBeLessThanOrEqual(1);
    await appendFile(join(root, "train.csv"), "5.0,3.4,1.5,0.2,setosa\n");
    const changed = await service.pair(request, context);
    expect(changed.where).toEqual({
      kind: "none",
      reason: "Since the run: train.csv changed. Compute it again.",
    });
  });

  it("names the tokens of a text in its order, without padding", async () => {
    const { root, row, reply } = await explained("spam", 4, "target");
    const tokens = reply.where.kind === "tokens" ? reply.where.tokens : [];
    expect(tokens.length).toBeGreaterThan(5);
    expect(tokens.length).toBeLessThanOrEqual(64);
    const lines = (await readFile(join(root, "train.jsonl"), "utf8")).split("\n");
    const { text } = JSON.parse(lines[row?.index ?? 0] ?? "{}");
    const read = tokens.map(({ name }) => name).join("");
    expect(` ${text.toLowerCase()}`.slice(0, read.length)).toBe(read);
    expect(tokens.reduce((sum, { part }) => sum + part, 0)).toBeCloseTo(reply.total, 10);
  });

  it("gives the positions of the first convolution for an image", async () => {
    const { reply } = await explained("digits", 142, "target");
    expect(reply.where).toMatchObject({ kind: "grid", height: 28, width: 28 });
    const parts = reply.where.kind === "grid" ? reply.where.parts : [];
    expect(parts).toBeInstanceOf(Float32Array);
    // Rounded to float32 for the panel.
    expect(Array.from(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(reply.total, 4);
  });
});

it("names the slices of a volume by where they are strongest", () => {
  const parts = new Float64Array(3 * 2 * 2);
  parts.set([0, 0, -4, 1], 4); // the second slice
  parts.set([0, 5, 0, 0], 8);
  expect(slicesOf({ depth: 3, height: 2, width: 2 }, parts)).toEqual([
    { name: "slice 1, most at row 1, column 1", part: 0 },
    { name: "slice 2, most at row 2, column 1", part: -3 },
    { name: "slice 3, most at row 1, column 2", part: 5 },
  ]);
});
