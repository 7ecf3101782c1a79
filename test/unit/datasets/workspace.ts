import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";
import type { Dataset } from "../../../src/core/datasets/dataset.ts";
import { TracInError } from "../../../src/core/errors.ts";

export const goldens = fileURLToPath(new URL("../golden/datasets/", import.meta.url));

const folders: string[] = [];
const open: Dataset[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((dataset) => dataset.close()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

/** A new folder with these files, removed after the test. */
export async function workspace(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), "tracin-datasets-")));
  folders.push(root);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

/** Closes the dataset after the test. */
export async function closing<T extends Dataset>(dataset: Promise<T>): Promise<T> {
  const opened = await dataset;
  open.push(opened);
  return opened;
}

/** The error that a promise rejects with; fails the test when it is no TracInError or there is none. */
export async function errorOf(promise: Promise<unknown>): Promise<TracInError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TracInError) {
      return error;
    }
    throw error;
  }
  throw new Error("Nothing was thrown.");
}
