import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openCheckpoint } from "../../../src/core/checkpoints/open.ts";
import { CheckpointFiles } from "../../../src/core/config/checkpoints.ts";
import type { Config } from "../../../src/core/config/config.ts";
import { resolveLoss } from "../../../src/core/config/loss.ts";
import type { LossSettings } from "../../../src/core/config/loss-schema.ts";
import { openProject } from "../../../src/core/config/open.ts";
import type { Project } from "../../../src/core/config/project.ts";
import type { Dataset } from "../../../src/core/datasets/dataset.ts";
import type { EncodedBatch, Encoder } from "../../../src/core/datasets/encoder.ts";
import type { Reading } from "../../../src/core/datasets/target-form.ts";
import { float32, type Tensor } from "../../../src/core/graph/tensor.ts";
import type { Model } from "../../../src/core/models/model.ts";
import { importOnnx } from "../../../src/core/models/onnx.ts";
import { concatRows, sliceRows } from "../../../src/core/tracin/rows.ts";
import type { QuerySelection } from "../../../src/core/tracin/scores.ts";

const folder = join(import.meta.dirname, "../golden/tracin");

/** Numbers of one golden, all from float64 PyTorch autograd (see test/golden/README.md). */
export interface Golden {
  readonly name: string;
  readonly project: Project;
  readonly selection: readonly QuerySelection[];
  /** Numbers of the training examples that the expected rows stand for. */
  readonly train: readonly number[];
  expected(name: string): { shape: readonly number[]; data: Float64Array };
  has(name: string): boolean;
}

export const syntheticNames = readdirSync(folder)
  .filter((name) => !name.startsWith("sample-"))
  .sort();
export const sampleNames = readdirSync(folder)
  .filter((name) => name.startsWith("sample-"))
  .sort();

export interface SafetensorsFile {
  readonly names: readonly string[];
  get(name: string): Tensor;
}

/** A few lines of reader of its own, so that the goldens do not depend on the code under test (float64 stays float64). */
export function readSafetensors(path: string): SafetensorsFile {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const { __metadata__: _, ...entries } = header;
  return {
    names: Object.keys(entries),
    get(name) {
      const entry = entries[name];
      if (entry === undefined) {
        throw new Error(`${path} has no ${name}.`);
      }
      const [start, end] = entry.data_offsets;
      const buffer = bytes.buffer.slice(
        bytes.byteOffset + 8 + length + start,
        bytes.byteOffset + 8 + length + end,
      );
      const { shape } = entry;
      switch (entry.dtype) {
        case "F64":
          return { dtype: "float64", shape, data: new Float64Array(buffer) };
        case "F32":
          return { dtype: "float32", shape, data: new Float32Array(buffer) };
        case "I64":
          return { dtype: "int64", shape, data: new BigInt64Array(buffer) };
        default:
          throw new Error(`${path}: ${name} has type ${entry.dtype}.`);
      }
    },
  };
}

function readGolden(name: string, within = folder) {
  const at = join(within, name);
  const json: unknown = JSON.parse(readFileSync(join(at, "golden.json"), "utf8"));
  const expected = readSafetensors(join(at, "expected.safetensors"));
  return {
    at,
    json,
    inputs: readSafetensors(join(at, "inputs.safetensors")),
    has: (tensor: string) => expected.names.includes(tensor),
    expected: (tensor: string) => {
      const { shape, data } = expected.get(tensor);
      return { shape, data: data as Float64Array };
    },
  };
}

interface SyntheticJson extends OptimizerJson {
  learningRates: number[];
  parameters: string[];
  buffers: string[];
}

/** What the goldens of test/golden/optimizers.py say; the rest is in the checkpoints. */
interface OptimizerJson {
  model: string;
  checkpoints: string[];
  loss: LossSettings;
  reading?: Reading;
  inputs: string[];
}

