import type { Locator } from "../dataset.ts";

/**
 * Where each record of a text file stands: byte range, first line, line count. Kept in growable typed
 * arrays (20 bytes a record), because a million objects would take ten times the memory.
 */
export class RecordIndex {
  #length = 0;
  #starts = new Float64Array(1024);
  #sizes = new Uint32Array(1024);
  #lines = new Uint32Array(1024);
  #lineCounts = new Uint32Array(1024);

  get length(): number {
    return this.#length;
  }

  /** Appends a record of bytes [start, end) that begins on `line` (counted from 0). */
  push(start: number, end: number, line: number, lineCount: number): void {
    const index = this.#length;
    if (index === this.#starts.length) {
      this.#starts = grow(this.#starts, new Float64Array(index * 2));
      this.#sizes = grow(this.#sizes, new Uint32Array(index * 2));
      this.#lines = grow(this.#lines, new Uint32Array(index * 2));
      this.#lineCounts = grow(this.#lineCounts, new Uint32Array(index * 2));
    }
    this.#starts[index] = start;
    this.#sizes[index] = end - start;
    this.#lines[index] = line;
    this.#lineCounts[index] = lineCount;
    this.#length = index + 1;
  }

  start(index: number): number {
    return this.#value(this.#starts, index);
  }

  end(index: number): number {
    return this.#value(this.#starts, index) + this.#value(this.#sizes, index);
  }

  line(index: number): number {
    return this.#value(this.#lines, index);
  }

  locator(file: string, index: number): Locator {
    return {
      file,
      line: this.line(index),
      lineCount: this.#value(this.#lineCounts, index),
      start: this.start(index),
      end: this.end(index),
    };
  }

  /** The record that covers a line (counted from 0); undefined for the header, blank lines and beyond. */
  atLine(line: number): number | undefined {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#lines[middle] ?? 0) <= line) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const index = low - 1;
    const covered = index >= 0 && line < this.line(index) + this.#value(this.#lineCounts, index);
    return covered ? index : undefined;
  }

  #value(array: Float64Array | Uint32Array, index: number): number {
    const value = index < this.#length ? array[index] : undefined;
    if (value === undefined) {
      throw new RangeError(`There is no record ${index}; there are ${this.#length}.`);
    }
    return value;
  }
}

function grow<T extends Float64Array | Uint32Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}
