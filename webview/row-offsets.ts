/** Where the rows of a list stand, in pixels from the first one: collapsed rows are all as high as each other. */
export class RowOffsets {
  #expanded: readonly { readonly index: number; readonly height: number }[] = [];

  /** @param rowHeight of a collapsed row */
  constructor(public rowHeight: number) {}

  /** Takes over how high an expanded row is; undefined where it is collapsed again. Says whether that is news. */
  set(index: number, height: number | undefined): boolean {
    const known = this.#expanded.find((row) => row.index === index)?.height;
    if (known === height) {
      return false;
    }
    const others = this.#expanded.filter((row) => row.index !== index);
    this.#expanded =
      height === undefined
        ? others
        : [...others, { index, height }].sort((a, b) => a.index - b.index);
    return true;
  }

  /** Forgets the expanded rows. */
  clear(): void {
    this.#expanded = [];
  }

  topOf(index: number): number {
    return this.#expanded.reduce(
      (top, row) => (row.index < index ? top + row.height - this.rowHeight : top),
      index * this.rowHeight,
    );
  }

  heightOf(index: number): number {
    return this.#expanded.find((row) => row.index === index)?.height ?? this.rowHeight;
  }

  /** The row that covers a place; the first one for places above it, and rows beyond the last one as if there were more. */
  at(offset: number): number {
    let left = Math.max(0, offset);
    let before = 0;
    for (const { index, height } of this.#expanded) {
      const until = (index - before) * this.rowHeight;
      if (left < until) {
        break;
      }
      if (left < until + height) {
        return index;
      }
      left -= until + height;
      before = index + 1;
    }
    return before + Math.floor(left / this.rowHeight);
  }
}
