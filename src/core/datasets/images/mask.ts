import { TracInError } from "../../errors.ts";
import { imageType } from "./decode.ts";
import { decodePngSamples } from "./png.ts";
import type { NumberImage } from "./resize.ts";

/**
 * Decodes a PNG file as numbers: grey levels or palette indices as they are stored, of any depth. Colours count where
 * red, green and blue are the same everywhere; alpha is dropped. Throws kind `data` that names the file.
 */
export function decodeMask(bytes: Uint8Array, file: string): NumberImage {
  if (imageType(bytes) !== "image/png") {
    throw new TracInError(
      "data",
      "The mask is no PNG image.",
      { file },
      "Save masks as PNG: other formats change the numbers of classes.",
    );
  }
  try {
    const { width, height, samples, data } = decodePngSamples(bytes);
    if (samples >= 3 && !isGrey(data, samples)) {
      throw new Error("it holds colours instead of the numbers of classes");
    }
    return {
      width,
      height,
      data: samples === 1 ? data : data.filter((_, index) => index % samples === 0),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TracInError(
      "data",
      `The mask cannot be read: ${reason}.`,
      { file },
      "Save it as a greyscale or palette PNG whose levels or indices are the classes.",
      { cause: error },
    );
  }
}

function isGrey(data: Uint8Array | Uint16Array, samples: number): boolean {
  for (let at = 0; at < data.length; at += samples) {
    if (data[at] !== data[at + 1] || data[at] !== data[at + 2]) {
      return false;
    }
  }
  return true;
}
