import type { Dataset, Example, Locator } from "../dataset.ts";
import type { RecordIndex } from "./record-index.ts";
import type { TextFile } from "./text-file.ts";

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

  abstract read(start: number, end: number): Promise<readonly Example[]>;

  close(): Promise<void> {
    return this.text.close();
  }
}
