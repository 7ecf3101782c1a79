import { closeSync, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, resolve, sep } from "node:path";
import { type ErrorPlace, TracInError } from "../errors.ts";

/** Bytes of a file beside the model in which an ONNX file keeps data of its tensors. */
export type ReadExternal = (
  location: string,
  offset: number,
  length: number,
  place: ErrorPlace,
) => Uint8Array;

/**
 * Reads from files beside the model at `path` (absolute), as the newer exporter of PyTorch writes them (`model.onnx.data`).
 *
 * Throws kind `model`, from the function returned: a location outside the model's folder (links are followed), a file that is not
 * there or too short; nothing is allocated before the file's size is known to suffice.
 */
export function externalData(path: string): ReadExternal {
  return (location, offset, length, place) => {
    const fail = (message: string, remedy: string, cause?: unknown): never => {
      throw new TracInError("model", message, place, remedy, { cause });
    };
    const folder = dirname(path);
    if (isAbsolute(location) || /(^|[\\/])\.\.([\\/]|$)|[\0:]/.test(location)) {
      fail(
        `The data of this tensor is said to lie outside the model's folder ("${location}").`,
        "Export the model again.",
      );
    }
    let handle: number;
    try {
      const target = realpathSync(resolve(folder, location));
      if (!target.startsWith(realpathSync(folder) + sep)) {
        fail(
          `The data of this tensor lies outside the model's folder ("${location}" is a link).`,
          "Copy the file beside the model.",
        );
      }
      handle = openSync(target, "r");
    } catch (cause) {
      if (cause instanceof TracInError) {
        throw cause;
      }
      return fail(
        `The data of this tensor lies in the file "${location}", which cannot be read beside the model.`,
        "Keep the two files that the exporter wrote together in one folder, under their names.",
        cause,
      );
    }
    try {
      const { size } = fstatSync(handle);
      if (offset < 0 || offset + length > size) {
        fail(
          `The data of this tensor is said to be bytes ${offset} to ${offset + length} of "${location}", which has ${size}.`,
          "The file is damaged or belongs to another export. Export the model again.",
        );
      }
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const count = readSync(handle, bytes, done, length - done, offset + done);
        if (count === 0) {
          fail(`The file "${location}" became shorter while it was read.`, "Try again.");
        }
        done += count;
      }
      return bytes;
    } finally {
      closeSync(handle);
    }
  };
}
