import type { LitElement, ReactiveController } from "lit";
import { rowRange } from "./list-model.ts";
import type { RowElement } from "./row.ts";
import { RowOffsets } from "./row-offsets.ts";
import { highestList, ScrollScale } from "./scroll-scale.ts";

/** Rows around the window that stand in the page as well. */
const overscan = 6;

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

/** First and last row in sight. */
export interface RowRange {
  readonly startIndex: number;
  readonly endIndex: number;
}

/**
 * The rows of a list that stand in the page: those near the window, and the active one. Collapsed rows are all as
 * high as the first of them; expanded ones are measured each.
 */
export class RowWindow implements ReactiveController {
  readonly #offsets = new RowOffsets(64);
  /** Distance of the first row from the top of what scrolls. */
  #margin = 0;
  #scroller: HTMLElement | undefined;
  #scale: ScrollScale | undefined;
  #unlisten: (() => void) | undefined;
  /** What was drawn last, to draw again only when it changes. */
  #drawn = "";
  readonly #viewport = new ResizeObserver(() => this.#onScroll());
  readonly #expanded = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      this.#measureExpanded(target as RowElement);
    }
  });

  constructor(private readonly list: WindowedList) {
    list.addController(this);
  }

  /** Height of a collapsed row in pixels. */
  get rowHeight(): number {
    return this.#offsets.rowHeight;
  }

  /** Whether there is anything to scroll in yet. */
  get isReady(): boolean {
    return this.#scale !== undefined;
  }

  get range(): RowRange {
    const last = Math.max(0, this.list.rowCount - 1);
    const top = (this.#scale?.offset ?? 0) - this.#margin;
    const at = (offset: number) => Math.min(last, this.#offsets.at(offset));
    return { startIndex: at(top), endIndex: at(top + (this.#scroller?.clientHeight ?? 0)) };
  }

  /** The rows that stand in the page. */
  get rows(): readonly number[] {
    const { rowCount: count, active } = this.list;
    return count === 0 ? [] : rowRange({ ...this.range, overscan, count }, active);
  }

  /** Height in pixels that the list takes in the page. */
  get height(): number {
    return Math.min(highestList, this.#whole);
  }

  /** Where a row is drawn, in pixels from the top of the list in the page. */
  topOf(index: number): number {
    return this.#offsets.topOf(index) - (this.#scale?.shift ?? 0);
  }

  hostDisconnected(): void {
    this.#disconnect();
  }

  /** Forgets the measured heights: other rows are shown. */
  reset(): void {
    this.#offsets.clear();
  }

  /** Before the list is drawn: takes over how it is now. */
  prepare(): void {
    const { scroller, isConnected } = this.list;
    if (scroller !== this.#scroller || !isConnected) {
      this.#disconnect();
    }
    if (scroller && isConnected && !this.#scale) {
      this.#scroller = scroller;
      this.#scale = ScrollScale.of(scroller);
      this.#unlisten = this.#scale.onScroll(() => this.#onScroll());
      this.#viewport.observe(scroller);
    }
    this.#drawn = this.#toDraw;
  }

  /** After the list was drawn: measures where it stands and how high its rows are. */
  measure(): void {
    const { list } = this;
    const body = list.renderRoot.querySelector(".body");
    if (body && this.#scroller) {
      const top = body.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
      const margin = Math.round(top + this.#scroller.scrollTop);
      if (margin !== this.#margin) {
        this.#margin = margin;
        list.requestUpdate();
      }
    }
    const collapsed = list.renderRoot.querySelector<RowElement>("tracin-row:not([data-expanded])");
    const height = collapsed?.offsetHeight ?? 0;
    if (height > 0 && height !== this.rowHeight) {
      this.#offsets.rowHeight = height;
      this.#offsets.clear();
      list.requestUpdate();
    }
    for (const row of list.renderRoot.querySelectorAll<RowElement>("tracin-row[data-expanded]")) {
      this.#expanded.observe(row);
      void row.updateComplete.then(() => this.#measureExpanded(row));
    }
    this.#scale?.place(this, { start: this.#margin, height: this.#whole });
  }

  /** Brings a row into sight. */
  scrollTo(index: number): void {
    const scale = this.#scale;
    if (!scale || !this.#scroller) {
      return;
    }
    const top = this.#margin + this.#offsets.topOf(index);
    const bottom = top + this.#offsets.heightOf(index);
    const covered = this.list.coveredHeight;
    if (top - covered < scale.offset) {
      scale.scrollTo(top - covered);
    } else if (bottom > scale.offset + this.#scroller.clientHeight) {
      scale.scrollTo(bottom - this.#scroller.clientHeight);
    }
  }

  /** Before a row closes: it is as high as the others again. */
  collapse(index: number): void {
    this.#offsets.set(index, undefined);
  }

  /** Height of all rows in pixels, more perhaps than a browser can lay out. */
  get #whole(): number {
    return this.#offsets.topOf(this.list.rowCount);
  }

  get #toDraw(): string {
    const { startIndex, endIndex } = this.range;
    return `${startIndex} ${endIndex} ${this.#scale?.shift ?? 0}`;
  }

  #onScroll(): void {
    if (this.#toDraw !== this.#drawn) {
      this.list.requestUpdate();
    }
  }

  #measureExpanded(row: RowElement): void {
    const isThere = row.isConnected && row.hasAttribute("data-expanded");
    if (isThere && row.offsetHeight > 0 && this.#offsets.set(row.index, row.offsetHeight)) {
      this.list.requestUpdate();
    }
  }

  #disconnect(): void {
    this.#unlisten?.();
    this.#scale?.place(this, undefined);
    this.#viewport.disconnect();
    this.#expanded.disconnect();
    this.#unlisten = undefined;
    this.#scale = undefined;
    this.#scroller = undefined;
  }
}
