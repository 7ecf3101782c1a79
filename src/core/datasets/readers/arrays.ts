import { counted } from "../../counted.ts";
import { TracInError } from "../../errors.ts";
import type { Dataset, DecodedImage, Example, FieldValue, Locator } from "../dataset.ts";
import { requireColumn } from "../field.ts";
import { ArrayImages } from "./array-images.ts";
import type { NpyFile } from "./npy.ts";

/** What a dataset of arrays is opened from. */
export interface ArrayFields {
  /** Opens one field. */
  readonly open: (field: string, place: string) => Promise<NpyFile>;
  /** Field name to its file, or its name in an archive. */
  readonly places: Readonly<Record<string, string>>;
  /** Field that holds the image of each example; found by its shape unless told. */
  readonly image: string | undefined;
  /** Releases what the fields share. */
  readonly close?: () => Promise<void>;
}

/** Arrays side by side (NPY, NPZ, IDX): the first axis of each is the example. */
export class ArraysDataset implements Dataset {
  readonly kind = "arrays";
  readonly columns: readonly string[];

  /** Images as PNG files and as samples, where a field holds them. */
  readonly imageBytes?: (index: number) => Promise<Uint8Array>;
  readonly samples?: (index: number) => Promise<DecodedImage>;

  private constructor(
    readonly name: string,
    private readonly fields: ReadonlyMap<string, NpyFile>,
    private readonly first: NpyFile,
    readonly target: readonly string[],
    images: ArrayImages | undefined,
    private readonly release: () => Promise<void>,
  ) {
    this.columns = [...this.fields.keys()];
    if (images !== undefined) {
      this.imageBytes = (index) => images.png(index);
      this.samples = (index) => images.samples(index);
    }
  }

  /** Throws kind `data` when a file is damaged or the first axes differ. */
  static async open(
    name: string,
    { open, places, image, close = async () => undefined }: ArrayFields,
    target: readonly string[],
  ): Promise<ArraysDataset> {
    const fields = new Map<string, NpyFile>();
    try {
      for (const [field, place] of Object.entries(places)) {
        fields.set(field, await open(field, place));
      }
      const [first] = fields.values();
      if (first === undefined || first.length === 0) {
        throw new TracInError(
          "data",
          `The dataset "${name}" has no examples.`,
          first === undefined ? {} : { file: first.file },
          "Name arrays with at least one row in tracin.json.",
        );
      }
      for (const [field, other] of fields) {
        if (other.length !== first.length) {
          throw new TracInError(
            "data",
            `The array has ${counted(other.length, "example")}, but "${[...fields.keys()][0]}" has ${first.length}.`,
            { file: other.file, column: field },
            "All arrays of a dataset have the same first axis.",
          );
        }
      }
      const images = ArrayImages.find(fields, target, image);
      const dataset = new ArraysDataset(name, fields, first, target, images, close);
      if (image !== undefined) {
        requireColumn(dataset, image);
      }
      return dataset;
    } catch (error) {
      await closeAll(fields);
      await close();
      throw error;
    }
  }

  get length(): number {
    return this.first.length;
  }

  get file(): string {
    return this.first.file;
  }

  locator(index: number): Locator {
    return { file: this.file, line: index, lineCount: 0, ...this.first.rowBytes(index) };
  }

  at(): undefined {
    return undefined;
  }

  array(
    field: string,
    start: number,
    end: number,
  ): Promise<{ shape: readonly number[]; data: Float32Array }> {
    const file = this.fields.get(field);
    if (file === undefined) {
      throw new TracInError("internal", `There is no array "${field}".`, { file: this.file });
    }
    return file.rows(start, end);
  }

  async read(start: number, end: number): Promise<readonly Example[]> {
    const examples = Array.from({ length: end - start }, (_, offset) => {
      const fields: Record<string, FieldValue> = Object.create(null);
      return { index: start + offset, fields };
    });
    for (const field of this.columns) {
      const { shape, data } = await this.array(field, start, end);
      const size = data.length / Math.max(1, end - start);
      for (const [offset, example] of examples.entries()) {
        example.fields[field] = nest(
          data.subarray(offset * size, (offset + 1) * size),
          shape.slice(1),
        );
      }
    }
    return examples;
  }

  async close(): Promise<void> {
    await closeAll(this.fields);
    await this.release();
  }
}

async function closeAll(fields: ReadonlyMap<string, NpyFile>): Promise<void> {
  await Promise.all(Array.from(fields.values(), (file) => file.close()));
}

function nest(data: Float32Array, shape: readonly number[]): FieldValue {
  const [first, ...rest] = shape;
  if (first === undefined) {
    return data[0] ?? Number.NaN;
  }
  const size = data.length / Math.max(1, first);
  return Array.from({ length: first }, (_, index) =>
    nest(data.subarray(index * size, (index + 1) * size), rest),
  );
}
