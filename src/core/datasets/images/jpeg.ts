import { decode } from "jpeg-js";
import type { DecodedImage } from "../dataset.ts";
import { maxPixels } from "./limits.ts";

/**
 * Decodes a JPEG file, grey or colour, baseline or progressive. The orientation tag is not applied (as in
 * Pillow). Against libjpeg, samples differ by rounding (1 to 3 levels); where the file halves its colour planes
 * (4:2:0), sharp colour edges differ more, because libjpeg smooths the planes and this decoder repeats them. Throws an `Error` with the reason when the file is damaged, larger than 50 megapixels, or CMYK.
 */
export function decodeJpeg(bytes: Uint8Array): DecodedImage {
  const frame = readFrame(bytes);
  if (frame.width === 0 || frame.height === 0) {
    throw new Error("its header is damaged");
  }
  if (frame.width * frame.height > maxPixels) {
    throw new Error(
      `its ${frame.width} x ${frame.height} pixels are too many (50 megapixels at most)`,
    );
  }
  if (frame.components !== 1 && frame.components !== 3) {
    throw new Error("only grey and RGB (YCbCr) JPEG files are supported");
  }
  const image = decode(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: maxPixels / 1e6,
    maxMemoryUsageInMB: 2048,
  });
  const { width, height, data } = image;
  if (frame.components === 3) {
    return { width, height, channels: 3, data };
  }
  return { width, height, channels: 1, data: data.filter((_, index) => index % 3 === 0) };
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/** The frame header (ITU-T T.81, B.2.2), found by walking the marker segments before it. */
function readFrame(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 2;
  while (offset + 4 <= bytes.length) {
    const marker = view.getUint8(offset + 1);
    if (view.getUint8(offset) !== 0xff) {
      break;
    }
    if (marker === 0xff) {
      offset++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame && offset + 10 <= bytes.length) {
      return {
        height: view.getUint16(offset + 5),
        width: view.getUint16(offset + 7),
        components: view.getUint8(offset + 9),
      };
    }
    offset += 2 + view.getUint16(offset + 2);
  }
  throw new Error("it has no frame header; it is cut off or damaged");
}
