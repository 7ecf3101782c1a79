import { createHash } from "node:crypto";
import { mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { resolveInside } from "../paths.ts";
import { prepareFolder, publishFile, readSmallFile, tracinFolder } from "./folder.ts";
import { hashFiles, type ListedFile } from "./hash-files.ts";

/** The images of a folder, not of its subfolders, by name, size and time. */
export interface ImageListing {
  readonly images: readonly ListedImage[];
  /** SHA-256 over name, size and time of each. */
  readonly sha256: string;
}

type ListedImage = ListedFile & { readonly name: string };

/** What is kept of a folder: its images as they were when they were last read, with hashes of their contents. */
const storedSchema = z.object({
  images: z.array(z.tuple([z.string(), z.number(), z.number(), z.string()])),
});
/** A million images have 120 MB. */
const mostBytes = 256 * 2 ** 20;

/** Lists the PNG and JPEG files of a folder; one that is removed meanwhile is left out. */
export async function listImages(folder: string): Promise<ImageListing> {
  const names = (await readdir(folder)).filter((name) => /\.(png|jpe?g)$/i.test(name)).sort();
  const hash = createHash("sha256");
  const images: ListedImage[] = [];
  // Batches keep the number of open requests small in folders with very many images.
  for (let start = 0; start < names.length; start += 512) {
    const batch = names.slice(start, start + 512).map(async (name) => {
      const path = join(folder, name);
      const found = await stat(path).catch(() => undefined);
      return found && { name, path, size: found.size, modified: Math.floor(found.mtimeMs) };
    });
    for (const image of await Promise.all(batch)) {
      if (image !== undefined) {
        images.push(image);
        hash.update(`${image.name}\0${image.size}\0${image.modified}\n`);
      }
    }
  }
  return { images, sha256: hash.digest("hex") };
}

/**
 * Tells what the images of folders hold. Each image is read once: hashes are kept under `.tracin/images`, with the size and
 * time that the image had, and only images of which one of these differs are read again.
 */
export class ImageContents {
  /** The latest outcome of each folder. A second question about a folder waits for the first. */
  private readonly known = new Map<
    string,
    Promise<{ readonly listing: string; readonly contents: string } | undefined>
  >();

  /**
   * SHA-256 over names and contents of listed images; undefined where one is another by now or cannot be read. Throws kind
   * `cancelled` when the signal is aborted.
   */
  async digest(
    root: string,
    folder: string,
    listing: ImageListing,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const key = join(root, folder);
    const before = this.known.get(key) ?? Promise.resolve(undefined);
    // One that was cancelled says nothing about the next.
    const settled = before.catch(() => undefined);
    const outcome = settled.then(async (known) => {
      if (known?.listing === listing.sha256) {
        return known;
      }
      const contents = await readContents(root, folder, listing, signal);
      return contents === undefined ? undefined : { listing: listing.sha256, contents };
    });
    this.known.set(key, outcome);
    return (await outcome)?.contents;
  }
}

async function readContents(
  root: string,
  folder: string,
  { images }: ImageListing,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const key = createHash("sha256").update(folder).digest("hex").slice(0, 16);
  const path = `${tracinFolder}/images/${key}.json`;
  const stored = await readStored(root, path);
  const unread = images.filter((image) => !stored.has(stampOf(image)));
  for (const [index, hash] of (await hashFiles(unread, signal)).entries()) {
    const image = unread[index];
    if (image === undefined || hash === undefined) {
      return undefined;
    }
    stored.set(stampOf(image), hash);
  }
  const digest = createHash("sha256");
  for (const image of images) {
    digest.update(`${image.name}\0${stored.get(stampOf(image))}\n`);
  }
  if (unread.length > 0) {
    await writeStored(root, path, images, stored);
  }
  return digest.digest("hex");
}

function stampOf({ name, size, modified }: Omit<ListedImage, "path">): string {
  return `${size} ${modified} ${name}`;
}

async function readStored(root: string, path: string): Promise<Map<string, string>> {
  try {
    const text = await readSmallFile(await resolveInside(root, path), mostBytes);
    const { images } = storedSchema.parse(JSON.parse(text));
    return new Map(
      images.map(([name, size, modified, hash]) => [stampOf({ name, size, modified }), hash]),
    );
  } catch {
    return new Map(); // not written yet, or damaged: it is made anew
  }
}

/** In a workspace that cannot be written, images are read again by the next process. */
async function writeStored(
  root: string,
  path: string,
  images: readonly ListedImage[],
  hashes: ReadonlyMap<string, string>,
): Promise<void> {
  const kept = images.map((image) => {
    const { name, size, modified } = image;
    return [name, size, modified, hashes.get(stampOf(image))];
  });
  try {
    await prepareFolder(root);
    const file = await resolveInside(root, path);
    await mkdir(dirname(file), { recursive: true });
    await publishFile(file, JSON.stringify({ images: kept }));
  } catch {
    // `contents` holds for this process
  }
}
