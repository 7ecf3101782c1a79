import { readFile, stat } from "node:fs/promises";
import { TracInError } from "../errors.ts";
import { importKeras } from "./keras/import.ts";
import { isObject } from "./keras/settings.ts";
import type { Model } from "./model.ts";
import { importOnnx } from "./onnx.ts";

/** Protobuf cannot hold more. */
const largestModel = 2 ** 31;
/** An architecture is text; the largest known are some megabytes. */
const largestArchitecture = 2 ** 28;

/**
 * The model of a file, told by its content: ONNX, or the architecture of a Keras model as `model.to_json()` writes it.
 * @param path absolute path
 * @param file the path as the person would write it, for messages
 * Throws kind `model` for what cannot be read.
 */
export async function importModel(path: string, file: string): Promise<Model> {
  try {
    const { size } = await stat(path);
    if (/\.json$/i.test(file)) {
      if (size > largestArchitecture) {
        throw tooLarge(size, file);
      }
      return importJson(await readFile(path, "utf8"), file);
    }
    if (size > largestModel) {
      throw tooLarge(size, file);
    }
    return importOnnx(await readFile(path), file);
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

function importJson(text: string, file: string): Model {
  let model: unknown;
  try {
    model = JSON.parse(text);
  } catch (cause) {
    throw new TracInError("model", "The file is not JSON.", { file }, "Save the model again.", {
      cause,
    });
  }
  const version = isObject(model) ? model["keras_version"] : undefined;
  return {
    ...importKeras({ model, ...(typeof version === "string" ? { version } : {}) }, file),
    hollow: true,
  };
}

function tooLarge(size: number, file: string): TracInError {
  return new TracInError("model", `The file is too large (${size} bytes).`, { file });
}
