import { open, readFile, stat } from "node:fs/promises";
import { TracInError } from "../errors.ts";
import { isJsonObject, objectAt, parseJsonObject, textAt } from "../formats/json.ts";
import { readKerasArchitecture } from "../formats/keras.ts";
import { readTfjsModel } from "../formats/tfjs.ts";
import { externalData } from "../graph/onnx-external.ts";
import { importKeras } from "./keras/import.ts";
import type { Model } from "./model.ts";
import { importOnnx } from "./onnx.ts";

/** Protobuf cannot hold more. */
const largestModel = 2 ** 31;
/** An architecture is text; the largest known are some megabytes. */
const largestArchitecture = 2 ** 28;

/**
 * The model of a file, told by its content: ONNX; Keras (`.keras`, a whole model in HDF5, or the JSON of `model.to_json()`);
 * TensorFlow.js (`model.json` of a layers model).
 * @param path absolute path
 * @param file the path as the person would write it, for messages
 * Throws kind `model` for what cannot be read.
 */
export async function importModel(path: string, file: string): Promise<Model> {
  try {
    switch (await kindOf(path, file)) {
      case "keras": {
        const { config, compile, kerasVersion } = await readKerasArchitecture(path, file);
        return importKeras({ model: config, compiled: compile, version: kerasVersion }, file);
      }
      case "json":
        return await importJson(path, file);
      case "onnx": {
        await checkSize(path, file, largestModel);
        return importOnnx(await readFile(path), file, externalData(path));
      }
    }
  } catch (error) {
    if (error instanceof Error && "syscall" in error) {
      throw new TracInError(
        "model",
        `The model cannot be read: ${error.message}.`,
        { file },
        'Correct "model" in tracin.json, or export the model.',
        { cause: error },
      );
    }
    throw error;
  }
}

async function kindOf(path: string, file: string): Promise<"keras" | "json" | "onnx"> {
  const start = new Uint8Array(8);
  const handle = await open(path, "r");
  try {
    await handle.read(start, 0, start.length, 0);
  } finally {
    await handle.close();
  }
  const isZip = start[0] === 0x50 && start[1] === 0x4b;
  const isHdf5 = start[0] === 0x89 && start[1] === 0x48 && start[2] === 0x44 && start[3] === 0x46;
  if (isZip || isHdf5 || /\.(keras|h5|hdf5)$/i.test(file)) {
    return "keras";
  }
  return /\.json$/i.test(file) ? "json" : "onnx";
}

async function checkSize(path: string, file: string, most: number): Promise<void> {
  const { size } = await stat(path);
  if (size > most) {
    throw new TracInError("model", `The file is too large (${size} bytes).`, { file });
  }
}

/** A `model.json` of TensorFlow.js, or an architecture alone. */
async function importJson(path: string, file: string): Promise<Model> {
  await checkSize(path, file, largestArchitecture);
  const json = parseJsonObject(await readFile(path, "utf8"), "the file", file, "model");
  if ("modelTopology" in json) {
    const { format, config, compile, kerasVersion } = await readTfjsModel(path, file, "model");
    if (format === "graph-model") {
      throw new TracInError(
        "model",
        "This is a graph model of TensorFlow.js: it has operators, but no layers to train.",
        { file },
        "Save the Keras model as a layers model (tensorflowjs_converter --output_format tfjs_layers_model), or export it to ONNX.",
      );
    }
    return importKeras({ model: config, compiled: compile, version: kerasVersion }, file);
  }
  if (textAt(json, "class_name") === undefined || !isJsonObject(objectAt(json, "config"))) {
    throw new TracInError(
      "model",
      "This JSON file is no model.",
      { file },
      "Write the architecture with model.to_json(), or name a model.json of TensorFlow.js.",
    );
  }
  return importKeras({ model: json, version: textAt(json, "keras_version") }, file);
}
