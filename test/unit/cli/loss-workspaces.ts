import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encode as encodePng } from "fast-png";
import type { Config } from "../../../src/core/config/config.ts";
import { sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { npy } from "../support/files.ts";
import { readSafetensors } from "../tracin/golden.ts";

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
/** A list by the index of its elements. */
export const each = <T>(count: number, make: (index: number) => T) =>
  Array.from({ length: count }, (_, index) => make(index));

/** Names of the tags. */
export const words = ["O", "PER", "LOC", "ORG", "MISC"];

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

/** By what their targets are. */
export const cases: Readonly<Record<string, Case>> = {
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

/** Writes the workspace of a case into a folder and returns where it is, with the numbers that are expected. */
export async function writeWorkspace(
  name: string,
  folder: string,
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
