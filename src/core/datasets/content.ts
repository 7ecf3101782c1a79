import { createHash } from "node:crypto";
import { posix } from "node:path";
import type { Dataset } from "./dataset.ts";

/** Rows whose contents are hashed at a time. */
const batch = 4096;

/**
 * Content hashes of the examples [start, end): 16 hexadecimal digits of SHA-256 over everything but the target, so that an
 * example is known again after it moved, was quoted differently, or got another label.
 *
 * Tables and manifests: the other fields (all fields where there is nothing else), images in them by their bytes. Arrays: the other arrays. Image folders:
 * name and size of the image, because its folder is its label.
 */
export async function contentHashes(
  dataset: Dataset,
  start: number,
  end: number,
): Promise<readonly string[]> {
  const names = dataset.columns.filter((column) => !dataset.target.includes(column));
  const columns = names.length === 0 ? dataset.columns : names;
  if (isImageFolder(dataset)) {
    return range(start, end).map((index) => {
      const { file, end: size } = dataset.locator(index);
      return digest(`${posix.basename(file)}\0${size}`);
    });
  }
  if (dataset.array !== undefined) {
    const arrays = await Promise.all(
      columns.map(async (column) => dataset.array?.(column, start, end)),
    );
    return range(0, end - start).map((row) => {
      const hash = createHash("sha256");
      for (const array of arrays) {
        const width = (array?.data.length ?? 0) / Math.max(1, end - start);
        const part = array?.data.subarray(row * width, (row + 1) * width) ?? new Float32Array();
        hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
      }
      return hash.digest("hex").slice(0, 16);
    });
  }
  if (dataset.cells !== undefined) {
    const positions = columns.map((column) => dataset.columns.indexOf(column));
    const rows = await dataset.cells(start, end);
    return rows.map((row) => digest(positions.map((position) => row[position] ?? "").join("\0")));
  }
  const examples = await (dataset.contents?.(start, end) ?? dataset.read(start, end));
  return examples.map(({ fields }) =>
    digest(JSON.stringify(columns.map((column) => fields[column] ?? null))),
  );
}

/** Whether the folder of an image is its label. */
export function isImageFolder(dataset: Dataset): boolean {
  const { file, image } = dataset.length > 0 ? dataset.locator(0) : { file: "", image: undefined };
  return image !== undefined && image === file;
}

/** Whether examples stand on lines of a text file: not those of arrays, Parquet files and folders of images. */
export function hasLines(dataset: Dataset): boolean {
  return dataset.length > 0 && dataset.locator(0).lineCount > 0;
}

/** The examples of an open dataset by their content. */
export class ContentIndex {
  private constructor(private readonly places: ReadonlyMap<string, readonly number[]>) {}

  static async of(dataset: Dataset): Promise<ContentIndex> {
    const places = new Map<string, number[]>();
    for (let start = 0; start < dataset.length; start += batch) {
      const end = Math.min(dataset.length, start + batch);
      for (const [row, content] of (await contentHashes(dataset, start, end)).entries()) {
        const known = places.get(content);
        if (known === undefined) {
          places.set(content, [start + row]);
        } else {
          known.push(start + row);
        }
      }
    }
    return new ContentIndex(places);
  }

  /** The example with a content, the one nearest to `index` where there are several. */
  nearest(content: string, index: number): number | undefined {
    return this.places
      .get(content)
      ?.reduce((best, other) => (Math.abs(other - index) < Math.abs(best - index) ? other : best));
  }

  /** How many examples have a content. */
  count(content: string): number {
    return this.places.get(content)?.length ?? 0;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, offset) => start + offset);
}
