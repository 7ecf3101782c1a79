import type { Dirent } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { TracInError } from "../errors.ts";
import { resolveInside } from "../paths.ts";
import { readSmallFile, runFolder, tracinFolder } from "./folder.ts";
import { type RunRecord, recordSchema } from "./record.ts";
import { recordFile } from "./writer.ts";

/** A run that was found on disk, or why it cannot be read. */
export type ListedRun =
  | { readonly ok: true; readonly record: RunRecord }
  | { readonly ok: false; readonly id: string; readonly error: TracInError };

const largestRecord = 64 << 20;

/** All runs of a workspace, newest first. A damaged one is listed with its error. */
export async function listRuns(root: string): Promise<ListedRun[]> {
  const entries: Dirent[] = await readdir(join(root, tracinFolder, "runs"), {
    withFileTypes: true,
  }).catch(() => []);
  const ids = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort()
    .reverse();
  return Promise.all(
    ids.map(async (id): Promise<ListedRun> => {
      try {
        return { ok: true, record: await readRecord(root, id) };
      } catch (error) {
        return { ok: false, id, error: TracInError.from(error) };
      }
    }),
  );
}

/** The settings of a run. Throws kind `store` when the run is missing or damaged. */
export async function readRecord(root: string, id: string): Promise<RunRecord> {
  const file = `${runFolder(id)}/${recordFile}`;
  let value: unknown;
  try {
    value = JSON.parse(await readSmallFile(await resolveInside(root, file), largestRecord));
  } catch (error) {
    throw damagedRun(file, error instanceof Error ? error.message : String(error), error);
  }
  const parsed = recordSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damagedRun(file, `${issue?.path.join(".")}: ${issue?.message}`, parsed.error);
  }
  if (parsed.data.id !== id) {
    throw damagedRun(file, `it belongs to the run ${parsed.data.id}`);
  }
  return parsed.data;
}

/** Deletes a run. Throws kind `config` when its folder is a link that leaves the workspace. */
export async function deleteRun(root: string, id: string): Promise<void> {
  await rm(await resolveInside(root, runFolder(id)), { recursive: true, force: true });
}

/** The error of a run of which a file is missing or damaged. */
export function damagedRun(file: string, why: string, cause?: unknown): TracInError {
  return new TracInError(
    "store",
    `The run cannot be read: ${why}`,
    { file },
    "Delete the run and compute it again.",
    { cause },
  );
}
