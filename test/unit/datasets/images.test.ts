import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { toChannels } from "../../../src/core/datasets/images/channels.ts";
import { decodeImage } from "../../../src/core/datasets/images/decode.ts";
import { resizeBilinear } from "../../../src/core/datasets/images/resize.ts";
import { TracInError } from "../../../src/core/errors.ts";
import { goldens } from "./workspace.ts";

interface ImageGolden {
  readonly file: string;
  readonly mode: string;
  readonly width: number;
  readonly height: number;
  readonly L?: string;
  readonly RGB?: string;
}
const imageGoldens: readonly ImageGolden[] = JSON.parse(
  await readFile(join(goldens, "images.json"), "utf8"),
);
const readable = imageGoldens.filter((golden) => golden.L !== undefined);

function imageFile(name: string): Promise<Buffer> {
  return readFile(join(goldens, "images", name));
}

function bytesOf(base64 = ""): number[] {
  return Array.from(Buffer.from(base64, "base64"));
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - (b[index] ?? 0))));
}

describe("images like Pillow", () => {
  it.each(readable.filter(({ file }) => file.endsWith(".png")))(
    "$file ($mode), exactly",
    async (golden) => {
      const image = decodeImage(await imageFile(golden.file), golden.file);
      expect([image.width, image.height]).toEqual([golden.width, golden.height]);
      expect(Array.from(toChannels(image, 3).data)).toEqual(bytesOf(golden.RGB));
      expect(Array.from(toChannels(image, 1).data)).toEqual(bytesOf(golden.L));
    },
  );

  // JPEG leaves the inverse transform and the colour conversion to the decoder: ours is not libjpeg-turbo, so
  // samples differ by rounding. With 4:2:0 libjpeg also smooths the colour planes, which ours repeats.
  it.each([
    ["grey.jpg", 1],
    ["444.jpg", 3],
    ["progressive.jpg", 3],
    ["420.jpg", 30],
  ])("%s within %i levels", async (file, tolerance) => {
    const golden = readable.find((one) => one.file === file);
    const image = decodeImage(await imageFile(file), file);
    expect([image.width, image.height]).toEqual([golden?.width, golden?.height]);
    expect(image.channels).toBe(golden?.mode === "L" ? 1 : 3);
    expect(largestDifference(toChannels(image, 3).data, bytesOf(golden?.RGB))).toBeLessThanOrEqual(
      tolerance,
    );
  });
});

interface ResizeGolden {
  readonly height: number;
  readonly width: number;
  readonly newHeight: number;
  readonly newWidth: number;
  readonly channels: 1 | 3;
  readonly pixels: string;
  readonly resized: string;
  readonly rowsFirst: string;
}
const resizeGoldens: readonly ResizeGolden[] = JSON.parse(
  await readFile(join(goldens, "resizes.json"), "utf8"),
);

describe("bilinear resize equals Pillow's, sample by sample", () => {
  it.each(resizeGoldens)(
    "$height x $width to $newHeight x $newWidth, $channels channels",
    (golden) => {
      const { width, height, channels } = golden;
      const image = { width, height, channels, data: Uint8Array.from(bytesOf(golden.pixels)) };
      const resized = resizeBilinear(image, golden.newWidth, golden.newHeight);
      expect(Array.from(resized.data)).toEqual(bytesOf(golden.rowsFirst));
      // Pillow 13 changes the order of the passes when the height shrinks more than the width (by most shapes the
      // order does not matter): each pass rounds once, so a level is all that the orders differ by.
      expect(largestDifference(resized.data, bytesOf(golden.resized))).toBeLessThanOrEqual(1);
    },
  );
});

function chunk(type: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc(body));
  return Buffer.concat([length, body, sum]);
}

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
    }
  }
  return (sum ^ 0xffffffff) >>> 0;
}

function png(
  width: number,
  height: number,
  pixels: Uint8Array,
  more: readonly Buffer[] = [],
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk("IHDR", header),
    ...more,
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function failure(bytes: Uint8Array): TracInError {
  try {
    decodeImage(bytes, "bad.png");
  } catch (error) {
    if (error instanceof TracInError) {
      return error;
    }
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

describe("damaged and hostile images", () => {
  it.each<[string, () => Uint8Array | Promise<Uint8Array>, RegExp]>([
    ["no image", () => Buffer.from("GIF89a"), /neither a PNG nor a JPEG/],
    ["dimensions of a bomb", () => png(60_000, 60_000, new Uint8Array(10)), /too many/],
    [
      "a bomb behind small dimensions",
      () => png(2, 2, new Uint8Array(1 << 26)),
      /more pixels than its header/,
    ],
    ["missing pixels", () => png(200, 200, new Uint8Array(201 * 100)), /fewer pixels/],
    ["a width of 0", () => png(0, 5, new Uint8Array(5)), /header is damaged/],
    ["an unknown filter", () => png(1, 1, Uint8Array.of(9, 0)), /filter/i],
    ["a cut PNG", async () => (await imageFile("rgb8.png")).subarray(0, 200), /cut off/],
    ["a PNG signature alone", async () => (await imageFile("rgb8.png")).subarray(0, 8), /cut off/],
    [
      "a changed bit",
      async () => {
        const bytes = Buffer.from(await imageFile("rgb8.png"));
        bytes.writeUInt8(bytes.readUInt8(60) ^ 4, 60);
        return bytes;
      },
      /damaged/,
    ],
    ["a cut JPEG", async () => (await imageFile("444.jpg")).subarray(0, 700), /cannot be read/],
    [
      "a JPEG signature alone",
      async () => (await imageFile("444.jpg")).subarray(0, 3),
      /no frame header/,
    ],
    [
      "JPEG dimensions of a bomb",
      async () => {
        const bytes = Buffer.from(await imageFile("444.jpg"));
        const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
        bytes.writeUInt16BE(65_000, frame + 5);
        bytes.writeUInt16BE(65_000, frame + 7);
        return bytes;
      },
      /too many/,
    ],
    ["a CMYK JPEG", () => imageFile("cmyk.jpg"), /only grey and RGB/],
  ])("%s", async (_, make, message) => {
    const bytes = await make();
    const before = process.memoryUsage().rss;
    const error = failure(bytes);
    expect(error).toMatchObject({ kind: "data", place: { file: "bad.png" } });
    expect(error.message).toMatch(message);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it("does not inflate a colour profile", () => {
    const profile = Buffer.concat([Buffer.from("icc\0\0"), deflateSync(new Uint8Array(1 << 27))]);
    const image = decodeImage(png(1, 1, Uint8Array.of(0, 77), [chunk("iCCP", profile)]), "icc.png");
    expect(Array.from(image.data)).toEqual([77]);
  });

  it("never throws anything but a clear error for flipped bytes", async () => {
    for (const file of ["palette4.png", "rgb8-interlaced.png", "grey.jpg", "progressive.jpg"]) {
      const whole = await imageFile(file);
      for (let place = 8; place < whole.length; place += 7) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8(bytes.readUInt8(place) ^ 0x55, place);
        try {
          const image = decodeImage(bytes, file);
          expect(image.data.length).toBe(image.width * image.height * image.channels);
        } catch (error) {
          expect(error).toBeInstanceOf(TracInError);
        }
      }
    }
  });
});
