import { open } from "node:fs/promises";
import { TracInError } from "../../errors.ts";

/** Encoded size of the largest image file that is read. */
const maxBytes = 256 << 20;

/** The bytes of an image file. Throws kind `data` when it is missing, no file, empty or over 256 MiB. */
export async function readImageFile(absolute: string, file: string): Promise<Uint8Array> {
  try {
    const handle = await open(absolute, "r");
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size === 0 || stat.size > maxBytes) {
        throw new TracInError(
          "data",
          "The image is no file, empty, or over 256 MiB.",
          { file },
          "Replace it.",
        );
      }
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof TracInError) {
      throw error;
    }
    throw new TracInError(
      "data",
      "The image file cannot be read.",
      { file },
      "Put the file there, or correct the manifest.",
      { cause: error },
    );
  }
}
