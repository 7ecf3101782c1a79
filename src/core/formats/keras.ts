import { type ErrorKind, TracInError } from "../errors.ts";
import { Hdf5File, openHdf5 } from "./hdf5.ts";
import { type JsonObject, objectAt, parseJsonObject, textAt } from "./json.ts";
import { FileSource } from "./source.ts";
import { ZipArchive } from "./zip.ts";

/** What a Keras file tells of its model besides the weights, which `openCheckpoint` reads from the same file. */
export interface KerasArchitecture {
  readonly file: string;
  /** `keras`: the zip archive of Keras 3. `h5`: a whole model in HDF5, of Keras 2 or 3. */
  readonly container: "keras" | "h5";
  /** The serialised model: `class_name`, `config` and, from Keras 3, `module`, `registered_name`, `build_config`. */
  readonly config: JsonObject;
  /**
   * What `compile` was given (`loss`, `metrics`, ...), where the model was compiled: `compile_config` with
   * `optimizer` in the archive, `training_config` with `optimizer_config` in HDF5.
   */
  readonly compile: JsonObject | undefined;
  /** Version of Keras that wrote it, where it is known. */
  readonly kerasVersion: string | undefined;
}

/** An open Keras file. The architecture may be missing: many files hold weights alone. */
export interface KerasFile extends Omit<KerasArchitecture, "config"> {
  readonly config: JsonObject | undefined;
  /** The HDF5 file with the weights; it stays open until the Keras file is closed. */
  weights(): Promise<Hdf5File>;
  close(): Promise<void>;
}

/** Entry of the archive that holds the weights. */
const weightsEntry = "model.weights.h5";
const maximumJson = 2 ** 27;

/**
 * Reads the architecture in a `.keras`, `.h5` or `.hdf5` file, told apart by their content.
 * Throws kind `model` where the file holds none or is damaged.
 */
export async function readKerasArchitecture(
  path: string,
  file: string,
): Promise<KerasArchitecture> {
  const opened = await openKeras(path, file, "model");
  try {
    const { container, config, compile, kerasVersion } = opened;
    if (config === undefined) {
      throw new TracInError(
        "model",
        "The file holds weights, but not the model that they belong to.",
        { file },
        'Save the whole model with model.save("model.keras"), and name this file under "checkpoints".',
      );
    }
    return { file, container, config, compile, kerasVersion };
  } finally {
    await opened.close();
  }
}

/** Opens what Keras saved, told apart by its content. Throws `kind` with the file when it is damaged. */
export async function openKeras(
  path: string,
  file: string,
  kind: "model" | "checkpoint",
): Promise<KerasFile> {
  const source = await FileSource.open(path, file, kind);
  try {
    const start = await source.read(0, Math.min(2, source.size));
    if (start[0] === 0x50 && start[1] === 0x4b) {
      return await openArchive(path, source, kind);
    }
  } catch (error) {
    await source.close();
    throw error;
  }
  await source.close();
  return openWholeFile(path, file, kind);
}

async function openArchive(path: string, source: FileSource, kind: ErrorKind): Promise<KerasFile> {
  const { file } = source;
  const zip = await ZipArchive.open(path, source);
  try {
    if (!zip.has("config.json")) {
      throw new TracInError(
        kind,
        "This zip archive is no Keras model: it has no config.json.",
        { file },
        'Save the model with model.save("model.keras").',
      );
    }
    const read = async (name: string): Promise<JsonObject> => {
      const bytes = await zip.readAll(name, maximumJson);
      return parseJsonObject(new TextDecoder().decode(bytes), name, file, kind);
    };
    const config = await read("config.json");
    const metadata = zip.has("metadata.json") ? await read("metadata.json") : undefined;
    let weights: Promise<Hdf5File> | undefined;
    return {
      file,
      container: "keras",
      config,
      compile: objectAt(config, "compile_config"),
      kerasVersion: textAt(metadata, "keras_version"),
      weights() {
        weights ??= openWeights(zip, source, kind);
        return weights;
      },
      async close() {
        await weights?.then(
          (opened) => opened.close(),
          () => undefined,
        );
        zip.close();
        await source.close();
      },
    };
  } catch (error) {
    zip.close();
    throw error;
  }
}

/** Keras stores the weights without compression, so they are read by ranges; others are unpacked in memory. */
async function openWeights(
  zip: ZipArchive,
  source: FileSource,
  kind: ErrorKind,
): Promise<Hdf5File> {
  const { file } = source;
  if (!zip.has(weightsEntry)) {
    throw new TracInError(
      kind,
      `This zip archive has no ${weightsEntry}.`,
      { file },
      'Save the model with model.save("model.keras"), which keeps all weights in one entry.',
    );
  }
  const stored = await zip.stored(weightsEntry);
  if (stored) {
    const { offset, length } = stored;
    const readInto = (target: Uint8Array, position: number): number =>
      source.readInto(target, offset + position);
    return Hdf5File.open({ size: length, readInto }, file, kind);
  }
  const bytes = await zip.readAll(weightsEntry, 2 ** 31);
  const readInto = (target: Uint8Array, position: number): number => {
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  };
  return Hdf5File.open({ size: bytes.length, readInto }, file, kind);
}

async function openWholeFile(path: string, file: string, kind: ErrorKind): Promise<KerasFile> {
  const hdf5 = await openHdf5(path, file, kind);
  try {
    const text = (name: string): string | undefined => {
      const value = hdf5.groups.get("")?.get(name);
      return typeof value === "string" ? value : undefined;
    };
    const json = (name: string): JsonObject | undefined => {
      const value = text(name);
      return value === undefined ? undefined : parseJsonObject(value, name, file, kind);
    };
    return {
      file,
      container: "h5",
      config: json("model_config"),
      compile: json("training_config"),
      kerasVersion: text("keras_version"),
      weights: () => Promise.resolve(hdf5),
      close: () => hdf5.close(),
    };
  } catch (error) {
    await hdf5.close();
    throw error;
  }
}
