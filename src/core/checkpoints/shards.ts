import { realpath } from "node:fs/promises";
import { basename, dirname, join, posix } from "node:path";
import { TracInError } from "../errors.ts";
import { type JsonObject, objectAt } from "../formats/json.ts";
import { isInside } from "../paths.ts";
import type { Checkpoint, CheckpointTensor } from "./checkpoint.ts";
import { readJson } from "./json-file.ts";

const mostParts = 10_000;

/** True for one of several files with weights: `model-00002-of-00005.safetensors`. */
export function isPart(file: string): boolean {
  return /-\d{5}-of-\d{5}\.(safetensors|bin)$/.test(file);
}

/** Throws kind `checkpoint` for a file that is one part of several. */
export function refusePart(file: string): void {
  if (isPart(file)) {
    throw new TracInError(
      "checkpoint",
      "This file holds only a part of the weights.",
      { file },
      "Name its folder in tracin.json, or the .index.json file beside it, which lists all parts.",
    );
  }
}

/** True for the index of weights that are spread over several files. */
export function isIndex(file: string): boolean {
  return /\.(safetensors|bin)\.index\.json$/.test(file);
}

/**
 * Opens weights that are spread over several files, as their index lists them (`weight_map`). All parts must lie in
 * the folder of the index and hold what it says; tensors are read on demand.
 *
 * @param openPart opens one part
 * Throws kind `checkpoint`, naming the index or the part.
 */
export async function openParts(
  path: string,
  file: string,
  openPart: (path: string, file: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const places = readIndex(await readJson(path, file), file);
  const parts = new Map<string, Checkpoint>();
  try {
    for (const name of [...new Set(places.values())].sort()) {
      const partPath = join(dirname(path), name);
      const partFile = posix.join(posix.dirname(file), name);
      await checkInside(partPath, partFile);
      parts.set(name, await openPart(partPath, partFile));
    }
    return joinParts(file, places, parts);
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
}

/** The file of each tensor. */
function readIndex(index: JsonObject, file: string): ReadonlyMap<string, string> {
  const fail = (message: string, tensor?: string) =>
    new TracInError(
      "checkpoint",
      message,
      { file, ...(tensor === undefined ? {} : { tensor }) },
      "The index may be damaged or not one: save or copy it again.",
    );
  const weights = objectAt(index, "weight_map");
  if (weights === undefined) {
    throw fail('The index has no "weight_map".');
  }
  const places = new Map<string, string>();
  for (const [tensor, name] of Object.entries(weights)) {
    if (typeof name !== "string" || name !== basename(name) || /^\.*$|[\\/:\0]/.test(name)) {
      throw fail(`The index names ${JSON.stringify(name)}, which is no file beside it.`, tensor);
    }
    places.set(tensor, name);
  }
  if (new Set(places.values()).size > mostParts) {
    throw fail(`The index names more than ${mostParts} files.`);
  }
  return places;
}

/** A part may not be a link that leads out of the folder. */
async function checkInside(path: string, file: string): Promise<void> {
  const folder = await realpath(dirname(path));
  const target = await realpath(path).catch(() => {
    throw new TracInError(
      "checkpoint",
      "This part of the weights is missing.",
      { file },
      "Copy all parts that the .index.json file lists into its folder.",
    );
  });
  if (!isInside(folder, target)) {
    throw new TracInError(
      "checkpoint",
      "This part of the weights is a link that leads out of its folder.",
      { file },
      "Copy the file itself into the folder.",
    );
  }
}

function joinParts(
  file: string,
  places: ReadonlyMap<string, string>,
  parts: ReadonlyMap<string, Checkpoint>,
): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, part] of parts) {
    for (const [tensor, entry] of part.tensors) {
      if (places.get(tensor) === name) {
        tensors.set(tensor, entry);
      }
    }
  }
  for (const [tensor, name] of places) {
    if (!tensors.has(tensor)) {
      throw new TracInError(
        "checkpoint",
        `The index ${file} says that the tensor is in this file, which does not hold it.`,
        { file: parts.get(name)?.file ?? name, tensor },
        "Use index and parts of one save.",
      );
    }
  }
  const all = [...parts.values()];
  return {
    file,
    format: all[0]?.format ?? "safetensors",
    tensors,
    learningRates: [],
    ...(all.some(({ isSorted }) => isSorted) ? { isSorted: true } : {}),
    files: [file, ...all.map((part) => part.file)],
    read(tensor) {
      const part = parts.get(places.get(tensor) ?? "");
      return part
        ? part.read(tensor)
        : Promise.reject(
            new TracInError("checkpoint", "The file has no such tensor.", { file, tensor }),
          );
    },
    close: () => closeAll(parts),
  };
}

async function closeAll(parts: ReadonlyMap<string, Checkpoint>): Promise<void> {
  await Promise.allSettled([...parts.values()].map((part) => part.close()));
}
