import { TracInError } from "../../errors.ts";
import type { Shape } from "../../graph/tensor.ts";
import type { DecodedImage } from "../dataset.ts";
import { encodePng } from "../images/encode-png.ts";
import { maxPixels } from "../images/limits.ts";
import type { NpyFile } from "./npy.ts";

/** How a row of an array holds an image. */
interface ImageLayout {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3 | 4;
  /** Whether the channels come first: [C, H, W]. */
  readonly planar: boolean;
}

/** Numbers that are read together: rows are asked for one after another. */
const blockNumbers = 1 << 18;

/** The images in the rows of an array: [H, W], [H, W, C] or [C, H, W] with 1, 3 or 4 channels. */
export class ArrayImages {
  private block: { readonly first: number; readonly data: Promise<Float32Array> } | undefined;

  private constructor(
    private readonly array: NpyFile,
    private readonly field: string,
    private readonly layout: ImageLayout,
  ) {}

  /**
   * The field that holds images: the named one, else the first that is no target and looks like images.
   * Throws kind `config` when the named field has no shape of images.
   */
  static find(
    fields: ReadonlyMap<string, NpyFile>,
    target: readonly string[],
    named: string | undefined,
  ): ArrayImages | undefined {
    for (const [field, array] of fields) {
      if (named === undefined ? target.includes(field) : field !== named) {
        continue;
      }
      const row = array.header.shape.slice(1);
      const layout = imageLayout(row);
      if (named !== undefined && layout === undefined) {
        throw new TracInError(
          "config",
          `The rows of the field are [${row.join(", ")}], which is no image.`,
          { file: array.file, column: field },
          "Images are [height, width], or have 1, 3 or 4 channels as their first or last axis.",
        );
      }
      if (layout && (named !== undefined || looksLikeImage(array, layout))) {
        return new ArrayImages(array, field, layout);
      }
    }
    return undefined;
  }

  /** Throws kind `data` for numbers that are no 8-bit samples. */
  async samples(index: number): Promise<DecodedImage> {
    if (this.array.header.dtype !== "uint8") {
      throw new TracInError(
        "data",
        `The images of the array are ${this.array.header.dtype}, which are no samples of 8 bits.`,
        { file: this.array.file, column: this.field },
        'Use the feature "array" with the "scale" of the training.',
      );
    }
    return this.image(Uint8Array.from(await this.row(index)));
  }

  /** The image as a PNG file; numbers other than 8-bit samples are stretched to what can be seen. */
  async png(index: number): Promise<Uint8Array> {
    const row = await this.row(index);
    return encodePng(
      this.image(this.array.header.dtype === "uint8" ? Uint8Array.from(row) : stretched(row)),
    );
  }

  private async row(index: number): Promise<Float32Array> {
    const { height, width, channels } = this.layout;
    const size = height * width * channels;
    const count = Math.max(1, Math.floor(blockNumbers / size));
    const first = index - (index % count);
    if (this.block?.first !== first) {
      const end = Math.min(this.array.length, first + count);
      this.block = { first, data: this.array.rows(first, end).then(({ data }) => data) };
    }
    const data = await this.block.data;
    return data.subarray((index - first) * size, (index - first + 1) * size);
  }

  private image(samples: Uint8Array): DecodedImage & { readonly data: Uint8Array } {
    const { height, width, channels, planar } = this.layout;
    const pixels = height * width;
    if (!planar || channels === 1) {
      return { height, width, channels, data: samples };
    }
    const data = new Uint8Array(samples.length);
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < pixels; pixel++) {
        data[pixel * channels + channel] = samples[channel * pixels + pixel] ?? 0;
      }
    }
    return { height, width, channels, data };
  }
}

function imageLayout(row: Shape): ImageLayout | undefined {
  const [first = 0, second = 0, third = 0] = row;
  const last = channelsOf(third);
  const leading = channelsOf(first);
  const layout =
    row.length === 2
      ? { height: first, width: second, channels: 1 as const, planar: false }
      : row.length !== 3
        ? undefined
        : last !== undefined
          ? { height: first, width: second, channels: last, planar: false }
          : leading !== undefined
            ? { height: second, width: third, channels: leading, planar: true }
            : undefined;
  const pixels = (layout?.height ?? 0) * (layout?.width ?? 0);
  return pixels > 0 && pixels <= maxPixels ? layout : undefined;
}

function channelsOf(size: number): 1 | 3 | 4 | undefined {
  return size === 1 || size === 3 || size === 4 ? size : undefined;
}

/** Series of features have such shapes too: bytes are images, other numbers where they are square. */
function looksLikeImage({ header }: NpyFile, { height, width }: ImageLayout): boolean {
  const least = Math.min(height, width);
  return least >= 4 && (header.dtype === "uint8" || (height === width && least >= 8));
}

/** Numbers as 8-bit samples: those of [0, 255], [0, 1] and [-1, 1] as such, any others from least to most. */
function stretched(row: Float32Array): Uint8Array {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const value of row) {
    if (Number.isFinite(value)) {
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  const [from, to] =
    least >= 0 && most <= 1
      ? [0, 1]
      : least >= -1 && most <= 1
        ? [-1, 1]
        : least >= 0 && most > 16 && most <= 255
          ? [0, 255]
          : [least, Math.max(most, least + Number.EPSILON)];
  return Uint8Array.from(row, (value) => Math.round(((value - from) / (to - from)) * 255) || 0);
}
