import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildPrograms, type Programs } from "../support/programs.ts";
import { cases, each, words, writeWorkspace } from "./loss-workspaces.ts";

/**
 * Workspaces whose targets are not one label for each example, through the command line: the scores of all training
 * examples on all queries are those of float64 PyTorch autograd, as in test/unit/tracin, but from files.
 */
const tolerance = 2e-5;

let programs: Programs;
let folder: string;

beforeAll(async () => {
  programs = await buildPrograms();
  folder = await mkdtemp(join(tmpdir(), "tracin-losses-"));
}, 60_000);
afterAll(async () => {
  await programs.dispose();
  await rm(folder, { recursive: true, force: true });
});

const workspace = (name: string) => writeWorkspace(name, folder);

function tracin(root: string, args: readonly string[]) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [programs.cli, ...args, "--quiet"], { cwd: root });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => {
      out += data;
    });
    child.stderr.on("data", (data) => {
      err += data;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, out, err }));
  });
}

async function readMatrix(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(new Uint8Array(bytes.subarray(start)).buffer);
}

describe("scores of a workspace agree with PyTorch autograd", () => {
  it.each(Object.keys(cases))("%s", async (name) => {
    const { root, expected, target } = await workspace(name);
    const args = ["scores", "--queries", "query:0-2", "--out", "scores.npy"];
    const { code, err } = await tracin(root, args);
    expect([err, code]).toEqual(["", 0]);
    const actual = await readMatrix(join(root, "scores.npy"));
    const { shape, data } = expected("scores");
    const [checkpoints = 0, examples = 0, queries = 0] = shape;
    expect(actual.length).toBe(queries * examples);
    for (let query = 0; query < queries; query++) {
      const sums = each(examples, (example) => {
        const parts = each(checkpoints, (c) => (c * examples + example) * queries + query);
        return parts.reduce((sum, place) => sum + Number(data[place]), 0);
      });
      const scale = Math.max(...sums.map(Math.abs));
      expect(scale).toBeGreaterThan(0);
      sums.forEach((sum, example) => {
        const found = actual[query * examples + example] ?? Number.NaN;
        expect(Math.abs(found - sum) / scale).toBeLessThan(tolerance);
      });
    }
    const set = await tracin(root, ["explain", "--set", "query", "--top", "99", "--json"]);
    expect([set.err, set.code]).toEqual(["", 0]);
    const { opponents, proponents, testSet } = JSON.parse(set.out);
    expect([testSet.examples, testSet.chosen]).toEqual([queries, queries]);
    const means = each(examples, (example) => {
      const all = each(checkpoints * queries, (at) => {
        const [c, query] = [Math.floor(at / queries), at % queries];
        return Number(data[(c * examples + example) * queries + query]);
      });
      return all.reduce((sum, part) => sum + part, 0) / queries;
    });
    const scale = Math.max(...means.map(Math.abs));
    const rows: { index: number; score: number }[] = [...opponents, ...proponents];
    expect(rows.length).toBeGreaterThan(0);
    for (const { index, score } of rows) {
      expect(Math.abs(score - (means[index] ?? Number.NaN)) / scale).toBeLessThan(tolerance);
    }
    // Losses are differences of numbers of size 1 to 10: their error is absolute, however small they are.
    const losses = expected("queryLosses").data;
    for (const [c, loss] of testSet.losses.entries()) {
      const sum = each(queries, (query) => Number(losses[c * queries + query]));
      expect(loss).toBeCloseTo(sum.reduce((a, b) => a + b, 0) / queries, 4);
    }
    const { outcome } = testSet;
    const known = expected("queryPredictions");
    const width = known.shape[1] ?? 0;
    const column = (place: number) => each(queries, (q) => Number(known.data[q * width + place]));
    const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    if (outcome.kind === "positions") {
      expect(outcome.counted).toBe(total(column(0)));
      expect(outcome.right.at(-1)).toBe(total(column(0)) - total(column(1)));
      const confused = outcome.confusions.map((entry: { count: number }) => entry.count);
      expect(total(confused)).toBe(total(column(1)));
    } else if (outcome.kind === "labels") {
      const isRight = (query: number): boolean => {
        const row = each(width, (place) => column(place)[query] ?? 0);
        return row.indexOf(Math.max(...row)) === Number(target.data[query]);
      };
      expect(outcome.right.at(-1)).toBe(each(queries, isRight).filter(Boolean).length);
    } else if (outcome.kind === "values") {
      expect(outcome.outputs).toHaveLength(width);
      for (const [place, found] of outcome.outputs.entries()) {
        const targets = each(queries, (query) => Number(target.data[query * width + place]));
        const errors = column(place).map((value, query) => value - (targets[query] ?? Number.NaN));
        const mean = total(targets) / queries;
        const squares = total(errors.map((error) => error ** 2));
        const spread = total(targets.map((value) => (value - mean) ** 2));
        expect(found.meanError).toBeCloseTo(total(errors) / queries, 4);
        expect(found.meanAbsoluteError).toBeCloseTo(total(errors.map(Math.abs)) / queries, 4);
        expect(found.rootMeanSquare).toBeCloseTo(Math.sqrt(squares / queries), 4);
        expect(found.explained).toBeCloseTo(1 - squares / spread, 3);
      }
    } else {
      expect(outcome).toEqual({ kind: "loss" });
    }
  });
});

