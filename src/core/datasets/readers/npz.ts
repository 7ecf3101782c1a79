import { TracInError } from "../../errors.ts";
import { FileSource } from "../../formats/source.ts";
import { ZipArchive } from "../../formats/zip.ts";
import type { InsidePath } from "../../paths.ts";
import { listNames } from "../data-error.ts";
import { NpyFile } from "./npy.ts";

/**
 * Arrays by name in one file, as `numpy.savez` (read by range) and `numpy.savez_compressed` (unpacked in memory, at most
 * 2 GiB for each array) write them. Several datasets may take theirs from one file.
 */
export class NpzArchive {
  private constructor(
    private readonly source: FileSource,
    private readonly zip: ZipArchive,
  ) {}

  /** Throws kind `data` when the archive is damaged. */
  static async open({ absolute, relative }: InsidePath): Promise<NpzArchive> {
    const source = await FileSource.open(absolute, relative, "data");
    try {
      return new NpzArchive(source, await ZipArchive.open(absolute, source));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  /** Names of the arrays. */
  get names(): readonly string[] {
    return [...this.zip.names].flatMap((name) =>
      name.endsWith(".npy") ? [name.slice(0, -".npy".length)] : [],
    );
  }

  /** Opens an array as a field. Throws kind `data` when there is none of that name. */
  async array(field: string, name: string): Promise<NpyFile> {
    const entry = `${name}.npy`;
    const size = this.zip.size(entry);
    if (size === undefined) {
      throw new TracInError(
        "data",
        `The archive has no array "${name}"; it has ${listNames(this.names)}.`,
        { file: this.source.file, column: field },
        'Correct "fields" in tracin.json.',
      );
    }
    const file = this.source.file;
    const release = async () => undefined;
    if ((await this.zip.stored(entry)) !== undefined) {
      const read = (offset: number, length: number) => this.zip.read(entry, offset, length);
      return NpyFile.over({ size, read }, file, release, field);
    }
    // Kept here: the archive itself keeps one unpacked entry, and a dataset reads several in turn.
    const bytes = await this.zip.read(entry, 0, size);
    const read = async (offset: number, length: number) => bytes.slice(offset, offset + length);
    return NpyFile.over({ size, read }, file, release, field);
  }

  async close(): Promise<void> {
    this.zip.close();
    await this.source.close();
  }
}
