import { TracInError } from "../../errors.ts";
import { exampleError, listNames } from "../data-error.ts";
import type { Dataset, DecodedImage, Example, FieldValue } from "../dataset.ts";
import { fieldOf, requireColumn } from "../field.ts";
import { decodeImage } from "../images/decode.ts";

/** The values of one column for the examples of a batch, by position in the batch. */
export type Column = (position: number) => FieldValue | undefined;

/** Consecutive examples [start, end). */
interface Run {
  readonly start: number;
  readonly end: number;
}

/** Some examples of a dataset, read once for all features and targets. */
export class Batch {
  private rows: Promise<(column: string) => Column> | undefined;

  private constructor(
    readonly dataset: Dataset,
    readonly indices: readonly number[],
    private readonly runs: readonly Run[],
  ) {}

  /** Examples [start, end). Throws kind `internal` when they are not in the dataset. */
  static range(dataset: Dataset, start: number, end: number): Batch {
    const count = Math.max(0, end - start);
    return Batch.at(
      dataset,
      Array.from({ length: count }, (_, offset) => start + offset),
    );
  }

  /** Chosen examples in the order given; neighbours are read together. */
  static at(dataset: Dataset, indices: readonly number[]): Batch {
    const runs: { start: number; end: number }[] = [];
    for (const index of indices) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= dataset.length) {
        throw new TracInError(
          "internal",
          `The dataset "${dataset.name}" has no example ${index}; it has ${dataset.length}.`,
        );
      }
      const last = runs.at(-1);
      if (last && last.end === index) {
        last.end++;
      } else {
        runs.push({ start: index, end: index + 1 });
      }
    }
    return new Batch(dataset, indices, runs);
  }

  get size(): number {
    return this.indices.length;
  }

  /** Example number in the dataset. */
  index(position: number): number {
    return this.indices[position] ?? -1;
  }

  async column(name: string): Promise<Column> {
    requireColumn(this.dataset, name);
    this.rows ??= this.readRows();
    return (await this.rows)(name);
  }

  /** A NumPy field as [size, ...row]. */
  async array(field: string): Promise<{ row: readonly number[]; data: Float32Array }> {
    const { dataset } = this;
    requireColumn(dataset, field);
    if (!dataset.array) {
      throw new TracInError(
        "config",
        `The field "${field}" is no array: the dataset "${dataset.name}" comes from ${dataset.file}.`,
        { file: "tracin.json" },
        'Use "array" with "npy", "npz" and "idx" sources, "columns" with tables.',
      );
    }
    const parts: Float32Array[] = [];
    let row: readonly number[] = [];
    for (const run of this.runs) {
      const part = await dataset.array(field, run.start, run.end);
      row = part.shape.slice(1);
      parts.push(part.data);
    }
    const [only] = parts;
    if (parts.length === 1 && only) {
      return { row, data: only };
    }
    const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let offset = 0;
    for (const part of parts) {
      data.set(part, offset);
      offset += part.length;
    }
    return { row, data };
  }

  async image(position: number): Promise<DecodedImage> {
    const { dataset } = this;
    if (dataset.samples) {
      return dataset.samples(this.index(position));
    }
    if (!dataset.imageBytes) {
      throw new TracInError(
        "config",
        `The dataset "${dataset.name}" (${dataset.file}) has no images.`,
        { file: "tracin.json" },
        'Give it as "images": a manifest, or a folder with one folder per label; or name the field with "image".',
      );
    }
    const index = this.index(position);
    const bytes = await dataset.imageBytes(index);
    const { file, image, line } = dataset.locator(index);
    return decodeImage(bytes, image ?? `${file} [${line}]`);
  }

  /** The mask of an example: workspace path of its file, without reading it. */
  maskFile(position: number): string {
    const { dataset } = this;
    if (!dataset.maskFile) {
      throw new TracInError(
        "config",
        `The dataset "${dataset.name}" (${dataset.file}) has no masks.`,
        { file: "tracin.json" },
        'Give it as "images" whose target names a "mask" column or a folder of "masks".',
      );
    }
    return dataset.maskFile(this.index(position));
  }

  /** The file of an example's mask. */
  async mask(position: number): Promise<{ readonly bytes: Uint8Array; readonly file: string }> {
    const file = this.maskFile(position);
    const bytes = await this.dataset.readMask?.(this.index(position));
    return { bytes: bytes ?? new Uint8Array(), file };
  }

  error(
    position: number,
    column: string | undefined,
    message: string,
    remedy?: string,
  ): TracInError {
    return exampleError(this.dataset, this.index(position), column, message, remedy);
  }

  private async readRows(): Promise<(column: string) => Column> {
    const { dataset, runs } = this;
    if (dataset.cells) {
      const cells: (readonly string[])[] = [];
      for (const run of runs) {
        append(cells, await dataset.cells(run.start, run.end));
      }
      return (name) => {
        const column = dataset.columns.indexOf(name);
        return (position) => cells[position]?.[column];
      };
    }
    const examples: Example[] = [];
    for (const run of runs) {
      append(examples, await dataset.read(run.start, run.end));
    }
    return (name) => (position) => {
      const example = examples[position];
      return example && fieldOf(example, name);
    };
  }
}

function append<T>(all: T[], more: readonly T[]): void {
  for (const item of more) {
    all.push(item);
  }
}

/** `known: "a", "b"` for messages. */
export function known(names: readonly string[]): string {
  return `known: ${listNames(names)}`;
}
