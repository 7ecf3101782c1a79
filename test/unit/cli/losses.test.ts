import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encode as encodePng } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config } from "../../../src/core/config/config.ts";
import { sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { npy } from "../support/files.ts";
import { buildPrograms, type Programs } from "../support/programs.ts";
import { readSafetensors } from "../tracin/golden.ts";

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

type Set = "train" | "query";
type Files = Readonly<Record<string, string | Uint8Array>>;
/** One example of a tensor as flat numbers. */
type Read = (name: string, index: number) => number[];

interface Case {
  /** Name of the golden. */
  readonly golden: string;
  readonly config: Pick<Config, "loss" | "features" | "labels">;
  readonly source: (set: Set) => Config["data"][string];
  readonly files: (set: Set, count: number, read: Read) => Files;
}

const jsonl = (rows: readonly object[]) => `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`;
const each = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

const words = ["O", "PER", "LOC", "ORG", "MISC"];

/** Tokens with named tags; a tag that does not count is written as the number -100. */
function taggedFiles(set: Set, count: number, read: Read): Files {
  const rows = each(count, (index) => ({
    ids: read("ids", index),
    tags: read("target", index).map((label) => (label < 0 ? label : words[label])),
  }));
  return { [`${set}.jsonl`]: jsonl(rows) };
}

/** Grey images with masks beside them, and a manifest. */
function imageFiles(storedAs: (label: number) => number) {
  return (set: Set, count: number, read: Read): Files => {
    const files: Record<string, string | Uint8Array> = {
      [`${set}.csv`]: `image,mask\n${each(count, (i) => `${set}/${i}.png,masks/${set}/${i}.png\n`).join("")}`,
    };
    for (let index = 0; index < count; index++) {
      const grey = (values: number[]) =>
        encodePng({ width: 6, height: 6, channels: 1, data: Uint8Array.from(values) });
      const pixels = read("image", index).map((value) => Math.round(value * 255));
      files[`${set}/${index}.png`] = grey(pixels);
      files[`masks/${set}/${index}.png`] = grey(read("target", index).map(storedAs));
    }
    return files;
  };
}

const ids = { tokens: { column: "ids", length: 7 } };
const image = { image: { scale: "1/255" } };

const columns = { columns: each(6, (index) => `x${index}`) };

/** A CSV file with the features x0 to x5 and the target's columns. */
function rowsFile(target: readonly string[], text: (value: number) => string | number) {
  return ((set, count, read) => ({
    [`${set}.csv`]: `${[...columns.columns, ...target].join()}\n${each(
      count,
      (index) => `${[...read("x", index), ...read("target", index).map(text)].join()}\n`,
    ).join("")}`,
  })) satisfies Case["files"];
}

const cases: Readonly<Record<string, Case>> = {
  "a tag for each token, by name": {
    golden: "loss-tokens",
    config: { loss: "softmax-cross-entropy", features: { ids }, labels: words },
    source: (set) => ({ jsonl: `${set}.jsonl`, target: "tags" }),
    files: taggedFiles,
  },
  "label smoothing and a mean; classes before tokens": {
    golden: "loss-channels-first",
    config: {
      loss: { type: "softmax-cross-entropy", reduction: "mean", labelSmoothing: 0.2 },
      features: { ids },
      labels: words,
    },
    source: (set) => ({ jsonl: `${set}.jsonl`, target: { perToken: "tags", of: "ids" } }),
    files: taggedFiles,
  },
  "the next token of a causal language model": {
    golden: "loss-next-token",
    config: {
      loss: { type: "softmax-cross-entropy", reduction: "mean" },
      features: { input_ids: { tokens: { column: "text", length: 7 } } },
    },
    source: (set) => ({ jsonl: `${set}.jsonl`, target: { tokensOf: "input_ids" } }),
    files: (set, count, read) => {
      const rows = each(count, (index) => {
        const length = read("target", index).filter((label) => label >= 0).length;
        return { text: read("input_ids", index).slice(0, length) };
      });
      return { [`${set}.jsonl`]: jsonl(rows) };
    },
  },
  "a class for each pixel, from a manifest": {
    golden: "loss-pixels",
    config: {
      loss: { type: "softmax-cross-entropy", reduction: "mean", ignoreIndex: 255 },
      features: { image },
    },
    source: (set) => ({ images: `${set}.csv`, path: "image", target: { mask: "mask" } }),
    files: imageFiles((label) => label),
  },
  "class weights; masks in a folder, with values of their own": {
    golden: "loss-pixels-weighted",
    config: {
      loss: { type: "softmax-cross-entropy", ignoreIndex: 9, weights: [0.2, 1, 3] },
      features: { image },
      labels: ["sky", "road", "car"],
    },
    source: (set) => ({ images: set, target: { masks: `masks/${set}`, values: [0, 100, 200] } }),
    files: imageFiles((label) => (label === 255 ? 9 : label * 100)),
  },
  "pixels on or off": {
    golden: "loss-mask",
    config: {
      loss: { type: "sigmoid-cross-entropy", reduction: "mean", posWeight: 2.5, ignoreIndex: 7 },
      features: { image },
    },
    source: (set) => ({ images: `${set}.csv`, path: "image", target: { mask: "mask" } }),
    files: imageFiles((label) => (label < 0 ? 7 : label * 255)),
  },
  "classes of pixels in an array": {
    golden: "loss-pixels-channels-last",
    config: {
      loss: { type: "softmax-cross-entropy", ignoreIndex: 255 },
      features: { image: { array: "x" } },
    },
    source: (set) => ({ npy: { x: `${set}-x.npy`, y: `${set}-y.npy` }, target: "y" }),
    files: (set, count, read) => ({
      [`${set}-x.npy`]: npy(
        [count, 1, 6, 6],
        Float32Array.from(each(count, (index) => read("image", index)).flat()),
      ),
      [`${set}-y.npy`]: npy(
        [count, 6, 6],
        BigInt64Array.from(each(count, (index) => read("target", index)).flat(), BigInt),
      ),
    }),
  },
  "an autoencoder": {
    golden: "loss-huber",
    config: { loss: { type: "huber", reduction: "mean", delta: 0.7 }, features: { image } },
    source: (set) => ({ images: `${set}.csv`, path: "image", target: { input: "image" } }),
    files: imageFiles(() => 0),
  },
  "numbers at each step": {
    golden: "loss-mae",
    config: { loss: "mae", features: { x: { array: "x" } } },
    source: (set) => ({ npy: { x: `${set}-x.npy`, y: `${set}-y.npy` }, target: "y" }),
    files: (set, count, read) => ({
      [`${set}-x.npy`]: npy(
        [count, 7, 4],
        Float32Array.from(each(count, (index) => read("x", index)).flat()),
      ),
      [`${set}-y.npy`]: npy(
        [count, 7, 3],
        Float32Array.from(each(count, (index) => read("target", index)).flat()),
      ),
    }),
  },
  "several columns of numbers": {
    golden: "loss-smooth-l1",
    config: { loss: { type: "smooth-l1", beta: 0.4 }, features: { x: columns } },
    source: (set) => ({ csv: `${set}.csv`, target: ["a", "b", "c"] }),
    files: rowsFile(["a", "b", "c"], (value) => value),
  },
  "counts, of which the model gives the logarithm": {
    golden: "loss-poisson",
    config: { loss: { type: "poisson", logInput: true }, features: { x: columns } },
    source: (set) => ({ csv: `${set}.csv`, target: ["a", "b", "c"] }),
    files: rowsFile(["a", "b", "c"], (value) => value),
  },
  "a distribution": {
    golden: "loss-divergence",
    config: { loss: { type: "kl-divergence", logInput: true }, features: { x: columns } },
    source: (set) => ({ csv: `${set}.csv`, target: ["a", "b", "c", "d"] }),
    files: rowsFile(["a", "b", "c", "d"], (value) => value),
  },
  "the margin of a name": {
    golden: "loss-multi-margin-squared",
    config: {
      loss: { type: "multi-margin", power: 2, weights: [0.5, 2, 1, 0.25, 1.5] },
      features: { x: columns },
      labels: words,
    },
    source: (set) => ({ csv: `${set}.csv`, target: "tag" }),
    files: rowsFile(["tag"], (value) => words[value] ?? ""),
  },
  "a focal loss": {
    golden: "loss-focal",
    config: {
      loss: { type: "softmax-cross-entropy", gamma: 1.5, alpha: [0.5, 2, 1, 0.25, 1.5] },
      features: { x: columns },
      labels: words,
    },
    source: (set) => ({ csv: `${set}.csv`, target: "tag" }),
    files: rowsFile(["tag"], (value) => words[value] ?? ""),
  },
  "a loss that the model computes": {
    golden: "loss-output",
    config: {
      loss: { type: "output", output: "output" },
      features: { ids, labels: { target: true } },
      labels: words,
    },
    source: (set) => ({ jsonl: `${set}.jsonl`, target: "tags" }),
    files: (set, count, read) => ({
      [`${set}.jsonl`]: jsonl(
        each(count, (index) => ({ ids: read("ids", index), tags: read("labels", index) })),
      ),
    }),
  },
};

/** Writes the workspace of a case and returns its folder, with the numbers that are expected. */
async function workspace(
  name: string,
): Promise<{ root: string; expected: (name: string) => Tensor; target: Tensor }> {
  const { golden, config, source, files } = cases[name] as Case;
  const at = join(import.meta.dirname, "../golden/tracin", golden);
  const root = join(folder, golden);
  await mkdir(root, { recursive: true });
  const json = JSON.parse(await readFile(join(at, "golden.json"), "utf8"));
  for (const file of [json.model, ...json.checkpoints]) {
    await cp(join(at, file), join(root, file));
  }
  const inputs = readSafetensors(join(at, "inputs.safetensors"));
  for (const set of ["train", "query"] as const) {
    const read: Read = (tensor, index) => {
      const { shape, data } = inputs.get(`${set}.${tensor}`);
      const width = sizeOf(shape.slice(1));
      return Array.from(data.subarray(index * width, (index + 1) * width), Number);
    };
    const count = inputs.get(`${set}.target`).shape[0] ?? 0;
    for (const [file, content] of Object.entries(files(set, count, read))) {
      await mkdir(dirname(join(root, file)), { recursive: true });
      await writeFile(join(root, file), content);
    }
  }
  const whole: Config = {
    model: json.model,
    checkpoints: { files: json.checkpoints, learningRate: json.learningRates },
    data: { train: source("train"), query: source("query") },
    ...config,
  };
  await writeFile(join(root, "tracin.json"), JSON.stringify(whole, null, 2));
  const expected = readSafetensors(join(at, "expected.safetensors"));
  const target = inputs.get("query.target");
  return { root, expected: (tensor) => expected.get(tensor), target };
}

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