/** Targets as the encoder gives them: -1, or a mask, where a position does not count. */
function asEncoded(
  { loss, reading }: OptimizerJson,
  targets: Tensor,
): Pick<EncodedBatch, "targets" | "mask"> {
  const { shape } = targets;
  if (reading !== "positions") {
    return { targets };
  }
  const classes = Int32Array.from(targets.data, Number);
  if (loss.type === "sigmoid-cross-entropy") {
    const on = float32(
      shape,
      classes.map((label) => Math.max(label, 0)),
    );
    const mask = float32(
      shape,
      classes.map((label) => Number(label >= 0)),
    );
    return { targets: on, mask };
  }
  const length = shape.at(-1) ?? 1;
  const data = classes.map((_, place) => {
    const isPast = loss.shift === true && (place + 1) % length === 0;
    const label = classes[loss.shift === true ? place + 1 : place];
    return isPast || label === loss.ignoreIndex ? -1 : (label as number);
  });
  return { targets: { dtype: "int32", shape, data } };
}

/** What a project around tensors in memory is made of: they stand in for data files. */
export interface TensorProject {
  readonly root: string;
  readonly model: Model;
  readonly checkpoints: readonly string[];
  readonly learningRates: readonly number[];
  readonly loss: LossSettings;
  /** Told where it is not that of one label or of a few numbers. */
  readonly reading?: Reading | undefined;
  readonly parameters: readonly string[];
  readonly buffers: readonly string[];
  readonly train: EncodedBatch;
  readonly query: EncodedBatch;
  /** Weights of a checkpoint by the model's names. */
  readWeights(file: string): Promise<ReadonlyMap<string, Tensor>>;
}

export function tensorProject(given: TensorProject): Project {
  const sets = new Map([
    ["train", given.train],
    ["query", given.query],
  ]);
  const slice = (batch: EncodedBatch, indices: readonly number[]): EncodedBatch => {
    const pick = (tensor: Tensor) =>
      concatRows(indices.map((index) => sliceRows(tensor, index, index + 1)));
    return {
      size: indices.length,
      inputs: new Map([...batch.inputs].map(([key, tensor]) => [key, pick(tensor)])),
      targets: pick(batch.targets),
      ...(batch.mask === undefined ? {} : { mask: pick(batch.mask) }),
    };
  };
  const encoder: Encoder = {
    state: { version: 1 },
    labels: undefined,
    encode: async (dataset, start, end) =>
      slice(
        sets.get(dataset.name) as EncodedBatch,
        Array.from({ length: end - start }, (_, index) => start + index),
      ),
    reading: given.reading ?? (given.loss.type === "mse" ? "values" : "probabilities"),
    className: String,
    targetTexts: async () => [],
    encodeAt: async (dataset, indices) => slice(sets.get(dataset.name) as EncodedBatch, indices),
  };
  const dataset = (key: string): Dataset => ({
    name: key,
    kind: "arrays",
    length: (sets.get(key) as EncodedBatch).size,
    columns: [],
    target: [],
    file: "inputs.safetensors",
    locator: () => ({ file: "inputs.safetensors", line: 0, lineCount: 1, start: 0, end: 0 }),
    read: async () => [],
    at: () => undefined,
    close: async () => {},
  });
  const names = [...given.parameters, ...given.buffers];
  return {
    root: given.root,
    config: {
      model: given.model.file,
      checkpoints: { files: [...given.checkpoints] },
      loss: given.loss,
      data: {},
      features: {},
    },
    model: given.model,
    checkpoints: given.checkpoints.map((file, index) => ({
      file,
      learningRate: given.learningRates[index] as number,
      learningRateSource: "golden.json",
      weight: given.learningRates[index] as number,
      warnings: [],
      names: new Map(names.map((key) => [key, key])),
    })),
    parameters: given.parameters,
    buffers: given.buffers,
    datasets: new Map([...sets.keys()].map((key) => [key, dataset(key)])),
    encoder,
    loss: resolveLoss({ loss: given.loss, data: {} }, given.model),
    readWeights: (checkpoint) => given.readWeights(checkpoint.file),
    close: async () => {},
  };
}

