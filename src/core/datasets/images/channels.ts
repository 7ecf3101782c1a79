import type { DecodedImage } from "../dataset.ts";

/** An image of 8 bits a sample: `data` is [height, width, channels]. */
export interface ByteImage {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly data: Uint8Array;
}

/**
 * Grey (1) or RGB (3) with 8 bits a sample, as Pillow's `convert`: alpha is dropped, grey is repeated,
 * RGB becomes grey by (19595 R + 38470 G + 7471 B + 32768) >> 16. 16 bits keep their high byte (Pillow does so
 * for colour, but clips 16-bit grey at 255).
 */
export function toChannels(image: DecodedImage, channels: 1 | 3): ByteImage {
  const { width, height } = image;
  const source = image.data instanceof Uint16Array ? highBytes(image.data) : image.data;
  if (image.channels === channels) {
    return { width, height, channels, data: source };
  }
  const data = new Uint8Array(width * height * channels);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const from = pixel * image.channels;
    const red = source[from] ?? 0;
    if (image.channels === 1) {
      data.fill(red, pixel * 3, pixel * 3 + 3);
      continue;
    }
    const green = source[from + 1] ?? 0;
    const blue = source[from + 2] ?? 0;
    if (channels === 1) {
      data[pixel] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;
    } else {
      data[pixel * 3] = red;
      data[pixel * 3 + 1] = green;
      data[pixel * 3 + 2] = blue;
    }
  }
  return { width, height, channels, data };
}

function highBytes(data: Uint16Array): Uint8Array {
  return Uint8Array.from(data, (sample) => sample >> 8);
}
