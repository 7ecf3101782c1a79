import { TracInError } from "../../errors.ts";
import type { DecodedImage } from "../dataset.ts";
import { decodeJpeg } from "./jpeg.ts";
import { decodePng } from "./png.ts";

export type ImageType = "image/png" | "image/jpeg";

/** The type of an image file by its first bytes, whatever its name says. */
export function imageType(bytes: Uint8Array): ImageType | undefined {
  if ([137, 80, 78, 71, 13, 10, 26, 10].every((byte, index) => bytes[index] === byte)) {
    return "image/png";
  }
  return [0xff, 0xd8, 0xff].every((byte, index) => bytes[index] === byte)
    ? "image/jpeg"
    : undefined;
}

/** Decodes a PNG or JPEG file. Throws kind `data` that names the file and says why it cannot be read. */
export function decodeImage(bytes: Uint8Array, file: string): DecodedImage {
  const type = imageType(bytes);
  if (type === undefined) {
    throw new TracInError(
      "data",
      "The file is neither a PNG nor a JPEG image.",
      { file },
      "Convert it to PNG.",
    );
  }
  try {
    return type === "image/png" ? decodePng(bytes) : decodeJpeg(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracInError(
      "data",
      `The image cannot be read: ${reason}.`,
      { file },
      "Replace the file, or save it again as PNG.",
      { cause: error },
    );
  }
}
