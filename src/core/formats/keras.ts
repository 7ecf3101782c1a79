import { TracInError } from "../errors.ts";
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

/** Entry of the archive that holds the weights. */
const weightsEntry = "model.weights.h5";
const maximumConfig = 2 ** 27;

/**
 * Reads the architecture in a `.keras`, `.h5` or `.hdf5` file, told apart by their content.
 * Throws kind `model` where the file holds none or is damaged.
 */
export async function readKerasArchitecture(
  path: string,
  file: string,
): Promise<KerasArchitecture> {
  const source = await FileSource.open(path, file, "model");
  let isZip: boolean;
  try {
    const start = await source.read(0, Math.min(2, source.size));
    isZip = start[0] === 0x50 && start[1] === 0x4b;
    if (isZip) {
      return await readArchive(path, source);
    }
  } finally {
    await source.close();
  }
  return readWholeModel(path, file);
}

async function readArchive(path: string, source: FileSource): Promise<KerasArchitecture> {
  const { file } = source;
  const zip = await ZipArchive.open(path, source);
  try {
    if (!zip.has("config.json")) {
      throw new TracInError(
        "model",
        "This zip archive is no Keras model: it has no config.json.",
        { file },
        'Save the model with model.save("model.keras").',
      );
    }
    const read = async (name: string): Promise<JsonObject> =>
      parseJsonObject(
        new TextDecoder().decode(await zip.readAll(name, maximumConfig)),
        name,
        file,
        "model",
      );
    const config = await read("config.json");
    const metadata = zip.has("metadata.json") ? await read("metadata.json") : undefined;
    return {
      file,
      container: "keras",
      config,
      compile: objectAt(config, "compile_config"),
      kerasVersion: textAt(metadata, "keras_version"),
    };
  } finally {
    zip.close();
  }
}

async function readWholeModel(path: string, file: string): Promise<KerasArchitecture> {
  const hdf5 = await openHdf5(path, file, "model");
  try {
    const text = (name: string): string | undefined => {
      const value = hdf5.groups.get("")?.get(name);
      return typeof value === "string" ? value : undefined;
    };
    const config = text("model_config");
    const training = text("training_config");
    if (config === undefined) {
      throw new TracInError(
        "model",
        "The file holds weights, but not the model that they belong to.",
        { file },
        'Save the whole model with model.save("model.keras"), and name this file under "checkpoints".',
      );
    }
    return {
      file,
      container: "h5",
      config: parseJsonObject(config, "model_config", file, "model"),
      compile:
        training === undefined
          ? undefined
          : parseJsonObject(training, "training_config", file, "model"),
      kerasVersion: text("keras_version"),
    };
  } finally {
    await hdf5.close();
  }
}

/**
 * Opens the HDF5 file with the weights in a `.keras` archive; where it is stored without compression, as Keras does
 * it, it is read by ranges. Throws kind `checkpoint`.
 */
export async function openKerasWeights(path: string, file: string): Promise<Hdf5File> {
  const source = await FileSource.open(path, file);
  let zip: ZipArchive | undefined;
  const release = async (): Promise<void> => {
    zip?.close();
    await source.close();
  };
  try {
    zip = await ZipArchive.open(path, source);
    if (!zip.has(weightsEntry)) {
      throw new TracInError(
        "checkpoint",
        `This zip archive has no ${weightsEntry}.`,
        { file },
        'Save the model with model.save("model.keras"), which keeps all weights in one entry.',
      );
    }
    const stored = await zip.stored(weightsEntry);
    if (stored) {
      return await Hdf5File.open(
        {
          size: stored.length,
          readInto: (target, position) => source.readInto(target, stored.offset + position),
        },
        file,
        "checkpoint",
        release,
      );
    }
    const bytes = await zip.readAll(weightsEntry, 2 ** 31);
    return await Hdf5File.open(memory(bytes), file, "checkpoint", release);
  } catch (error) {
    await release();
    throw error;
  }
}

function memory(bytes: Uint8Array) {
  return {
    size: bytes.length,
    readInto(target: Uint8Array, position: number): number {
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
  };
}
