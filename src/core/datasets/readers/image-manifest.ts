import { posix, relative, resolve } from "node:path";
import { TracInError } from "../../errors.ts";
import { forwardSlashes, isInside } from "../../paths.ts";
import { exampleError } from "../data-error.ts";
import type { Dataset, Example, Locator } from "../dataset.ts";
import { fieldOf, requireColumn } from "../field.ts";
import { FolderIndex } from "./folder-index.ts";
import { readImageFile } from "./image-bytes.ts";

const batch = 4096;

/** Images that a table lists, one a row; paths are relative to the manifest's folder. */
export class ImageManifest implements Dataset {
  readonly kind = "images";
  readonly #byImage: ReadonlyMap<string, number>;

  private constructor(
    private readonly root: string,
    private readonly table: Dataset,
    private readonly images: readonly string[],
  ) {
    this.#byImage = new Map(
      // Reversed, so that an image listed twice is found at its first row.
      Array.from(this.images, (image, index) => [image, index] as const).reverse(),
    );
  }

  /**
   * Takes an open table. Every image must exist inside the workspace: kind `data` with the manifest's line
   * otherwise.
   */
  static async open(root: string, table: Dataset, pathColumn: string): Promise<ImageManifest> {
    requireColumn(table, pathColumn);
    const folder = posix.dirname(table.file);
    const folders = await FolderIndex.open(root);
    const images: string[] = [];
    for (let start = 0; start < table.length; start += batch) {
      for (const example of await table.read(start, Math.min(table.length, start + batch))) {
        const path = fieldOf(example, pathColumn);
        if (typeof path !== "string" || path === "" || path.includes("\0")) {
          throw exampleError(
            table,
            example.index,
            pathColumn,
            "The image's path is missing.",
            "Give each row the path of its image.",
          );
        }
        const absolute = resolve(root, folder, forwardSlashes(path));
        const image = forwardSlashes(relative(root, absolute));
        const problem = isInside(root, absolute)
          ? await folders.problem(image)
          : "lies outside of the workspace";
        if (problem !== undefined) {
          throw exampleError(
            table,
            example.index,
            pathColumn,
            `The image ${JSON.stringify(path)} ${problem}.`,
            "Put the file there, or correct the manifest; paths are relative to its folder.",
          );
        }
        images.push(image);
      }
    }
    return new ImageManifest(root, table, images);
  }

  get name(): string {
    return this.table.name;
  }

  get length(): number {
    return this.table.length;
  }

  get columns(): readonly string[] {
    return this.table.columns;
  }

  get file(): string {
    return this.table.file;
  }

  get target(): readonly string[] {
    return this.table.target;
  }

  locator(index: number): Locator {
    return { ...this.table.locator(index), image: this.#image(index) };
  }

  at(place: { readonly line: number } | { readonly image: string }): number | undefined {
    return "line" in place
      ? this.table.at(place)
      : this.#byImage.get(posix.normalize(forwardSlashes(place.image)));
  }

  read(start: number, end: number): Promise<readonly Example[]> {
    return this.table.read(start, end);
  }

  imageBytes(index: number): Promise<Uint8Array> {
    const image = this.#image(index);
    return readImageFile(resolve(this.root, image), image);
  }

  close(): Promise<void> {
    return this.table.close();
  }

  #image(index: number): string {
    const image = this.images[index];
    if (image === undefined) {
      throw new TracInError("internal", `There is no image ${index}.`, { file: this.file });
    }
    return image;
  }
}
