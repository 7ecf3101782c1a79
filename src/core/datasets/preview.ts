import type { Dataset, Example, FieldValue } from "./dataset.ts";
import { fieldOf, fieldText } from "./field.ts";
import { type ImageType, imageType } from "./images/decode.ts";

/** What a panel shows of an example. */
export type Preview =
  | { readonly kind: "image"; readonly bytes: Uint8Array; readonly mime: ImageType }
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "fields";
      readonly entries: readonly { readonly name: string; readonly value: string }[];
    };

const maxImageBytes = 4 << 20;
const maxText = 4000;
const maxFields = 100;

/**
 * An example in a form for people: its image, its text (when one field holds text and it is all there is
 * besides the target), or its fields. Sizes are limited: images of 4 MB, texts of 4,000 characters, 100
 * fields of 300 characters.
 */
export async function previewExample(dataset: Dataset, index: number): Promise<Preview> {
  if (dataset.imageBytes) {
    const bytes = await dataset.imageBytes(index);
    const mime = imageType(bytes);
    if (mime !== undefined && bytes.length <= maxImageBytes) {
      return { kind: "image", bytes, mime };
    }
  }
  if (dataset.array) {
    return { kind: "fields", entries: await arrayEntries(dataset, index) };
  }
  const [example] = await dataset.read(index, index + 1);
  const names = dataset.columns.filter((name) => !dataset.target.includes(name));
  const texts = names.filter((name) => isProse(example && fieldOf(example, name)));
  const [only] = texts;
  if (example && only !== undefined && texts.length === 1 && names.length === 1) {
    return { kind: "text", text: fieldText(fieldOf(example, only), maxText) };
  }
  return { kind: "fields", entries: example ? fieldEntries(dataset, example) : [] };
}

function isProse(value: FieldValue | undefined): boolean {
  return typeof value === "string" && /\s/.test(value.trim());
}

function fieldEntries(dataset: Dataset, example: Example): { name: string; value: string }[] {
  return dataset.columns
    .slice(0, maxFields)
    .map((name) => ({ name, value: fieldText(fieldOf(example, name)) }));
}

async function arrayEntries(
  dataset: Dataset,
  index: number,
): Promise<{ name: string; value: string }[]> {
  const entries: { name: string; value: string }[] = [];
  for (const name of dataset.columns.slice(0, maxFields)) {
    const row = await dataset.array?.(name, index, index + 1);
    if (row) {
      const sizes = row.shape.slice(1);
      const values = Array.from(row.data.subarray(0, 12), (value) => Number(value.toPrecision(6)));
      const more = row.data.length > values.length ? ", …" : "";
      const shape = sizes.length === 0 ? "" : `[${sizes.join(", ")}]: `;
      entries.push({ name, value: `${shape}${values.join(", ")}${more}` });
    }
  }
  return entries;
}
