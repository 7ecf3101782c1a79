import { inflateSync } from "node:zlib";
import { crc32 } from "../../formats/crc32.ts";
import type { DecodedImage } from "../dataset.ts";
import { maxPixels } from "./limits.ts";
import { type LineLayout, lineBytes, readLines } from "./png-lines.ts";

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
}

interface Header extends LineLayout {
  readonly colour: number;
}

const paletteColour = 3;
/** Samples of a pixel and the depths allowed, by colour type. */
const colours = new Map([
  [0, { samples: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { samples: 3, depths: [8, 16] }],
  [paletteColour, { samples: 1, depths: [1, 2, 4, 8] }],
  [4, { samples: 2, depths: [8, 16] }],
  [6, { samples: 4, depths: [8, 16] }],
]);

/**
 * Decodes a PNG file (https://www.w3.org/TR/png-3/): all colour types, depths and interlacing. Grey with alpha
 * loses its alpha, a palette becomes RGB, 1, 2 and 4 bits of grey are scaled to 8. Throws an `Error` with the
 * reason when the file is damaged, holds more or fewer pixels than it says, or is larger than 50 megapixels.
 *
 * Written out here, because the library fast-png inflates pixels and colour profiles without a limit, reads
 * interlaced files below 8 bits wrongly, and allocates 128 KiB for the smallest image.
 */
export function decodePng(bytes: Uint8Array): DecodedImage {
  const { chunks, header, data } = readSamples(bytes);
  const { width, height, samples, depth } = header;
  if (header.colour === paletteColour) {
    return { width, height, channels: 3, data: lookUp(data, chunks) };
  }
  if (samples === 2) {
    return { width, height, channels: 1, data: data.filter((_, index) => index % 2 === 0) };
  }
  const channels = samples === 3 || samples === 4 ? samples : 1;
  const most = (1 << depth) - 1;
  return { width, height, channels, data: depth < 8 ? data.map((s) => (s * 255) / most) : data };
}

/**
 * The samples of a PNG file as it stores them, [height, width, samples]: not scaled to 8 bits, palette indices instead
 * of their colours. Throws as {@link decodePng}.
 */
export function decodePngSamples(bytes: Uint8Array): {
  readonly width: number;
  readonly height: number;
  readonly samples: number;
  readonly data: Uint8Array | Uint16Array;
} {
  const { header, data } = readSamples(bytes);
  const { width, height, samples } = header;
  return { width, height, samples, data };
}

function readSamples(bytes: Uint8Array) {
  const chunks = readChunks(bytes);
  const header = readHeader(chunks[0]);
  return { chunks, header, data: readLines(inflate(chunks, header), header) };
}

function readChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let offset = 8; offset + 12 <= bytes.length; ) {
    const end = offset + 12 + view.getUint32(offset);
    if (end > bytes.length) {
      break;
    }
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    chunks.push({ type, data: bytes.subarray(offset + 8, end - 4) });
    // Pixels carry a checksum of their own inside the compressed data.
    const checked = type === "IHDR" || type === "PLTE";
    if (checked && crc32(bytes.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4)) {
      throw new Error(`the checksum of its ${type} chunk is wrong; it is damaged`);
    }
    if (type === "IEND") {
      return chunks;
    }
    offset = end;
  }
  throw new Error("it is cut off");
}

function readHeader(chunk: Chunk | undefined): Header {
  if (chunk?.type !== "IHDR" || chunk.data.length !== 13) {
    throw new Error("it does not begin with a PNG header");
  }
  const view = new DataView(chunk.data.buffer, chunk.data.byteOffset, chunk.data.length);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const depth = view.getUint8(8);
  const colour = view.getUint8(9);
  const known = colours.get(colour);
  const methods = view.getUint8(10) + view.getUint8(11);
  if (width === 0 || height === 0 || !known?.depths.includes(depth) || methods !== 0) {
    throw new Error("its header is damaged");
  }
  if (width * height > maxPixels) {
    throw new Error(`its ${width} x ${height} pixels are too many (50 megapixels at most)`);
  }
  return {
    width,
    height,
    depth,
    colour,
    samples: known.samples,
    interlaced: view.getUint8(12) === 1,
  };
}

/** The filtered lines, inflated with a bound: a bomb stops there, and missing pixels are noticed. */
function inflate(chunks: readonly Chunk[], header: Header): Uint8Array {
  const expected = lineBytes(header);
  const parts = chunks.filter((chunk) => chunk.type === "IDAT").map((chunk) => chunk.data);
  let data: Uint8Array;
  try {
    data = inflateSync(Buffer.concat(parts), {
      maxOutputLength: expected,
      chunkSize: Math.min(Math.max(expected, 64), 1 << 16),
    });
  } catch (error) {
    throw new Error(
      error instanceof RangeError
        ? "it holds more pixels than its header says"
        : "its pixel data is damaged",
      { cause: error },
    );
  }
  if (data.length !== expected) {
    throw new Error("it holds fewer pixels than its header says");
  }
  return data;
}

function lookUp(indices: Uint8Array | Uint16Array, chunks: readonly Chunk[]): Uint8Array {
  const palette = chunks.find((chunk) => chunk.type === "PLTE")?.data ?? new Uint8Array();
  const data = new Uint8Array(indices.length * 3);
  for (const [pixel, index] of indices.entries()) {
    if (index * 3 + 3 > palette.length) {
      throw new Error("a pixel's colour is not in its palette");
    }
    data[pixel * 3] = palette[index * 3] ?? 0;
    data[pixel * 3 + 1] = palette[index * 3 + 1] ?? 0;
    data[pixel * 3 + 2] = palette[index * 3 + 2] ?? 0;
  }
  return data;
}
