import { deflateSync } from "node:zlib";
import { crc32 } from "../../formats/crc32.ts";
import type { DecodedImage } from "../dataset.ts";

/** PNG's colour type by number of samples. */
const colourTypes = { 1: 0, 3: 2, 4: 6 } as const;

/** An image of 8 bits a sample as a PNG file (https://www.w3.org/TR/png-3/), unfiltered. */
export function encodePng({
  width,
  height,
  channels,
  data,
}: DecodedImage & { readonly data: Uint8Array }): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = colourTypes[channels];
  const line = width * channels;
  const lines = new Uint8Array(height * (line + 1));
  for (let y = 0; y < height; y++) {
    lines.set(data.subarray(y * line, (y + 1) * line), y * (line + 1) + 1);
  }
  return Buffer.concat([
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(lines)),
    chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}
