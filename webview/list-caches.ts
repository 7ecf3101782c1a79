import type { ListRequest } from "../src/protocol/lists.ts";
import { getRows } from "./messages.ts";
import { PageCache } from "./page-cache.ts";

/** Lists whose rows are kept. */
const mostLists = 8;

/** The rows of a run's lists, by key; the lists that were asked for first are forgotten first. */
export class ListCaches {
  readonly #caches = new Map<string, PageCache>();

  /** @param onChange called whenever rows of a list have arrived */
  constructor(private readonly onChange: () => void) {}

  /** The rows of a list; `key` names everything that they depend on. */
  of(key: string, list: Omit<ListRequest, "root">): PageCache {
    const known = this.#caches.get(key);
    if (known) {
      return known;
    }
    const cache = new PageCache(
      (offset, limit) => getRows({ ...list, offset, limit }),
      this.onChange,
    );
    this.#caches.set(key, cache);
    for (const [oldest, forgotten] of [...this.#caches].slice(0, -mostLists)) {
      forgotten.dispose();
      this.#caches.delete(oldest);
    }
    return cache;
  }

  /** Forgets all lists. */
  clear(): void {
    for (const cache of this.#caches.values()) {
      cache.dispose();
    }
    this.#caches.clear();
  }
}
