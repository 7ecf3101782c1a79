import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type Range,
  type VirtualItem,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { LitElement, ReactiveController } from "lit";
import { rowRange } from "./list-model.ts";
import type { RowElement } from "./row.ts";

/** What the window needs to know of its list. */
export interface WindowedList extends LitElement {
  readonly scroller: HTMLElement | undefined;
  /** Rows that are listed. */
  readonly rowCount: number;
  /** The row that stays in the page wherever it is. */
  readonly active: number;
  /** Height in pixels of what covers the top of the scroller. */
  readonly coveredHeight: number;
}

/**
 * The rows of a list that stand in the page: those near the window, and the active one. Collapsed rows are all as
 * high as the first of them; expanded ones are measured each.
 */
export class RowWindow implements ReactiveController {
  /** Height of a collapsed row in pixels. */
  rowHeight = 64;

  /** Distance of the first row from the top of what scrolls. */
  #margin = 0;
  #virtualizer: Virtualizer<HTMLElement, RowElement> | undefined;
  #unmount: (() => void) | undefined;

  constructor(private readonly list: WindowedList) {
    list.addController(this);
  }

  /** Whether there is anything to scroll in yet. */
  get isReady(): boolean {
    return this.#virtualizer !== undefined;
  }

  /** First and last row in sight. */
  get range(): { readonly startIndex: number; readonly endIndex: number } {
    return this.#virtualizer?.range ?? { startIndex: 0, endIndex: 0 };
  }

  get items(): readonly VirtualItem[] {
    return this.#virtualizer?.getVirtualItems() ?? [];
  }

  /** Height of all rows in pixels. */
  get height(): number {
    return this.#virtualizer?.getTotalSize() ?? 0;
  }

  /** Distance of a row from the first one, in pixels. */
  topOf(item: VirtualItem): number {
    return item.start - this.#margin;
  }

  hostDisconnected(): void {
    this.#unmount?.();
    this.#unmount = undefined;
    this.#virtualizer = undefined;
  }

  /** Forgets the measured heights: other rows are shown. */
  reset(): void {
    this.#virtualizer?.measure();
  }

  /** Before the list is drawn: takes over how it is now. */
  prepare(): void {
    const { list } = this;
    if (!list.scroller) {
      return;
    }
    const options = {
      count: list.rowCount,
      getScrollElement: () => list.scroller ?? null,
      estimateSize: () => this.rowHeight,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      overscan: 6,
      scrollMargin: this.#margin,
      scrollPaddingStart: list.coveredHeight,
      rangeExtractor: (range: Range) => rowRange(range, list.active),
      onChange: () => list.requestUpdate(),
    };
    if (this.#virtualizer) {
      this.#virtualizer.setOptions(options);
    } else if (list.isConnected) {
      this.#virtualizer = new Virtualizer<HTMLElement, RowElement>(options);
      // A row grows because it was opened: what stands above it stays where it is.
      this.#virtualizer.shouldAdjustScrollPositionOnItemSizeChange = () => false;
      this.#unmount = this.#virtualizer._didMount();
    }
  }

  /** After the list was drawn: measures where it stands and how high its rows are. */
  measure(): void {
    const virtualizer = this.#virtualizer;
    if (!virtualizer) {
      return;
    }
    virtualizer._willUpdate();
    const { list } = this;
    const body = list.renderRoot.querySelector(".body");
    if (body && list.scroller) {
      const top = body.getBoundingClientRect().top - list.scroller.getBoundingClientRect().top;
      this.#setMargin(Math.round(top + list.scroller.scrollTop));
    }
    const collapsed = list.renderRoot.querySelector<RowElement>("tracin-row:not([data-expanded])");
    const height = collapsed?.offsetHeight ?? 0;
    if (height > 0 && height !== this.rowHeight) {
      this.rowHeight = height;
      list.requestUpdate();
      virtualizer.measure();
    }
    virtualizer.measureElement(null);
    for (const row of list.renderRoot.querySelectorAll<RowElement>("tracin-row[data-expanded]")) {
      void row.updateComplete.then(() => {
        if (row.isConnected && this.#virtualizer === virtualizer) {
          virtualizer.measureElement(row);
        }
      });
    }
  }

  /** Brings a row into sight. */
  scrollTo(index: number): void {
    this.#virtualizer?.scrollToIndex(index, { align: "auto" });
  }

  /** Before a row closes: it is as high as the others again. */
  collapse(index: number): void {
    this.#virtualizer?.resizeItem(index, this.rowHeight);
  }

  #setMargin(margin: number): void {
    if (margin !== this.#margin) {
      this.#margin = margin;
      this.list.requestUpdate();
    }
  }
}
