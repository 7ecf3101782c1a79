import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join, posix } from "node:path";
import { sourceFiles } from "../config/load.ts";
import { maskTarget } from "../config/mask-target.ts";
import type { Project } from "../config/project.ts";
import { TracInError, throwIfAborted } from "../errors.ts";
import { ImageContents, type ImageListing, listImages } from "./image-contents.ts";
import type { RunInput, RunRecord } from "./record.ts";

/** Inputs to fingerprint: workspace paths of files, and of folders that hold images. */
export interface InputList {
  readonly files: readonly string[];
  readonly imageFolders: readonly string[];
}

/** Milliseconds for which a listing is used again: fewer than pass between a change and the look that it causes. */
const listingLifetime = 250;

/** What numbers over `datasets` depend on beside the configuration: model, checkpoints, data files, images, tokenizers. */
export async function projectInputs(
  project: Project,
  datasets: readonly string[],
): Promise<InputList> {
  const files = new Set([project.model.file]);
  const imageFolders = new Set<string>();
  for (const { file, files: parts = [file] } of project.checkpoints) {
    for (const part of parts) {
      files.add(part);
    }
  }
  for (const name of datasets) {
    const source = project.config.data[name];
    for (const file of source === undefined ? [] : sourceFiles(source)) {
      if ((await stat(join(project.root, file))).isFile()) {
        files.add(file);
      }
    }
    const dataset = project.datasets.get(name);
    for (let index = 0; dataset?.kind === "images" && index < dataset.length; index++) {
      const { image } = dataset.locator(index);
      if (image !== undefined) {
        imageFolders.add(posix.dirname(image));
      }
      if (maskTarget(source?.target) !== undefined) {
        imageFolders.add(posix.dirname(dataset.maskFile?.(index) ?? "."));
      }
    }
  }
  for (const feature of Object.values(project.config.features)) {
    if ("text" in feature) {
      files.add(feature.text.tokenizer);
    }
  }
  return { files: [...files], imageFolders: [...imageFolders].sort() };
}

/** Reads files for fingerprints; remembers hashes of files that have not changed since. */
export class Fingerprints {
  private readonly known = new Map<string, { size: number; modified: number; sha256: string }>();
  /** Folders seen a moment ago: many runs over the same images are looked at one after the other. */
  private readonly folders = new Map<string, { time: number; listing: Promise<ImageListing> }>();
  private readonly contents = new ImageContents();

  /** Fingerprints of all inputs. Throws kind `store` when one cannot be read. */
  async take(root: string, inputs: InputList, signal?: AbortSignal): Promise<RunInput[]> {
    const taken: RunInput[] = [];
    for (const path of inputs.files) {
      taken.push({ kind: "file", path, ...(await this.file(join(root, path), path, signal)) });
    }
    for (const path of inputs.imageFolders) {
      const { images, sha256 } = await this.folder(join(root, path));
      taken.push({ kind: "images", path, count: images.length, sha256 });
    }
    return taken;
  }

  /**
   * Adds what images hold to fingerprints that were just taken, so that they are known again when only their times change.
   * Each image is read, unless it was before. Folders that changed meanwhile are left as they are.
   */
  async withContents(
    root: string,
    inputs: readonly RunInput[],
    signal?: AbortSignal,
  ): Promise<RunInput[]> {
    const added: RunInput[] = [];
    for (const input of inputs) {
      throwIfAborted(signal);
      if (input.kind === "images") {
        const listing = await listImages(join(root, input.path));
        const isSame = listing.sha256 === input.sha256;
        const contents = isSame
          ? await this.contents.digest(root, input.path, listing, signal)
          : undefined;
        added.push(contents === undefined ? input : { ...input, contents });
      } else {
        added.push(input);
      }
    }
    return added;
  }

  /**
   * What changed since a run, as sentences (`train/labels.csv changed`). Files and images with the same size and time are
   * taken as unchanged; others are read, once, and compared by content.
   * @param checkpoints files that the configuration finds now, to notice new ones
   */
  async changes(
    root: string,
    record: Pick<RunRecord, "inputs" | "checkpoints">,
    checkpoints: readonly string[] = [],
  ): Promise<string[]> {
    const sentences: string[] = [];
    for (const input of record.inputs) {
      const change = await this.change(root, input);
      if (change !== undefined) {
        sentences.push(change);
      }
    }
    const before = new Set(record.checkpoints.map(({ file }) => file));
    for (const file of checkpoints) {
      if (!before.has(file)) {
        sentences.push(`${file} is new`);
      }
    }
    return sentences;
  }

  private async change(root: string, input: RunInput): Promise<string | undefined> {
    const path = join(root, input.path);
    const now = await stat(path).catch(() => undefined);
    if (input.kind === "images") {
      if (!now?.isDirectory()) {
        return `the folder ${input.path} was removed`;
      }
      const isSame = await this.hasImages(root, input);
      return isSame ? undefined : `images in ${input.path} changed`;
    }
    if (!now?.isFile()) {
      return `${input.path} was removed`;
    }
    if (now.size === input.size && Math.floor(now.mtimeMs) === input.modified) {
      return undefined;
    }
    const { sha256 } = await this.file(path, input.path);
    return sha256 === input.sha256 ? undefined : `${input.path} changed`;
  }

  /** Whether a folder holds the images of a run. */
  private async hasImages(
    root: string,
    { path, count, sha256, contents }: Extract<RunInput, { readonly kind: "images" }>,
  ): Promise<boolean> {
    const listing = await this.folder(join(root, path));
    if (listing.sha256 === sha256) {
      return true;
    }
    return (
      contents !== undefined &&
      listing.images.length === count &&
      (await this.contents.digest(root, path, listing)) === contents
    );
  }

  private folder(path: string): Promise<ImageListing> {
    const known = this.folders.get(path);
    if (known !== undefined && performance.now() - known.time < listingLifetime) {
      return known.listing;
    }
    const listing = listImages(path);
    this.folders.set(path, { time: performance.now(), listing });
    return listing;
  }

  private async file(
    path: string,
    name: string,
    signal?: AbortSignal,
  ): Promise<{ size: number; modified: number; sha256: string }> {
    try {
      const { size, mtimeMs } = await stat(path);
      const modified = Math.floor(mtimeMs);
      const known = this.known.get(path);
      if (known !== undefined && known.size === size && known.modified === modified) {
        return known;
      }
      const hash = createHash("sha256");
      const stream = createReadStream(path, { highWaterMark: 1 << 20 });
      for await (const block of stream) {
        signal?.throwIfAborted();
        hash.update(block);
      }
      const entry = { size, modified, sha256: hash.digest("hex") };
      this.known.set(path, entry);
      return entry;
    } catch (error) {
      if (signal?.aborted) {
        throw error;
      }
      throw new TracInError("store", "The file cannot be read.", { file: name }, undefined, {
        cause: error,
      });
    }
  }
}
