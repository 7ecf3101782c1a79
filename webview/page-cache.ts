import type { RankedRow, RowsReply } from "../src/protocol/lists.ts";
import type { PanelReply } from "../src/protocol/panel.ts";

/** Asks for the rows [offset, offset + limit) of a list. */
export type FetchPage = (offset: number, limit: number) => Promise<PanelReply<RowsReply>>;

/** Why a list could not be read. */
export interface PageFailure {
  readonly message: string;
  readonly remedy: string | undefined;
}

export interface PageCacheOptions {
  readonly pageSize: number;
  /** Pages kept in memory; the least recently shown ones go first. */
  readonly maxPages: number;
  /** Requests under way at once; while all are busy only the latest wish is remembered. */
  readonly maxRequests: number;
}

const defaults: PageCacheOptions = { pageSize: 100, maxPages: 40, maxRequests: 2 };

/** The rows of one ranked list, fetched page by page as they come into view. */
export class PageCache {
  /** Length of the whole list; undefined until the first page is here. */
  total: number | undefined;
  /** Largest absolute score of the list. */
  scale = 0;
  failure: PageFailure | undefined;

  readonly #pages = new Map<number, readonly RankedRow[]>();
  readonly #requested = new Set<number>();
  readonly #options: PageCacheOptions;
  #wanted: readonly number[] = [];
  #first: RankedRow | undefined;
  #disposed = false;

  constructor(
    private readonly fetch: FetchPage,
    private readonly onChange: () => void,
    options: Partial<PageCacheOptions> = {},
  ) {
    this.#options = { ...defaults, ...options };
  }

  /** The list's first row, once it was seen; it stays when its page goes. */
  get first(): RankedRow | undefined {
    return this.#first;
  }

  /** A row if it is in memory. */
  row(index: number): RankedRow | undefined {
    const { pageSize } = this.#options;
    return this.#pages.get(Math.floor(index / pageSize))?.[index % pageSize];
  }

  /**
   * Says that the rows from `start` to `end`, both included, are in view: their pages and the list's first page
   * are fetched unless they are here.
   */
  show(start: number, end: number): void {
    const { pageSize } = this.#options;
    const last = this.total === undefined ? 0 : Math.max(0, Math.ceil(this.total / pageSize) - 1);
    const from = Math.max(0, Math.floor(start / pageSize));
    const to = Math.min(last, Math.floor(end / pageSize));
    const wanted: number[] = this.total === undefined ? [0] : [];
    for (let page = from; page <= to; page++) {
      wanted.push(page);
    }
    for (const page of wanted) {
      this.#touch(page);
    }
    this.#wanted = wanted;
    this.#fetchWanted();
  }

  /** Some rows of the list in their order, also those that are not in memory; what cannot be read is left out. */
  async rowsAt(indices: Iterable<number>): Promise<readonly RankedRow[]> {
    const { pageSize } = this.#options;
    const fetched = new Map<number, readonly RankedRow[]>();
    const rows: RankedRow[] = [];
    for (const index of [...indices].sort((a, b) => a - b)) {
      const page = Math.floor(index / pageSize);
      if (!this.#pages.has(page) && !fetched.has(page)) {
        const reply = await this.fetch(page * pageSize, pageSize);
        fetched.set(page, reply.ok ? reply.value.rows : []);
      }
      const row = this.row(index) ?? fetched.get(page)?.[index % pageSize];
      if (row) {
        rows.push(row);
      }
    }
    return rows;
  }

  /** Forgets the failure and asks again. */
  retry(): void {
    this.failure = undefined;
    this.#fetchWanted();
    this.onChange();
  }

  /** Ignores whatever still arrives. */
  dispose(): void {
    this.#disposed = true;
  }

  #fetchWanted(): void {
    for (const page of this.#wanted) {
      const free = this.#requested.size < this.#options.maxRequests;
      const needed = !this.#pages.has(page) && !this.#requested.has(page);
      if (free && needed && !this.failure && !this.#disposed) {
        void this.#fetchPage(page);
      }
    }
  }

  async #fetchPage(page: number): Promise<void> {
    const { pageSize } = this.#options;
    this.#requested.add(page);
    const reply = await this.fetch(page * pageSize, pageSize);
    this.#requested.delete(page);
    if (this.#disposed) {
      return;
    }
    if (reply.ok) {
      this.total = reply.value.total;
      this.scale = reply.value.scale;
      this.#pages.set(page, reply.value.rows);
      this.#first ??= page === 0 ? reply.value.rows[0] : undefined;
      this.#evict();
    } else if (reply.superseded === true) {
      // Asked for again when the list is in sight again.
      this.onChange();
      return;
    } else {
      this.failure = { message: reply.message, remedy: reply.remedy };
    }
    this.#fetchWanted();
    this.onChange();
  }

  /** A Map iterates in insertion order, so that putting a page again makes it the most recent. */
  #touch(page: number): void {
    const rows = this.#pages.get(page);
    if (rows) {
      this.#pages.delete(page);
      this.#pages.set(page, rows);
    }
  }

  #evict(): void {
    for (const page of this.#pages.keys()) {
      if (this.#pages.size <= this.#options.maxPages) {
        return;
      }
      if (!this.#wanted.includes(page)) {
        this.#pages.delete(page);
      }
    }
  }
}
