import { TracInError } from "../../errors.ts";
import { FileSource } from "../../formats/source.ts";
import type { Checkpoint, CheckpointTensor } from "../checkpoint.ts";
import { progressFrom } from "../progress.ts";
import { type Contents, findContents } from "./contents.ts";
import { readLegacy } from "./legacy.ts";
import { numberIn, readOptimizers, type TensorAccess } from "./optimizer.ts";
import { readSchedulers } from "./schedulers.ts";
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
  const { source, saved, close } = await open(path, file);
  try {
    return await describe(source, saved);
  } catch (error) {
    await close();
    throw error;
  }
}

/** What a file of `torch.save` holds, whatever it is, as inert data. Throws kind `checkpoint`. */
export async function openPickle(
  path: string,
  file: string,
): Promise<{ readonly value: Value; close(): Promise<void> }> {
  const { saved, close } = await open(path, file);
  return { value: saved.value, close };
}

async function open(path: string, file: string) {
  const source = await FileSource.open(path, file);
  try {
    const magic = await source.read(0, Math.min(2, source.size));
    const isZip = magic[0] === 0x50 && magic[1] === 0x4b;
    const saved = isZip ? await readZip(path, source) : await readLegacy(source);
    const close = async () => {
      saved.close();
      await source.close();
    };
    return { source, saved, close };
  } catch (error) {
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
  const first = new Map<string, string>();
  for (const [name, view] of views) {
    checkView(source, saved.storages, name, view);
    const place = [view.storage.key, view.storage.offset, view.offset, view.shape, view.strides];
    const sameAs = first.get(place.join("/"));
    tensors.set(name, {
      name,
      dtype: view.dtype,
      shape: view.shape,
      ...(sameAs === undefined ? {} : { sameAs }),
    });
    if (sameAs === undefined) {
      first.set(place.join("/"), name);
    }
  }
  const access: TensorAccess = {
    check: (name, view) => checkView(source, saved.storages, name, view),
    read: (view) => readView(saved.storages, view),
  };
  const progress = progressFrom(await resolveTensors(contents.plain, access));
  const { learningRates, state } = await readOptimizers(contents.optimizers, access);
  const schedulers = await readSchedulers(contents.schedulers, access);
  const scheduled = schedulers.flatMap(({ source, current }) =>
    current.map((value, index) => ({ value, source: `${source}[${index}]` })),
  );
  const rates = [learningRates, scheduled, progress.learningRates];
  return {
    file,
    format: "pytorch",
    tensors,
    ...progress,
    learningRates: rates.find((found) => found.length > 0) ?? [],
    ...(state === undefined ? {} : { optimizer: state }),
    ...(schedulers.length === 0 ? {} : { schedulers }),
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

/** The plain values of the outermost dictionary, one-element tensors read. */
async function resolveTensors(
  plain: Contents["plain"],
  access: TensorAccess,
): Promise<Map<unknown, unknown>> {
  const resolved = new Map<unknown, unknown>();
  for (const [key, value] of plain) {
    resolved.set(
      key,
      value instanceof TensorView && typeof key === "string" && value.shape.length === 0
        ? await numberIn(value, key, access)
        : value,
    );
  }
  return resolved;
}
