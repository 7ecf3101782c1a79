import { readdir, stat } from "node:fs/promises";
import { posix, resolve } from "node:path";
import { TracInError } from "../../errors.ts";
import { forwardSlashes, type InsidePath } from "../../paths.ts";
import type { Dataset, Example, Locator } from "../dataset.ts";
import { FolderIndex } from "./folder-index.ts";
import { readImageFile } from "./image-bytes.ts";

interface Item {
  readonly image: string;
  readonly label: string;
  readonly size: number;
}

/**
 * Images in one folder per label. Labels are in sorted order; the files of a label are in natural order
 * (2.png before 10.png). The fields are `file`, relative to the folder, and `label`.
 */
export class ImageFolder implements Dataset {
  readonly kind = "images";
  readonly columns = ["file", "label"];
  readonly #byImage: ReadonlyMap<string, number>;

  private constructor(
    readonly name: string,
    private readonly root: string,
    readonly file: string,
    readonly target: readonly string[],
    private readonly items: readonly Item[],
  ) {
    this.#byImage = new Map(this.items.map((item, index) => [item.image, index]));
  }

  /** Lists the folder; throws kind `data` when it has no images or a link leaves the workspace. */
  static async open(
    name: string,
    root: string,
    path: InsidePath,
    target: readonly string[],
  ): Promise<ImageFolder> {
    const folders = await FolderIndex.open(root);
    const natural = new Intl.Collator("en", { numeric: true }).compare;
    const items: Item[] = [];
    const labels = (await readdir(path.absolute, { withFileTypes: true }))
      .filter((entry) => !entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
    for (const label of labels) {
      const folder = posix.join(path.relative, label);
      const files = (await readdir(resolve(root, folder))).filter((file) =>
        /\.(png|jpe?g)$/i.test(file),
      );
      for (const file of files.sort((a, b) => natural(a, b) || (a < b ? -1 : 1))) {
        const image = posix.join(folder, file);
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
    return new ImageFolder(name, root, path.relative, target, items);
  }

  get length(): number {
    return this.items.length;
  }

  locator(index: number): Locator {
    const { image, size } = this.#item(index);
    return { file: image, line: 0, lineCount: 0, start: 0, end: size, image };
  }

  at(place: { readonly line: number } | { readonly image: string }): number | undefined {
    return "image" in place
      ? this.#byImage.get(posix.normalize(forwardSlashes(place.image)))
      : undefined;
  }

  async read(start: number, end: number): Promise<readonly Example[]> {
    return Array.from({ length: end - start }, (_, offset) => {
      const { image, label } = this.#item(start + offset);
      return { index: start + offset, fields: { file: posix.relative(this.file, image), label } };
    });
  }

  imageBytes(index: number): Promise<Uint8Array> {
    const { image } = this.#item(index);
    return readImageFile(resolve(this.root, image), image);
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
