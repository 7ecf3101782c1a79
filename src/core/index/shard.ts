import { type FileHandle, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode, TracInError } from "../errors.ts";
import { readSafetensorsHeader, type SafetensorsEntry } from "../formats/safetensors.ts";
import { encodeSafetensors, type NamedTensor } from "../formats/safetensors-writer.ts";
import { FileSource } from "../formats/source.ts";
import { type DataType, formatShape, type Shape, sameShape } from "../graph/tensor.ts";

const suffix = ".safetensors";
const partial = ".partial";
const abandonedAfter = 24 * 3600 * 1000;

/** File name of a shard. */
export function shardFile(key: string): string {
  return `${key}${suffix}`;
}

/**
 * Writes a shard under its final name: all of it is on disk before the name appears, so a file with that name is whole,
 * whenever the process is killed.
 */
export async function writeShard(
  folder: string,
  key: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const path = join(folder, shardFile(key));
  const aside = join(folder, `.${key}.${process.pid}${partial}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(aside, "w");
    for (const piece of encodeSafetensors(tensors, { ...metadata, key })) {
      await handle.writeFile(piece);
    }
    await handle.sync();
    await handle.close();
    await rename(aside, path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(aside, { force: true }).catch(() => undefined);
    throw new TracInError(
      "store",
      `A part of the index cannot be written: ${error instanceof Error ? error.message : error}`,
      { file: `${indexPath}/${shardFile(key)}` },
      "Check that the workspace is writable and the disk is not full; what is finished is kept.",
      { cause: error },
    );
  }
}

/** Names of the finished shards in a folder, without their suffix. */
export async function listShards(folder: string): Promise<ReadonlySet<string>> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return new Set(
    names.flatMap((name) => (name.endsWith(suffix) ? [name.slice(0, -suffix.length)] : [])),
  );
}

/** Removes what killed builds have left behind; other builds that run write on. */
export async function clearPartials(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, owner] = /\.(\d+)\.partial$/.exec(name) ?? [];
    if (owner === undefined) {
      continue;
    }
    const path = join(folder, name);
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (!isRunning(Number(owner)) || Number(owner) === process.pid || age > abandonedAfter) {
      await rm(path, { force: true });
    }
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return hasCode(error, "EPERM");
  }
}

/** What a tensor of a shard must be. */
export interface ShardTensor {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: Shape;
}

/** An open shard, its table of contents checked. */
export interface OpenShard {
  readonly source: FileSource;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<unknown, unknown>;
}

/**
 * Opens a shard and checks that it holds what it should.
 *
 * @throws kind `store`, naming the file and the tensor
 */
export async function openShard(
  folder: string,
  key: string,
  tensors: readonly ShardTensor[],
): Promise<OpenShard> {
  const file = `${indexPath}/${shardFile(key)}`;
  let source: FileSource | undefined;
  try {
    source = await FileSource.open(join(folder, shardFile(key)), file, "store");
    const { entries, metadata } = await readSafetensorsHeader(source);
    if (metadata.get("key") !== key) {
      throw new TracInError("store", "The file is another part of an index, under this name.");
    }
    for (const { name, dtype, shape } of tensors) {
      const entry = entries.get(name);
      if (entry === undefined || entry.dtype !== dtype || !sameShape(entry.shape, shape)) {
        const found =
          entry === undefined ? "no such tensor" : `${entry.dtype} ${formatShape(entry.shape)}`;
        throw new TracInError(
          "store",
          `The index holds ${found} where ${dtype} ${formatShape(shape)} is expected.`,
          { tensor: name },
        );
      }
    }
    return { source, entries, metadata };
  } catch (error) {
    await source?.close();
    const { message, place } = TracInError.from(error);
    throw new TracInError(
      "store",
      message,
      { ...place, file },
      "Build the index again: what is damaged or missing is computed, the rest is used.",
      { cause: error },
    );
  }
}

/** A number of a shard that no build writes. */
export function damagedNumber(key: string, tensor: string, example: number): TracInError {
  return new TracInError(
    "store",
    `The index is damaged: what it holds of example ${example} is no number, or none that can be.`,
    { file: `${indexPath}/${shardFile(key)}`, tensor },
    "Delete the file and build the index again: what is missing is computed, the rest is used.",
  );
}

/** Whether a finished shard is still whole: readable, and as long as its table of contents says. */
export async function isWhole(folder: string, key: string): Promise<boolean> {
  try {
    await (await openShard(folder, key, [])).source.close();
    return true;
  } catch {
    return false;
  }
}

/** Folder of the shards, relative to the workspace. */
export const indexPath = ".tracin/index/shards";
