import { realpath } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { TracInError } from "../errors.ts";
import { FileSource } from "../formats/source.ts";
import { readTfjsModel, type TfjsWeight, type TfjsWeightGroup } from "../formats/tfjs.ts";
import { bytesPerElement, type DataType, sizeOf, type Tensor } from "../graph/tensor.ts";
import { isInside } from "../paths.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { tensorFromBytes } from "./convert.ts";
import {
  type KeptParameter,
  optimizerState,
  type SlotMeaning,
  slotMeanings,
} from "./keras/moments.ts";
import { configuredRate, type OptimizerConfig, optimizerConfig } from "./keras/optimizer-config.ts";

/** A weight and where its bytes lie in the shards of its group. */
interface Placed {
  readonly weight: TfjsWeight;
  readonly shards: Shards;
  readonly offset: number;
}

const mostShards = 10_000;
/** What text is read of, to find where the next weight begins. */
const lengthBytes = 4;

/**
 * Opens the weights of a TensorFlow.js model: a `model.json` with its shards beside it, quantised ones decoded as the
 * library decodes them. Throws kind `checkpoint` with the place.
 */
export async function openTfjsCheckpoint(path: string, file: string): Promise<Checkpoint> {
  const { compile, weights } = await readTfjsModel(path, file, "checkpoint");
  const shards: Shards[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(shards.map((group) => group.close()));
  };
  try {
    const placed = new Map<string, Placed>();
    for (const group of weights) {
      const opened = await Shards.open(path, file, group.paths);
      shards.push(opened);
      for (const weight of await place(group, opened)) {
        placed.set(weight.weight.name, weight);
      }
    }
    const checkpoint = await describe(
      file,
      placed,
      optimizerConfig(compile, "trainingConfig"),
      close,
    );
    return { ...checkpoint, files: [file, ...shards.flatMap(({ files }) => files)] };
  } catch (error) {
    await close();
    throw error;
  }
}

async function describe(
  file: string,
  placed: ReadonlyMap<string, Placed>,
  optimizer: OptimizerConfig | undefined,
  close: () => Promise<void>,
): Promise<Checkpoint> {
  const tensors = new Map<string, CheckpointTensor>();
  for (const { weight } of placed.values()) {
    const { name, dtype, shape } = weight;
    if (!weight.ofOptimizer && dtype !== "string" && dtype !== "complex64") {
      tensors.set(name, { name, dtype, shape });
    }
  }
  const read = (name: string): Promise<Tensor> => {
    const found = placed.get(name);
    return found === undefined
      ? Promise.reject(
          new TracInError("checkpoint", "The file has no such tensor.", { file, tensor: name }),
        )
      : readWeight(found);
  };
  const counter = placed.get("iter");
  const step = counter?.weight.ofOptimizer ? Number((await read("iter")).data[0]) : undefined;
  const finding = optimizer && configuredRate(optimizer, step);
  return {
    file,
    format: "tfjs",
    tensors,
    learningRates: finding?.rate ? [finding.rate] : [],
    ...(finding !== undefined && finding.rate === undefined ? { rateUnknown: finding.reason } : {}),
    ...(optimizer && finding?.rate && step !== undefined
      ? { optimizer: optimizerState(optimizer, "tfjs", step, keptParameters(placed), read) }
      : {}),
    ...(step === undefined ? {} : { step }),
    read,
    close,
  };
}

/** Slots are named after their parameters: `dense/kernel/v`. */
function keptParameters(placed: ReadonlyMap<string, Placed>): readonly KeptParameter[] {
  const kept = new Map<string, Map<SlotMeaning, string>>();
  for (const { weight } of placed.values()) {
    const [, name = "", slot = ""] = /^(.*)\/([^/]*)$/.exec(weight.name) ?? [];
    const meaning = Object.hasOwn(slotMeanings, slot) ? slotMeanings[slot] : undefined;
    if (weight.ofOptimizer && meaning !== undefined && placed.has(name)) {
      const slots = kept.get(name) ?? new Map<SlotMeaning, string>();
      kept.set(name, slots.set(meaning, weight.name));
    }
  }
  return [...kept].map(([name, slots]) => ({
    name,
    shape: placed.get(name)?.weight.shape ?? [],
    slots,
  }));
}

