import type { ReactiveController, ReactiveControllerHost } from "lit";

import { ScrollScale } from "./scroll-scale.ts";

/** Tells when a person has scrolled, and goes back to a place as soon as the page is long enough. */
export class ScrollKeeper implements ReactiveController {
  /** Where to go back to, in pixels. */
  restore: number | undefined;

  #scroller: HTMLElement | undefined;
  #saving: ReturnType<typeof setTimeout> | undefined;
  readonly #onScroll = () => {
    clearTimeout(this.#saving);
    this.#saving = setTimeout(this.onRest, 150);
  };

  /** @param onRest called when a person has scrolled and come to rest */
  constructor(
    host: ReactiveControllerHost,
    private readonly onRest: () => void,
  ) {
    host.addController(this);
  }

  /** The element that scrolls. */
  set scroller(scroller: HTMLElement | undefined) {
    if (scroller !== this.#scroller) {
      this.#scroller?.removeEventListener("scroll", this.#onScroll);
      this.#scroller = scroller;
      scroller?.addEventListener("scroll", this.#onScroll, { passive: true });
    }
  }

  get top(): number {
    return this.#scroller ? ScrollScale.of(this.#scroller).offset : 0;
  }

  hostDisconnected(): void {
    this.scroller = undefined;
    clearTimeout(this.#saving);
  }

  /** Goes up to a place, if it is above. */
  upTo(top: number): void {
    if (this.#scroller && this.top > top) {
      ScrollScale.of(this.#scroller).scrollTo(top);
    }
  }

  /** Goes back to where the person was, if the page is long enough by now. */
  goBack(): void {
    const { restore } = this;
    const scroller = this.#scroller;
    if (restore === undefined || !scroller) {
      return;
    }
    requestAnimationFrame(() => {
      const scale = ScrollScale.of(scroller);
      scale.scrollTo(restore);
      if (Math.abs(scale.offset - restore) <= 1) {
        this.restore = undefined;
      }
    });
  }
}
