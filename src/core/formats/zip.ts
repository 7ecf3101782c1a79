import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { type Entry, openPromise, type ZipFile } from "yauzl";
import { TracInError } from "../errors.ts";
import { crc32 } from "./crc32.ts";
import type { FileSource } from "./source.ts";

const inflate = promisify(inflateRaw);

/** More entries than any checkpoint has tensors. */
const maximumEntries = 1_000_000;
/** Deflate cannot do better than this; a larger ratio is a lie. */
const maximumRatio = 1032;
/** A compressed entry is unpacked in memory as a whole. */
const maximumUnpacked = 2 ** 31;

/**
 * The directory of a zip archive, with entries that are read by range. Stored entries (as PyTorch writes them)
 * are never loaded as a whole; deflated ones are unpacked under a ratio and size limit. Zip64 is read.
 */
export class ZipArchive {
  private readonly starts = new Map<string, number>();
  /** The entry unpacked last: storages are read one after another. */
  private unpacked: { readonly name: string; readonly bytes: Uint8Array } | undefined;

  private constructor(
    private readonly source: FileSource,
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Reads the central directory. Throws kind `checkpoint` when it is damaged. */
  static async open(path: string, source: FileSource): Promise<ZipArchive> {
    let zip: ZipFile | undefined;
    try {
      zip = await openPromise(path, { autoClose: false, lazyEntries: true });
      // 46 bytes is the least that an entry takes in the directory.
      if (zip.entryCount > Math.min(maximumEntries, source.size / 46)) {
        throw source.error(`The archive claims ${zip.entryCount} entries.`);
      }
      const entries = new Map<string, Entry>();
      for await (const entry of zip.eachEntry()) {
        checkEntry(source, entry);
        if (entries.has(entry.fileName)) {
          throw source.error(`The archive holds the entry "${entry.fileName}" twice.`);
        }
        entries.set(entry.fileName, entry);
      }
      return new ZipArchive(source, zip, entries);
    } catch (error) {
      zip?.close();
      throw damaged(source, error);
    }
  }

  /** Entry names in directory order. */
  get names(): Iterable<string> {
    return this.entries.keys();
  }

  has(name: string): boolean {
    return this.entries.has(name);
  }

  /** Bytes of an entry once unpacked, or undefined when there is no such entry. */
  size(name: string): number | undefined {
    return this.entries.get(name)?.uncompressedSize;
  }

  /** Where an entry lies in the file, when it is stored as it is; undefined when it is compressed. */
  async stored(
    name: string,
  ): Promise<{ readonly offset: number; readonly length: number } | undefined> {
    const entry = this.entry(name);
    return entry.compressionMethod === 0
      ? { offset: await this.start(entry), length: entry.uncompressedSize }
      : undefined;
  }

  /** Bytes [offset, offset + length) of an entry, in a buffer of their own. */
  async read(name: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.entry(name);
    if (offset < 0 || length < 0 || offset + length > entry.uncompressedSize) {
      throw this.source.error(
        `${length} bytes from byte ${offset} of the entry "${name}" are needed, but it has ${entry.uncompressedSize}.`,
      );
    }
    if (entry.compressionMethod === 0) {
      return this.source.read((await this.start(entry)) + offset, length);
    }
    return new Uint8Array((await this.unpack(entry)).subarray(offset, offset + length));
  }

  /** A small entry as a whole, with its checksum verified. */
  async readAll(name: string, maximum: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = this.entry(name);
    if (entry.uncompressedSize > maximum) {
      throw this.source.error(
        `The entry "${name}" has ${entry.uncompressedSize} bytes; at most ${maximum} are read.`,
      );
    }
    const bytes = await this.read(name, 0, entry.uncompressedSize);
    // Writers that skip checksums leave 0.
    if (entry.crc32 !== 0 && crc32(bytes) !== entry.crc32) {
      throw this.source.error(`The entry "${name}" does not fit its checksum.`);
    }
    return bytes;
  }

  close(): void {
    this.unpacked = undefined;
    this.zip.close();
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (!entry) {
      throw this.source.error(`The archive has no entry "${name}".`);
    }
    return entry;
  }

  private async start(entry: Entry): Promise<number> {
    let start = this.starts.get(entry.fileName);
    if (start === undefined) {
      try {
        start = (await this.zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
      } catch (error) {
        throw damaged(this.source, error, entry.relativeOffsetOfLocalHeader);
      }
      this.starts.set(entry.fileName, start);
    }
    return start;
  }

  private async unpack(entry: Entry): Promise<Uint8Array> {
    if (this.unpacked?.name === entry.fileName) {
      return this.unpacked.bytes;
    }
    const packed = await this.source.read(await this.start(entry), entry.compressedSize);
    let bytes: Uint8Array;
    try {
      bytes = await inflate(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
    } catch (error) {
      throw damaged(this.source, error, this.starts.get(entry.fileName));
    }
    if (bytes.length !== entry.uncompressedSize) {
      throw this.source.error(
        `The entry "${entry.fileName}" unpacks to ${bytes.length} bytes instead of ${entry.uncompressedSize}.`,
      );
    }
    this.unpacked = { name: entry.fileName, bytes };
    return bytes;
  }
}

function checkEntry(source: FileSource, entry: Entry): void {
  const fail = (message: string) =>
    source.error(
      `The archive's entry "${entry.fileName}" ${message}`,
      entry.relativeOffsetOfLocalHeader,
    );
  if (entry.isEncrypted()) {
    throw fail("is encrypted.");
  }
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) {
    throw fail(`is packed with method ${entry.compressionMethod}; stored and deflate are read.`);
  }
  if (entry.relativeOffsetOfLocalHeader + 30 + entry.compressedSize > source.size) {
    throw fail("lies outside the file.");
  }
  if (
    entry.compressionMethod === 8 &&
    (entry.uncompressedSize > maximumUnpacked ||
      entry.uncompressedSize > entry.compressedSize * maximumRatio)
  ) {
    throw fail(
      `claims to unpack ${entry.compressedSize} bytes to ${entry.uncompressedSize}, which is beyond the limit.`,
    );
  }
}

function damaged(source: FileSource, error: unknown, offset?: number): TracInError {
  return error instanceof TracInError
    ? error
    : source.error(
        `The zip archive is damaged: ${error instanceof Error ? error.message : error}.`,
        offset,
      );
}
