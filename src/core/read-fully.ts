import type { FileHandle } from "node:fs/promises";

/**
 * Reads bytes of a file from `position` on until `bytes` is full; one read may give fewer than asked.
 *
 * @returns false when the file ends before
 */
export async function readFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<boolean> {
  for (let filled = 0; filled < bytes.length; ) {
    const { bytesRead } = await handle.read(
      bytes,
      filled,
      bytes.length - filled,
      position + filled,
    );
    if (bytesRead === 0) {
      return false;
    }
    filled += bytesRead;
  }
  return true;
}
