import * as z from "zod";
import type { FeatureConfig } from "../../config/config.ts";
import { TracInError } from "../../errors.ts";
import { toChannels } from "../images/channels.ts";
import { resizeBilinear } from "../images/resize.ts";
import type { Batch } from "./batch.ts";
import { type Feature, parseScale } from "./feature.ts";

export const imageState = z.strictObject({
  kind: z.literal("image"),
  height: z.int().positive(),
  width: z.int().positive(),
  channels: z.union([z.literal(1), z.literal(3)]),
  /** Images of another size: resized, or an error. */
  resize: z.boolean(),
  layout: z.enum(["CHW", "HWC"]),
  scale: z.union([z.number(), z.string()]),
  mean: z.array(z.number()),
  std: z.array(z.number()),
});

type State = z.infer<typeof imageState>;
type Config = Extract<FeatureConfig, { image: unknown }>["image"];

/** Settles what the configuration leaves open by the first training image. */
export async function fitImage(input: string, config: Config, first: Batch): Promise<State> {
  const image = await first.image(0);
  const channels = config.channels ?? (image.channels === 1 ? 1 : 3);
  const perChannel = (value: number | readonly number[] | undefined, none: number): number[] => {
    const list = typeof value === "object" ? [...value] : Array(channels).fill(value ?? none);
    if (list.length !== channels) {
      throw new TracInError(
        "config",
        `features.${input}.image has ${list.length} means or deviations for ${channels} channels.`,
        { file: "tracin.json" },
        "Give one number, or one for each channel.",
      );
    }
    return list;
  };
  const std = perChannel(config.std, 1);
  if (std.includes(0)) {
    throw new TracInError(
      "config",
      `features.${input}.image divides by a std of 0.`,
      { file: "tracin.json" },
      "Use the std of the training's normalisation.",
    );
  }
  return {
    kind: "image",
    height: config.size?.[0] ?? image.height,
    width: config.size?.[1] ?? image.width,
    channels,
    resize: config.size !== undefined,
    layout: config.layout ?? "CHW",
    scale: config.scale ?? 1,
    mean: perChannel(config.mean, 0),
    std,
  };
}

/**
 * Images as [channels, height, width] or [height, width, channels]: decoded, converted to grey or RGB, resized
 * (in this order), then (sample * scale - mean) / std, each step rounded to 32-bit floats as PyTorch does.
 */
export function imageFeature(state: State): Feature {
  const { height, width, channels, layout } = state;
  const pixels = height * width;
  const tables = Array.from({ length: channels }, (_, channel) => sampleTable(state, channel));
  return {
    shape: layout === "CHW" ? [channels, height, width] : [height, width, channels],
    noun: "images",
    async encode(batch) {
      const values = new Float32Array(batch.size * pixels * channels);
      for (let position = 0; position < batch.size; position++) {
        const decoded = toChannels(await batch.image(position), channels);
        const sameSize = decoded.width === width && decoded.height === height;
        if (!sameSize && !state.resize) {
          throw batch.error(
            position,
            undefined,
            `The image is ${decoded.width} x ${decoded.height}, others are ${width} x ${height} (width x height).`,
            'Set "size" for the image feature in tracin.json, so that images are resized.',
          );
        }
        const { data } = resizeBilinear(decoded, width, height);
        const offset = position * pixels * channels;
        for (const [channel, table] of tables.entries()) {
          for (let pixel = 0; pixel < pixels; pixel++) {
            const to = layout === "CHW" ? channel * pixels + pixel : pixel * channels + channel;
            values[offset + to] = table[data[pixel * channels + channel] ?? 0] ?? 0;
          }
        }
      }
      return { values };
    },
  };
}

/** The encoded value of each of the 256 samples of a channel. */
function sampleTable(state: State, channel: number): Float32Array {
  const { over, under } = parseScale(state.scale);
  const mean = Math.fround(state.mean[channel] ?? 0);
  const std = Math.fround(state.std[channel] ?? 1);
  return Float32Array.from({ length: 256 }, (_, sample) => {
    const shifted = Math.fround(Math.fround((sample * over) / under) - mean);
    return shifted / std;
  });
}
