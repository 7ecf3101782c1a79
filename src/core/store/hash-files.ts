import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { throwIfAborted } from "../errors.ts";

/** Files that are read at the same time, and what is read of each at a time: the memory that all take together. */
const readers = 8;
const blockBytes = 1 << 18;

/** A file as it is listed in a folder. */
export interface ListedFile {
  readonly path: string;
  readonly size: number;
  /** Last change, whole milliseconds since 1970. */
  readonly modified: number;
}

/**
 * SHA-256 of each file, hexadecimal; undefined for one that cannot be read, or is not the one that was listed any more.
 * Memory stays the same whatever their sizes. Throws kind `cancelled` when the signal is aborted.
 */
export async function hashFiles(
  files: readonly ListedFile[],
  signal?: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  const hashes = new Array<string | undefined>(files.length).fill(undefined);
  const waiting = files.entries();
  const read = async () => {
    const block = Buffer.allocUnsafe(blockBytes);
    for (const [index, file] of waiting) {
      throwIfAborted(signal);
      hashes[index] = await hashListed(file, block).catch(() => undefined);
    }
  };
  await Promise.all(Array.from({ length: Math.min(readers, files.length) }, read));
  return hashes;
}

async function hashListed(file: ListedFile, block: Buffer): Promise<string | undefined> {
  if (!(await isListed(file))) {
    return undefined; // a device has no end, and opening a pipe may wait for ever
  }
  const hash = createHash("sha256");
  const handle = await open(file.path);
  try {
    for (let left = file.size; left > 0; ) {
      const { bytesRead } = await handle.read(block, 0, Math.min(left, block.length));
      if (bytesRead === 0) {
        return undefined;
      }
      hash.update(block.subarray(0, bytesRead));
      left -= bytesRead;
    }
  } finally {
    await handle.close();
  }
  return (await isListed(file)) ? hash.digest("hex") : undefined;
}

async function isListed({ path, size, modified }: ListedFile): Promise<boolean> {
  const now = await stat(path);
  return now.isFile() && now.size === size && Math.floor(now.mtimeMs) === modified;
}
