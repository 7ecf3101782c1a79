import type { Dataset } from "../datasets/dataset.ts";
import type { NamedTensor } from "../formats/safetensors-writer.ts";
import { int64, type Tensor } from "../graph/tensor.ts";
import { tensorsKey, textKey } from "./keys.ts";

/** The shard that says where some examples stand. */
export interface Places {
  readonly key: string;
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where the examples [start, end) stand, with the hashes of their rows; the key is that of the content. */
export async function placesOf(dataset: Dataset, start: number, end: number): Promise<Places> {
  const hashes = await dataset.rowHashes?.(start, end);
  const locators = Array.from({ length: end - start }, (_, row) => dataset.locator(start + row));
  const files = [...new Set(locators.map(({ file }) => file))];
  const places = new Map(files.map((file, place) => [file, place]));
  const images = locators.flatMap(({ image }) => image ?? []);
  const metadata = {
    files: JSON.stringify(files),
    ...(images.length === 0 ? {} : { images: JSON.stringify(images) }),
  };
  const numbers = (pick: (locator: (typeof locators)[number]) => number): Tensor =>
    int64([locators.length], locators.map(pick));
  const tensors: readonly NamedTensor[] = [
    ["file", numbers(({ file }) => places.get(file) ?? -1)],
    ["line", numbers(({ line }) => line)],
    ["lineCount", numbers(({ lineCount }) => lineCount)],
    ["start", numbers((locator) => locator.start)],
    ["end", numbers((locator) => locator.end)],
    ...(hashes === undefined
      ? []
      : [["rowHash", { dtype: "float64", shape: [hashes.length], data: hashes }] as const]),
  ];
  const key = textKey([start, metadata, tensorsKey(new Map(tensors))]);
  return { key, tensors, metadata };
}
