/** Chromium lays out 33 million pixels of the screen at most; screens have up to four for one of a page. */
export const highestList = 8_000_000;

/** Windows at each end, and around a place to stay at, in which a pixel scrolled is a pixel moved. */
const plainWindows = 20;
/** Scrolling further than so many windows at once is a jump, as by dragging the scroll bar. */
const jumpWindows = 3;
/** Milliseconds without scrolling after which the scroll bar is put where it belongs. */
const restAfter = 150;

/** How offsets in lists that are higher than a page can be lie on the page that stands for them. */
export interface ScrollGeometry {
  /** Where the lists begin. */
  readonly start: number;
  /** The largest scroll offset of the page. */
  readonly real: number;
  /** What the lists are higher than the page shows. */
  readonly hidden: number;
  /** Pixels at either end of the lists that are shown one to one. */
  readonly zone: number;
}

/** Where the page is scrolled to for an offset: one to one at both ends of the lists, in proportion between them. */
export function realOf(offset: number, { start, real, hidden, zone }: ScrollGeometry): number {
  const first = start + zone;
  const last = real - zone;
  if (offset <= first) {
    return offset;
  }
  return offset >= last + hidden
    ? offset - hidden
    : first + ((offset - first) * (last - first)) / (last + hidden - first);
}

/** The offset for a place where the page is scrolled to. */
export function offsetOf(at: number, { start, real, hidden, zone }: ScrollGeometry): number {
  const first = start + zone;
  const last = real - zone;
  if (at <= first) {
    return at;
  }
  return at >= last
    ? at + hidden
    : first + ((at - first) * (last + hidden - first)) / (last - first);
}

const scales = new WeakMap<HTMLElement, ScrollScale>();

/**
 * Scrolls lists that are higher than a browser can lay out. Rows are drawn `shift` pixels above where they belong: scrolling
 * with wheel and keys leaves the shift as it is, so a pixel is a pixel; a drag of the scroll bar goes to the same part of the
 * lists; and at rest the scroll bar moves to where the rows are, which nobody sees.
 */
export class ScrollScale {
  #shift = 0;
  #seen: number;
  #resting: ReturnType<typeof setTimeout> | undefined;
  readonly #lists = new Map<object, { readonly start: number; readonly height: number }>();
  readonly #listeners = new Set<() => void>();

  private constructor(private readonly scroller: HTMLElement) {
    this.#seen = scroller.scrollTop;
    scroller.addEventListener("scroll", () => this.#onScroll(), { passive: true });
  }

  /** The one of an element that scrolls: lists side by side move together. */
  static of(scroller: HTMLElement): ScrollScale {
    const scale = scales.get(scroller) ?? new ScrollScale(scroller);
    scales.set(scroller, scale);
    return scale;
  }

  /** Where the lists are scrolled to. */
  get offset(): number {
    return this.scroller.scrollTop + this.#shift;
  }

  /** How far above their place rows are drawn. */
  get shift(): number {
    return this.#shift;
  }

  /** Says what happens when it scrolls; returns how to say no more. */
  onScroll(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over where a list begins and how high it is; undefined when it is gone. */
  place(list: object, size: { readonly start: number; readonly height: number } | undefined): void {
    if (size === undefined) {
      this.#lists.delete(list);
    } else {
      this.#lists.set(list, size);
    }
    const { hidden } = this.#geometry;
    if (this.#shift > hidden) {
      this.#shift = hidden;
      this.#tell();
    }
  }

  scrollTo(offset: number): void {
    const geometry = this.#geometry;
    const target = Math.min(Math.max(0, offset), geometry.real + geometry.hidden);
    this.scroller.scrollTop = realOf(target, geometry);
    // Browsers round; the rows stand where they should all the same.
    this.#seen = this.scroller.scrollTop;
    this.#shift = geometry.hidden === 0 ? 0 : target - this.#seen;
    this.#tell();
  }

  get #geometry(): ScrollGeometry {
    const { scrollHeight, clientHeight } = this.scroller;
    const sizes = [...this.#lists.values()];
    return {
      start: Math.max(0, ...sizes.map(({ start }) => start)),
      hidden: Math.max(0, ...sizes.map(({ height }) => height - highestList)),
      real: Math.max(0, scrollHeight - clientHeight),
      zone: plainWindows * clientHeight,
    };
  }

  #onScroll(): void {
    const { scrollTop, clientHeight } = this.scroller;
    const moved = Math.abs(scrollTop - this.#seen);
    if (moved === 0) {
      return; // by `scrollTo`
    }
    this.#seen = scrollTop;
    const geometry = this.#geometry;
    const { start, real, hidden } = geometry;
    if (hidden > 0) {
      if (moved > jumpWindows * clientHeight) {
        this.#shift = offsetOf(scrollTop, geometry) - scrollTop;
      }
      const isAtTop = scrollTop < start + clientHeight && this.#shift > 0;
      const isAtEnd = scrollTop > real - clientHeight && this.#shift < hidden;
      if (isAtTop || isAtEnd) {
        this.scrollTo(this.offset);
        return;
      }
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => this.#rest(), restAfter);
    }
    this.#tell();
  }

  /** Puts the scroll bar where it belongs, once it is far from there. */
  #rest(): void {
    const geometry = this.#geometry;
    const far = geometry.zone / 2;
    if (Math.abs(realOf(this.offset, geometry) - this.scroller.scrollTop) > far) {
      this.scrollTo(this.offset);
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
