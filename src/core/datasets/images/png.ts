import { inflateSync } from "node:zlib";
import { convertIndexedToRgb, type DecodedPng, decode } from "fast-png";
import type { DecodedImage } from "../dataset.ts";
import { maxPixels } from "./limits.ts";

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly samples: number;
  readonly interlaced: boolean;
}

const samplesOfColour = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);
const keptChunks = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

/**
 * Decodes a PNG file (https://www.w3.org/TR/png-3/): grey with alpha loses its alpha, a palette becomes RGB
 * or RGBA, 1, 2 and 4 bits of grey become 8. Throws an `Error` with the reason when the file is damaged,
 * holds more or fewer pixels than it says, is larger than 50 megapixels, or is interlaced below 8 bits.
 */
export function decodePng(bytes: Uint8Array): DecodedImage {
  const chunks = readChunks(bytes);
  const header = readHeader(chunks[0]);
  if (header.interlaced && header.depth < 8) {
    throw new Error("interlaced PNG files of less than 8 bits a sample are not supported");
  }
  checkPixels(chunks, header);
  // Profiles and texts are left out: some are compressed without a limit, none changes the samples.
  const kept = chunks.filter((chunk) => keptChunks.has(chunk.type));
  const image = decode(Buffer.concat([bytes.subarray(0, 8), ...kept.map((chunk) => chunk.bytes)]), {
    checkCrc: true,
  });
  return toImage(image);
}

interface Chunk {
  readonly type: string;
  /** Length, type, data and checksum. */
  readonly bytes: Uint8Array;
}

/** Width and height from the header alone, with the limits checked. */
export function pngSize(bytes: Uint8Array): { width: number; height: number } {
  return readHeader(readChunks(bytes.subarray(0, 33), false)[0]);
}

function readChunks(bytes: Uint8Array, whole = true): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let offset = 8; offset < bytes.length; ) {
    const length = offset + 12 <= bytes.length ? view.getUint32(offset) : Number.POSITIVE_INFINITY;
    const end = offset + 12 + length;
    if (end > bytes.length) {
      throw new Error("it is cut off");
    }
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8));
    chunks.push({ type, bytes: bytes.subarray(offset, end) });
    if (type === "IEND") {
      return chunks;
    }
    offset = end;
  }
  if (whole) {
    throw new Error("it is cut off");
  }
  return chunks;
}

function readHeader(chunk: Chunk | undefined): Header {
  if (chunk?.type !== "IHDR" || chunk.bytes.length !== 25) {
    throw new Error("it does not begin with a PNG header");
  }
  const view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.length);
  const width = view.getUint32(8);
  const height = view.getUint32(12);
  const samples = samplesOfColour.get(view.getUint8(17));
  if (width === 0 || height === 0 || samples === undefined) {
    throw new Error("its header is damaged");
  }
  if (width * height > maxPixels) {
    throw new Error(`its ${width} x ${height} pixels are too many (50 megapixels at most)`);
  }
  return { width, height, depth: view.getUint8(16), samples, interlaced: view.getUint8(20) === 1 };
}

/** Inflates the pixels with a bound, so that neither a bomb nor missing pixels reach the decoder. */
function checkPixels(chunks: readonly Chunk[], header: Header): void {
  const expected = header.interlaced ? adam7Bytes(header) : passBytes(header, [1, 1, 0, 0]);
  const data = Buffer.concat(
    chunks.filter((chunk) => chunk.type === "IDAT").map((chunk) => chunk.bytes.subarray(8, -4)),
  );
  let found: number;
  try {
    found = inflateSync(data, { maxOutputLength: expected }).length;
  } catch (error) {
    const tooLong = error instanceof RangeError;
    throw new Error(
      tooLong ? "it holds more pixels than its header says" : "its pixel data is damaged",
      { cause: error },
    );
  }
  if (found !== expected) {
    throw new Error("it holds fewer pixels than its header says");
  }
}

/** Steps and first place of a pass: every stepX-th column from x, every stepY-th row from y. */
type Pass = readonly [stepX: number, stepY: number, x: number, y: number];

function passBytes(header: Header, [stepX, stepY, x, y]: Pass): number {
  const columns = Math.ceil((header.width - x) / stepX);
  const rows = Math.ceil((header.height - y) / stepY);
  const line = Math.ceil((columns * header.depth * header.samples) / 8);
  return columns > 0 && rows > 0 ? rows * (line + 1) : 0;
}

function adam7Bytes(header: Header): number {
  const passes: readonly Pass[] = [
    [8, 8, 0, 0],
    [8, 8, 4, 0],
    [4, 8, 0, 4],
    [4, 4, 2, 0],
    [2, 4, 0, 2],
    [2, 2, 1, 0],
    [1, 2, 0, 1],
  ];
  return passes.reduce((sum, pass) => sum + passBytes(header, pass), 0);
}

function toImage(image: DecodedPng): DecodedImage {
  const { width, height } = image;
  if (image.palette) {
    const data = convertIndexedToRgb(image);
    return { width, height, channels: image.palette[0]?.length === 4 ? 4 : 3, data };
  }
  const data = image.data instanceof Uint16Array ? image.data : Uint8Array.from(image.data);
  if (image.depth < 8) {
    return { width, height, channels: 1, data: unpackGrey(image) };
  }
  if (image.channels === 2) {
    return { width, height, channels: 1, data: data.filter((_, index) => index % 2 === 0) };
  }
  if (image.channels === 1 || image.channels === 3 || image.channels === 4) {
    return { width, height, channels: image.channels, data };
  }
  throw new Error(`${image.channels} channels are not supported`);
}

/** Samples of 1, 2 or 4 bits, packed by line, spread over 0 to 255. */
function unpackGrey(image: DecodedPng): Uint8Array {
  const { width, height, depth } = image;
  const lineBytes = Math.ceil((width * depth) / 8);
  const mask = (1 << depth) - 1;
  const grey = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = image.data[y * lineBytes + (bit >> 3)] ?? 0;
      grey[y * width + x] = (((byte >> (8 - depth - (bit & 7))) & mask) * 255) / mask;
    }
  }
  return grey;
}