/** Weights follow each other without gaps; those of text tell their lengths themselves. */
async function place({ weights }: TfjsWeightGroup, shards: Shards): Promise<readonly Placed[]> {
  const placed: Placed[] = [];
  let offset = 0;
  for (const weight of weights) {
    placed.push({ weight, shards, offset });
    const length = storedBytes(weight) ?? (await textBytes(weight, shards, offset));
    offset += length;
    if (offset > shards.size) {
      throw shards.damage(
        `It needs bytes ${offset - length} to ${offset} of the shards, which hold ${shards.size}.`,
        weight.name,
      );
    }
  }
  if (offset !== shards.size) {
    throw shards.damage(
      `The manifest lists ${offset} bytes of weights, but the shards ${shards.describe()} hold ${shards.size}.`,
    );
  }
  return placed;
}

/** Bytes of a stored weight; undefined for text. */
function storedBytes({ dtype, shape, quantization }: TfjsWeight): number | undefined {
  if (dtype === "string") {
    return undefined;
  }
  const width = dtype === "complex64" ? 8 : bytesPerElement[quantization?.dtype ?? dtype];
  return sizeOf(shape) * width;
}

async function textBytes({ shape }: TfjsWeight, shards: Shards, start: number): Promise<number> {
  let offset = start;
  for (let index = 0; index < sizeOf(shape); index++) {
    const bytes = await shards.read(offset, lengthBytes);
    offset += lengthBytes + new DataView(bytes.buffer).getUint32(0, true);
  }
  return offset - start;
}

async function readWeight({ weight, shards, offset }: Placed): Promise<Tensor> {
  const { name, dtype, shape, quantization } = weight;
  if (dtype === "string" || dtype === "complex64") {
    throw new TracInError("checkpoint", `The tensor holds ${dtype}, which is not read.`, {
      file: shards.file,
      tensor: name,
    });
  }
  const stored: DataType = quantization?.dtype ?? dtype;
  const bytes = await shards.read(offset, storedBytes(weight) ?? 0);
  const tensor = tensorFromBytes(stored, shape, bytes);
  if (quantization === undefined || quantization.dtype === "float16") {
    return tensor;
  }
  const { scale, min } = quantization;
  const { data } = tensor;
  if (dtype === "int32") {
    const values = Int32Array.from(data, (value: number | bigint) =>
      Math.round(Number(value) * scale + min),
    );
    return { dtype, shape, data: values };
  }
  const values = Float32Array.from(data, (value: number | bigint) => Number(value) * scale + min);
  return { dtype: "float32", shape, data: values };
}

/** The files of a group of weights as one range of bytes; each is read by ranges. */
class Shards {
  private constructor(
    readonly file: string,
    private readonly sources: readonly FileSource[],
  ) {}

  static async open(path: string, file: string, names: readonly string[]): Promise<Shards> {
    const fail = (message: string) =>
      new TracInError(
        "checkpoint",
        message,
        { file },
        "Keep model.json and the shards that it lists in one folder.",
      );
    if (names.length > mostShards) {
      throw fail(`The manifest lists ${names.length} shards; at most ${mostShards} are read.`);
    }
    const folder = await realpath(dirname(path));
    const sources: FileSource[] = [];
    try {
      for (const name of names) {
        const absolute = join(folder, name);
        const real = await realpath(absolute).catch(() => {
          throw fail(`The shard "${name}" is missing.`);
        });
        if (!isInside(folder, absolute) || !isInside(folder, real)) {
          throw fail(`The shard "${name}" lies outside of the folder of model.json.`);
        }
        const shown = posix.join(posix.dirname(file.replaceAll("\\", "/")), name);
        sources.push(await FileSource.open(real, shown));
      }
    } catch (error) {
      await Promise.all(sources.map((source) => source.close()));
      throw error;
    }
    return new Shards(file, sources);
  }

  get files(): string[] {
    return this.sources.map(({ file }) => file);
  }

  get size(): number {
    return this.sources.reduce((total, { size }) => total + size, 0);
  }

  describe(): string {
    const [first, ...others] = this.sources;
    return others.length === 0 ? `${first?.file}` : `${first?.file} to ${others.at(-1)?.file}`;
  }

  /** Bytes [offset, offset + length) of all files in a row. */
  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.size) {
      throw this.damage(`${length} bytes are expected, but the shards end before.`);
    }
    const bytes = new Uint8Array(length);
    let start = 0;
    for (const source of this.sources) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + source.size);
      if (from < to) {
        bytes.set(await source.read(from - start, to - from), from - offset);
      }
      start += source.size;
    }
    return bytes;
  }

  damage(message: string, tensor?: string): TracInError {
    return new TracInError(
      "checkpoint",
      message,
      { file: this.file, ...(tensor === undefined ? {} : { tensor }) },
      "The files may be damaged or of different saves: save or copy them again.",
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.close()));
  }
}
