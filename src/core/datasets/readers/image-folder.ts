import { readdir, stat } from "node:fs/promises";
import { posix, resolve } from "node:path";
import { TracInError } from "../../errors.ts";
import type { InsidePath } from "../../paths.ts";
import type { Dataset, Example, Locator } from "../dataset.ts";
import { FolderIndex } from "./folder-index.ts";
import { ImageFiles, maskBeside } from "./image-files.ts";

interface Item {
  readonly image: string;
  readonly label: string;
  readonly size: number;
}

/**
 * Images in one folder per label. Labels are in sorted order; the files of a label are in natural order
 * (2.png before 10.png). The fields are `file`, relative to the folder, and `label`. Images whose target is a mask may
 * lie in the folder itself.
 */
export class ImageFolder implements Dataset {
  readonly kind = "images";
  readonly columns = ["file", "label"];

  private constructor(
    readonly name: string,
    readonly file: string,
    readonly target: readonly string[],
    private readonly items: readonly Item[],
    private readonly files: ImageFiles,
  ) {}

  /**
   * Lists the folder; throws kind `data` when it has no images, a link leaves the workspace, or a mask is missing.
   * @param masks folder of the masks, relative to the workspace, where the target is one
   */
  static async open(
    name: string,
    root: string,
    path: InsidePath,
    target: readonly string[],
    masks?: string,
  ): Promise<ImageFolder> {
    const folders = await FolderIndex.open(root);
    const labels = (await readdir(path.absolute, { withFileTypes: true }))
      .filter((entry) => !entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
    const items: Item[] = [];
    for (const label of masks === undefined ? labels : ["", ...labels]) {
      for (const image of await imagesIn(root, posix.join(path.relative, label))) {
        const problem = await folders.problem(image);
        if (problem !== undefined) {
          throw new TracInError("data", `The image ${problem}.`, { file: image }, "Remove it.");
        }
        items.push({ image, label, size: (await stat(resolve(root, image))).size });
      }
    }
    if (items.length === 0) {
      throw new TracInError(
        "data",
        "The folder holds no images.",
        { file: path.relative },
        "Put PNG or JPEG files into one folder per label, or name a manifest in tracin.json.",
      );
    }
    const images = items.map(({ image }) => image);
    const beside =
      masks === undefined
        ? undefined
        : await Promise.all(
            images.map((image) => maskBeside(image, path.relative, masks, folders)),
          );
    const files = new ImageFiles(root, images, beside, path.relative);
    return new ImageFolder(name, path.relative, target, items, files);
  }

  get length(): number {
    return this.items.length;
  }

  locator(index: number): Locator {
    const { image, size } = this.#item(index);
    return { file: image, line: 0, lineCount: 0, start: 0, end: size, image };
  }

  at(place: { readonly line: number } | { readonly image: string }): number | undefined {
    return "image" in place ? this.files.find(place.image) : undefined;
  }

  async read(start: number, end: number): Promise<readonly Example[]> {
    return Array.from({ length: end - start }, (_, offset) => {
      const { image, label } = this.#item(start + offset);
      return { index: start + offset, fields: { file: posix.relative(this.file, image), label } };
    });
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

  async close(): Promise<void> {}

  #item(index: number): Item {
    const item = this.items[index];
    if (item === undefined) {
      throw new TracInError("internal", `There is no image ${index}.`, { file: this.file });
    }
    return item;
  }
}

/** The images of a folder (workspace path) in natural order, as workspace paths. */
async function imagesIn(root: string, folder: string): Promise<string[]> {
  const natural = new Intl.Collator("en", { numeric: true }).compare;
  const files = (await readdir(resolve(root, folder))).filter((file) =>
    /\.(png|jpe?g)$/i.test(file),
  );
  return files
    .sort((a, b) => natural(a, b) || (a < b ? -1 : 1))
    .map((file) => posix.join(folder, file));
}
