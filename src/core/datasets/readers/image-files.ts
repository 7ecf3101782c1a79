import { posix, resolve } from "node:path";
import { TracInError } from "../../errors.ts";
import { forwardSlashes } from "../../paths.ts";
import type { FolderIndex } from "./folder-index.ts";
import { readImageFile } from "./image-bytes.ts";

/** The image of each example, and its mask where the target is one. */
export class ImageFiles {
  readonly #byImage: ReadonlyMap<string, number>;

  /**
   * @param root absolute folder of the workspace
   * @param images workspace paths
   * @param masks workspace paths, one for each image; undefined where the target is no mask
   */
  constructor(
    private readonly root: string,
    private readonly images: readonly string[],
    private readonly masks: readonly string[] | undefined,
    private readonly file: string,
  ) {
    // Reversed, so that an image listed twice is found at its first row.
    this.#byImage = new Map(images.map((image, index) => [image, index] as const).reverse());
  }

  image(index: number): string {
    const image = this.images[index];
    if (image === undefined) {
      throw new TracInError("internal", `There is no image ${index}.`, { file: this.file });
    }
    return image;
  }

  /** Throws kind `config` when the examples have no masks. */
  mask(index: number): string {
    const mask = this.masks?.[index];
    if (mask === undefined) {
      throw new TracInError(
        "config",
        `The images of ${this.file} have no masks.`,
        { file: "tracin.json" },
        'Let "target" of the dataset name a "mask" column or a folder of "masks", as that of the training data does.',
      );
    }
    return mask;
  }

  find(image: string): number | undefined {
    return this.#byImage.get(posix.normalize(forwardSlashes(image)));
  }

  readImage(index: number): Promise<Uint8Array> {
    const image = this.image(index);
    return readImageFile(resolve(this.root, image), image);
  }

  readMask(index: number): Promise<Uint8Array> {
    const mask = this.mask(index);
    return readImageFile(resolve(this.root, mask), mask);
  }
}

/**
 * The mask of an image: the PNG file of the same name in a folder of masks, in the same subfolder or in the folder itself.
 *
 * @param images folder of the images; both are workspace paths
 * @param masks folder of the masks
 * @throws kind `data` when there is none
 */
export async function maskBeside(
  image: string,
  images: string,
  masks: string,
  folders: FolderIndex,
): Promise<string> {
  const { dir, name } = posix.parse(posix.relative(images, image));
  const file = `${name}.png`;
  const places = dir === "" || dir.startsWith("..") ? [file] : [posix.join(dir, file), file];
  const problems: string[] = [];
  for (const place of places) {
    const mask = posix.join(masks, place);
    const problem = await folders.problem(mask);
    if (problem === undefined) {
      return mask;
    }
    problems.push(`${mask} ${problem}`);
  }
  throw new TracInError(
    "data",
    `The image has no mask: ${problems.join(", ")}.`,
    { file: image },
    "Put a PNG file of the same name there, or list images and masks in a manifest.",
  );
}
