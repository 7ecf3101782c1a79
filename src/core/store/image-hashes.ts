import { stat } from "node:fs/promises";
import * as z from "zod";
import { shortHash } from "../datasets/image-hash.ts";
import { resolveInside } from "../paths.ts";
import { publishFile, readSmallFile, runFolder } from "./folder.ts";
import { hashFiles, type ListedFile } from "./hash-files.ts";

/** File in the folder of a run, and what is read of it at most. */
const name = "images.json";
const largestFile = 1 << 24;
/** An image above that is compared by its time alone. */
const largestImage = 64 << 20;

const schema = z.record(z.string(), z.string().regex(/^[0-9a-f]{16}$/));

/**
 * Hashes of images as they were when a run was made, by path. They are taken when an image is first asked for while it is
 * older than the run, and kept in the run's folder; an image that was written since then has none.
 */
export async function imageHashes(
  root: string,
  run: { readonly id: string; readonly created: string },
  images: Iterable<string>,
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(images)];
  if (wanted.length === 0) {
    return new Map();
  }
  const path = await resolveInside(root, `${runFolder(run.id)}/${name}`);
  const known = await readKnown(path);
  const missing = wanted.filter((image) => !known.has(image));
  const begun = Date.parse(run.created);
  const listed = await Promise.all(
    missing.map((image) => listOlder(root, image, begun).catch(() => undefined)),
  );
  const older = listed.filter((file) => file !== undefined);
  for (const [index, hash] of (await hashFiles(older)).entries()) {
    const image = older[index]?.image;
    if (image !== undefined && hash !== undefined) {
      known.set(image, shortHash(hash));
    }
  }
  if (missing.some((image) => known.has(image))) {
    await writeKnown(path, known);
  }
  return known;
}

/** Undefined for an image that was written after the run was begun, or is too large. */
async function listOlder(
  root: string,
  image: string,
  begun: number,
): Promise<(ListedFile & { readonly image: string }) | undefined> {
  const path = await resolveInside(root, image);
  const { size, mtimeMs } = await stat(path);
  return mtimeMs > begun || size > largestImage
    ? undefined
    : { image, path, size, modified: Math.floor(mtimeMs) };
}

async function readKnown(path: string): Promise<Map<string, string>> {
  try {
    const found = schema.parse(JSON.parse(await readSmallFile(path, largestFile)));
    return new Map(Object.entries(found));
  } catch {
    return new Map(); // not written yet, or damaged: it is made anew
  }
}

/** A run in a folder that cannot be written goes without: then times are compared. */
async function writeKnown(path: string, known: ReadonlyMap<string, string>): Promise<void> {
  await publishFile(path, JSON.stringify(Object.fromEntries(known))).catch(() => undefined);
}
