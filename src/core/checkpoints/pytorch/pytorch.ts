import { TracInError } from "../../errors.ts";
import { FileSource } from "../../formats/source.ts";
import type { Checkpoint, CheckpointTensor, FoundLearningRate } from "../checkpoint.ts";
import { progressFrom } from "../progress.ts";
import { findContents, type RateEntry } from "./contents.ts";
import { readLegacy } from "./legacy.ts";
import { checkView, readView, type StorageReader } from "./storages.ts";
import { TensorView, type Value } from "./values.ts";
import { readZip } from "./zipfile.ts";

/** An unpickled file and the place of its storages. */
export interface Saved {
  readonly value: Value;
  readonly storages: StorageReader;
  close(): void;
}

/**
 * Opens what `torch.save` wrote: a zip archive with a pickle and one entry per storage, or the older stream of
 * pickles. The pickle is read as data and never executed. Optimizer states give the learning rates; the
 * tensors are those of the model's state_dict. A file with an optimizer alone opens without tensors.
 * Throws kind `checkpoint` with the place and what to do.
 */
export async function openPytorch(path: string, file: string): Promise<Checkpoint> {
  const source = await FileSource.open(path, file);
  let saved: Saved | undefined;
  try {
    const magic = await source.read(0, Math.min(2, source.size));
    const isZip = magic[0] === 0x50 && magic[1] === 0x4b;
    saved = isZip ? await readZip(path, source) : await readLegacy(source);
    return await describe(source, saved);
  } catch (error) {
    saved?.close();
    await source.close();
    throw error;
  }
}

async function describe(source: FileSource, saved: Saved): Promise<Checkpoint> {
  const { file } = source;
  const contents = findContents(saved.value);
  const views = contents.tensors;
  // Single numbers beside a pickled module (a best loss) are no weights.
  if ([...views.values()].every(({ shape }) => shape.length === 0)) {
    refuse(file, contents.wholeModule, contents.unread);
  }
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, view] of views) {
    checkView(source, saved.storages, name, view);
    tensors.set(name, { name, dtype: view.dtype, shape: view.shape });
  }
  const progress = progressFrom(await resolveTensors(source, saved.storages, contents.plain));
  const rates = await resolveRates(source, saved.storages, contents.rates);
  return {
    file,
    format: "pytorch",
    tensors,
    ...progress,
    learningRates: rates.length > 0 ? rates : progress.learningRates,
    ...(contents.trainedTensors === undefined ? {} : { trainedTensors: contents.trainedTensors }),
    async read(name) {
      const view = views.get(name);
      if (!view) {
        const kind = contents.unread.get(name);
        throw new TracInError(
          "checkpoint",
          kind
            ? `The tensor is of a kind that is not read (${kind}).`
            : "The file has no such tensor.",
          { file, tensor: name },
        );
      }
      return readView(saved.storages, view);
    },
    async close() {
      saved.close();
      await source.close();
    },
  };
}

/** A file without tensors is fine when it holds an optimizer; a pickled module or sparse tensors are not. */
function refuse(
  file: string,
  wholeModule: string | undefined,
  unread: ReadonlyMap<string, string>,
): void {
  if (wholeModule !== undefined) {
    throw new TracInError(
      "checkpoint",
      `The whole module ${wholeModule} was pickled; its weights are mixed with Python objects.`,
      { file },
      "Save its weights instead: torch.save(model.state_dict(), path).",
    );
  }
  for (const [tensor, kind] of unread) {
    throw new TracInError(
      "checkpoint",
      `The tensor is of a kind that is not read (${kind}).`,
      { file, tensor },
      "Save dense floating-point weights.",
    );
  }
}

async function resolveRates(
  source: FileSource,
  storages: StorageReader,
  rates: readonly RateEntry[],
): Promise<FoundLearningRate[]> {
  const found: FoundLearningRate[] = [];
  for (const rate of rates) {
    const value =
      typeof rate.value === "number"
        ? rate.value
        : await readScalar(source, storages, rate.source, rate.value);
    if (value !== undefined && Number.isFinite(value) && value >= 0) {
      found.push({ value, source: rate.source });
    }
  }
  return found;
}

/** The plain values of the outermost dictionary, one-element tensors read. */
async function resolveTensors(
  source: FileSource,
  storages: StorageReader,
  plain: ReadonlyMap<Value, Value>,
): Promise<Map<unknown, unknown>> {
  const resolved = new Map<unknown, unknown>();
  for (const [key, value] of plain) {
    resolved.set(
      key,
      value instanceof TensorView && typeof key === "string" && value.shape.length === 0
        ? await readScalar(source, storages, key, value)
        : value,
    );
  }
  return resolved;
}

async function readScalar(
  source: FileSource,
  storages: StorageReader,
  name: string,
  view: TensorView,
): Promise<number | undefined> {
  if (view.shape.some((size) => size !== 1)) {
    return undefined;
  }
  checkView(source, storages, name, view);
  const { data } = await readView(storages, view);
  return Number(data[0]);
}
