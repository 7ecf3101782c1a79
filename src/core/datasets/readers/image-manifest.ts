import { posix, relative, resolve } from "node:path";
import { forwardSlashes, isInside } from "../../paths.ts";
import { exampleError } from "../data-error.ts";
import type { Dataset, Example, Locator } from "../dataset.ts";
import { fieldOf, requireColumn } from "../field.ts";
import { FolderIndex } from "./folder-index.ts";
import { ImageFiles, maskBeside } from "./image-files.ts";

const batch = 4096;

/** Where the masks of a manifest's images are. */
export type MaskPlace = { readonly column: string } | { readonly folder: string };

/** Images that a table lists, one a row; paths are relative to the manifest's folder. */
export class ImageManifest implements Dataset {
  readonly kind = "images";

  private constructor(
    private readonly table: Dataset,
    private readonly files: ImageFiles,
  ) {}

  /**
   * Takes an open table. Every image, and every mask, must exist inside the workspace: kind `data` with the manifest's
   * line otherwise.
   */
  static async open(
    root: string,
    table: Dataset,
    pathColumn: string,
    masks?: MaskPlace,
  ): Promise<ImageManifest> {
    const folder = posix.dirname(table.file);
    const folders = await FolderIndex.open(root);
    const columns = [pathColumn, ...(masks && "column" in masks ? [masks.column] : [])];
    const paths = columns.map((column): string[] => {
      requireColumn(table, column);
      return [];
    });
    for (let start = 0; start < table.length; start += batch) {
      for (const example of await table.read(start, Math.min(table.length, start + batch))) {
        for (const [index, column] of columns.entries()) {
          paths[index]?.push(await listedFile(root, table, example, column, folders));
        }
      }
    }
    const [images = [], listed] = paths;
    const inFolder = masks && "folder" in masks ? masks.folder : undefined;
    const beside =
      inFolder === undefined
        ? listed
        : await Promise.all(images.map((image) => maskBeside(image, folder, inFolder, folders)));
    return new ImageManifest(table, new ImageFiles(root, images, beside, table.file));
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
    return { ...this.table.locator(index), image: this.files.image(index) };
  }

  at(place: { readonly line: number } | { readonly image: string }): number | undefined {
    return "line" in place ? this.table.at(place) : this.files.find(place.image);
  }

  read(start: number, end: number): Promise<readonly Example[]> {
    return this.table.read(start, end);
  }

  async rowHashes(start: number, end: number): Promise<Float64Array> {
    return (await this.table.rowHashes?.(start, end)) ?? new Float64Array(end - start);
  }

  imageBytes(index: number): Promise<Uint8Array> {
    return this.files.readImage(index);
  }

  maskFile(index: number): string {
    return this.files.mask(index);
  }

  readMask(index: number): Promise<Uint8Array> {
    return this.files.readMask(index);
  }

  close(): Promise<void> {
    return this.table.close();
  }
}

/** The workspace path of a file that a row names. */
async function listedFile(
  root: string,
  table: Dataset,
  example: Example,
  column: string,
  folders: FolderIndex,
): Promise<string> {
  const path = fieldOf(example, column);
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw exampleError(
      table,
      example.index,
      column,
      "The image's path is missing.",
      "Give each row the path of its image.",
    );
  }
  const absolute = resolve(root, posix.dirname(table.file), forwardSlashes(path));
  const image = forwardSlashes(relative(root, absolute));
  const problem = isInside(root, absolute)
    ? await folders.problem(image)
    : "lies outside of the workspace";
  if (problem !== undefined) {
    throw exampleError(
      table,
      example.index,
      column,
      `The image ${JSON.stringify(path)} ${problem}.`,
      "Put the file there, or correct the manifest; paths are relative to its folder.",
    );
  }
  return image;
}