/** A project around a synthetic golden: the encoded tensors stand in for data files. */
export async function openSynthetic(name: string): Promise<Golden> {
  const golden = readGolden(name);
  const json = golden.json as SyntheticJson;
  const [train, query] = encodedSets(golden.inputs, json);
  const project = tensorProject({
    ...json,
    root: golden.at,
    model: importOnnx(readFileSync(join(golden.at, json.model)), json.model),
    train,
    query,
    async readWeights(file) {
      const opened = await openCheckpoint(join(golden.at, file), file);
      const weights = new Map<string, Tensor>();
      for (const key of [...json.parameters, ...json.buffers]) {
        weights.set(key, await opened.read(key));
      }
      await opened.close();
      return weights;
    },
  });
  return { name, project, ...golden, ...asked(train, query) };
}

function encodedSets(tensors: SafetensorsFile, json: OptimizerJson): [EncodedBatch, EncodedBatch] {
  const encodedSet = (set: string): EncodedBatch => {
    const targets = tensors.get(`${set}.target`);
    const inputs = json.inputs.map((input) => [input, tensors.get(`${set}.${input}`)] as const);
    return {
      size: targets.shape[0] as number,
      inputs: new Map(inputs),
      ...asEncoded(json, targets),
    };
  };
  return [encodedSet("train"), encodedSet("query")];
}

/** Every example, and every query with its own target. */
function asked(train: EncodedBatch, query: EncodedBatch): Pick<Golden, "selection" | "train"> {
  return {
    selection: Array.from({ length: query.size }, (_, index) => ({
      dataset: "query",
      index,
      explain: "target",
    })),
    train: Array.from({ length: train.size }, (_, index) => index),
  };
}

const optimizers = join(import.meta.dirname, "../golden/optimizers");
export const optimizerNames = readdirSync(optimizers).sort();

/** The project of a golden whose checkpoints hold the state of their optimizer, with a part of `tracin.json`. */
export async function openOptimizerGolden(
  name: string,
  config: Partial<Config["checkpoints"]>,
): Promise<Golden & { readonly rates: readonly Readonly<Record<string, number>>[] }> {
  const golden = readGolden(name, optimizers);
  const json = golden.json as OptimizerJson & { readonly rates: Record<string, number>[] };
  const model = importOnnx(readFileSync(join(golden.at, json.model)), json.model);
  const [train, query] = encodedSets(golden.inputs, json);
  const plain = tensorProject({
    ...json,
    root: golden.at,
    model,
    learningRates: [],
    parameters: [],
    buffers: [],
    train,
    query,
    readWeights: () => Promise.reject(new Error("read by the checkpoints' own code")),
  });
  const checkpoints = { files: json.checkpoints, ...config };
  const files = new CheckpointFiles(golden.at, { ...plain.config, checkpoints }, model);
  const project: Project = {
    ...plain,
    config: { ...plain.config, checkpoints },
    ...(await files.open()),
    readWeights: (checkpoint) => files.readWeights(checkpoint),
    ...(checkpoints.preconditioner === "from-file"
      ? { readPreconditioner: (checkpoint, names) => files.readPreconditioner(checkpoint, names) }
      : {}),
  };
  return { name, project, rates: json.rates, ...golden, ...asked(train, query) };
}

/** The project of a sample in the repository, with its golden. */
export async function openSampleGolden(name: string): Promise<Golden> {
  const golden = readGolden(name);
  const json = golden.json as {
    sample: string;
    config: string;
    train: number[];
    queries: QuerySelection[];
  };
  const root = join(import.meta.dirname, "../../../samples", json.sample);
  return {
    name,
    project: await openProject(root, { config: json.config }),
    selection: json.queries,
    train: json.train,
    expected: golden.expected,
    has: golden.has,
  };
}
