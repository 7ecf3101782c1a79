import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, TracInError } from "../errors.ts";
import { resolveInside } from "../paths.ts";

/** Folder of everything that TracIn writes into a workspace. */
export const tracinFolder = ".tracin";
/** Suffix of folders and files that are still being written. */
const partial = ".partial";
/** Reviews are decisions of people and meant to be committed; all else can be computed again. */
const gitignore = "*\n!reviews.jsonl\n!.gitignore\n";
const abandonedAfter = 24 * 3600 * 1000;

/** Path of a run's folder relative to the workspace. Throws kind `store` for an id that is none. */
export function runFolder(id: string): string {
  if (!/^[A-Za-z0-9][\w-]*$/.test(id) || id.length > 120) {
    throw new TracInError("store", `"${id}" is not the name of a run.`);
  }
  return `${tracinFolder}/runs/${id}`;
}

/** A new run id that sorts by time: `20260730T101530-explain-test-142-3f2a`. */
export function newRunId(created: Date, title: string): string {
  const time = created.toISOString().replace(/[-:]|\.\d+Z$/g, "");
  const name = title
    .replace(/[^A-Za-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .toLowerCase();
  return `${time}-${name.slice(0, 60)}-${randomBytes(2).toString("hex")}`;
}

/** Creates `.tracin` with its own `.gitignore`, once. Throws when it is a link that leaves the workspace. */
export async function prepareFolder(root: string): Promise<string> {
  const folder = await resolveInside(root, tracinFolder);
  await resolveInside(root, `${tracinFolder}/runs`);
  await mkdir(join(folder, "runs"), { recursive: true });
  await writeFile(join(folder, ".gitignore"), gitignore, { flag: "wx" }).catch((error: unknown) => {
    if (!hasCode(error, "EEXIST")) {
      throw error;
    }
  });
  return folder;
}

/** What a folder of TracIn that cannot be made or written is, as an error. */
export function notWritable(error: unknown): TracInError {
  return new TracInError(
    "store",
    `The folder ${tracinFolder} cannot be written: ${error instanceof Error ? error.message : error}`,
    {},
    "Check that the workspace is writable and the disk is not full.",
    { cause: error },
  );
}

/** Makes the folder in which a run is written before it gets its name; clears away abandoned ones. */
export async function startRunFolder(root: string, id: string): Promise<string> {
  const runs = join(await prepareFolder(root), "runs");
  for (const name of await readdir(runs)) {
    if (name.endsWith(partial)) {
      const path = join(runs, name);
      const modified = (await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now();
      if (Date.now() - modified > abandonedAfter) {
        await rm(path, { recursive: true, force: true });
      }
    }
  }
  const folder = join(runs, `.${id}${partial}`);
  await mkdir(folder);
  return folder;
}

/** Gives a finished run folder its name: its files are on disk before the name appears. */
export async function publishRunFolder(root: string, id: string, folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    await syncFile(join(folder, name));
  }
  await rename(folder, join(root, runFolder(id)));
}

/** A text file of limited size. Devices are refused: some have no end. */
export async function readSmallFile(path: string, limit: number): Promise<string> {
  const found = await stat(path);
  if (!found.isFile()) {
    throw new TracInError("store", "This is no file.", { file: path });
  }
  const { size } = found;
  if (size > limit) {
    throw new TracInError("store", `The file is too large (${size} bytes).`, { file: path });
  }
  return readFile(path, "utf8");
}

/** Writes a small file that can be made again, whole or not at all. */
export async function publishFile(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomUUID()}${partial}`;
  try {
    // No file that is there is written to: it could be a link, or that of another who writes at the same time.
    await writeFile(aside, text, { flag: "wx" });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