describe("what a person sees of labels at positions", () => {
  it("is what is wrong where, never a probability of each class", async () => {
    const { root } = await workspace("a tag for each token, by name");
    const { code, out } = await tracin(root, ["explain", "query:0", "--top", "2", "--json"]);
    expect(code).toBe(0);
    const { queries, suspects } = JSON.parse(out);
    const [query] = queries;
    expect(query.prediction).toEqual([]);
    const { count, wrong, worst, confusions } = query.positions;
    const tags = query.target.split(" ").filter((tag: string) => tag !== "–");
    expect(count).toBe(tags.length);
    expect(confusions.reduce((sum: number, entry: { count: number }) => sum + entry.count, 0)).toBe(
      wrong,
    );
    for (const { place, target, predicted, loss } of worst) {
      expect(query.target.split(" ")[Number(/^position (\d+)$/.exec(place)?.[1])]).toBe(target);
      expect(words).toContain(predicted);
      expect(loss).toBeGreaterThan(0);
    }
    for (const row of [...query.proponents, ...suspects.rows]) {
      expect(row.predicted).toMatch(/^(\d+ of \d+ wrong, mean loss|no position counts)/);
      expect(row.suggested).toBeNull();
    }
  });

  it("can be explained for what the model predicts at each position, but for no single label", async () => {
    const { root } = await workspace("a tag for each token, by name");
    const own = await tracin(root, ["explain", "query:0", "--label", "prediction", "--json"]);
    expect(own.code).toBe(0);
    const [query] = JSON.parse(own.out).queries;
    expect(query.explained).toBe("the prediction at each position");
    // The model's own labels are the most probable ones: their loss is below that of the target.
    const target = JSON.parse((await tracin(root, ["explain", "query:0", "--json"])).out);
    expect(query.losses.at(-1)).toBeLessThan(target.queries[0].losses.at(-1));
    const single = await tracin(root, ["explain", "query:0", "--label", "PER"]);
    expect(single.code).toBe(1);
    expect(single.err).toMatch(/There is a label at each position/);
  });

  it("says plainly when there is no prediction, and how the loss is reduced", async () => {
    const { root } = await workspace("a loss that the model computes");
    const { out } = await tracin(root, ["explain", "query:0"]);
    expect(out).toMatch(/prediction {2}none: the model gives its loss alone/);
    expect((await tracin(root, ["inspect"])).out).toMatch(/Loss "output", an output of the model/);
    const pixels = await workspace("a class for each pixel, from a manifest");
    expect((await tracin(pixels.root, ["inspect"])).out).toMatch(
      /Loss softmax-cross-entropy of "output", mean over an example's positions that count \(label 255 and padding do not\)/,
    );
    expect((await tracin(pixels.root, ["suspects"])).out).toMatch(
      /masks\/train\/\d\.png +\d+ of \d+ wrong/,
    );
  });
});
