import type { Dataset, Example, Locator } from "../dataset.ts";
import { rowHash } from "../row-hash.ts";
import type { RecordIndex } from "./record-index.ts";
import type { TextFile } from "./text-file.ts";

/** Bytes that are read at a time for hashes. */
const sliceBytes = 4 << 20;

/** A text file with one record per example: places come from the index, the records stay on disk. */
export abstract class RecordDataset implements Dataset {
  readonly kind = "table";
  readonly file: string;

  protected constructor(
    readonly name: string,
    protected readonly text: TextFile,
    protected readonly records: RecordIndex,
    readonly columns: readonly string[],
    readonly target: readonly string[],
  ) {
    this.file = text.file;
  }

  get length(): number {
    return this.records.length;
  }

  locator(index: number): Locator {
    return this.records.locator(this.file, index);
  }

  at(place: { readonly line: number } | { readonly image: string }): number | undefined {
    return "line" in place ? this.records.atLine(place.line) : undefined;
  }

  async rowHashes(start: number, end: number): Promise<Float64Array> {
    const { records } = this;
    const hashes = new Float64Array(end - start);
    for (let first = start; first < end; ) {
      const from = records.start(first);
      let last = first;
      while (last + 1 < end && records.end(last + 1) - from <= sliceBytes) {
        last++;
      }
      const slice = await this.text.slice(from, records.end(last));
      for (; first <= last; first++) {
        const text = slice.toString("utf8", records.start(first) - from, records.end(first) - from);
        hashes[first - start] = rowHash(text);
      }
    }
    return hashes;
  }

  abstract read(start: number, end: number): Promise<readonly Example[]>;

  close(): Promise<void> {
    return this.text.close();
  }
}
