import { readdir, realpath, stat } from "node:fs/promises";
import { posix, resolve } from "node:path";
import { isInside } from "../../paths.ts";

/** Answers whether many files exist, with one listing per folder instead of one look at each file. */
export class FolderIndex {
  readonly #folders = new Map<string, Promise<ReadonlySet<string>>>();

  private constructor(
    private readonly root: string,
    private readonly realRoot: string,
  ) {}

  static async open(root: string): Promise<FolderIndex> {
    return new FolderIndex(root, await realpath(root));
  }

  /** Why a file (relative to the workspace) cannot be used, or undefined when it can. */
  async problem(file: string): Promise<string | undefined> {
    const folder = posix.dirname(file);
    const known = this.#folders.get(folder) ?? this.#list(folder);
    this.#folders.set(folder, known);
    // What the listing does not settle (links, other spellings on file systems without case) is looked at.
    return (await known).has(posix.basename(file)) ? undefined : this.#look(file);
  }

  /** Plain files of a folder that really lies in the workspace; empty when it does not. */
  async #list(folder: string): Promise<ReadonlySet<string>> {
    try {
      const absolute = resolve(this.root, folder);
      if (!isInside(this.realRoot, await realpath(absolute))) {
        return new Set();
      }
      const entries = await readdir(absolute, { withFileTypes: true });
      return new Set(entries.filter((entry) => entry.isFile()).map((entry) => entry.name));
    } catch {
      return new Set();
    }
  }

  async #look(file: string): Promise<string | undefined> {
    try {
      const real = await realpath(resolve(this.root, file));
      if (!isInside(this.realRoot, real)) {
        return "lies outside of the workspace";
      }
      return (await stat(real)).isFile() ? undefined : "is no file";
    } catch {
      return "does not exist";
    }
  }
}
