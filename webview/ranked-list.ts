import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  type Range,
  Virtualizer,
} from "@tanstack/virtual-core";
import { html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { RankedRow, RankedView, RowSort, SuspectOrder } from "../src/protocol/lists.ts";
import type { Reading } from "../src/protocol/runs.ts";
import { nextSort } from "./filter-model.ts";
import { formatCount } from "./format.ts";
import { layoutOf, listedRows, rowRange } from "./list-model.ts";
import { listStyles } from "./list-styles.ts";
import { reveal } from "./messages.ts";
import { rowAfterKey } from "./navigation.ts";
import type { PageCache } from "./page-cache.ts";
import { actionOfKey, noReviews, type ReviewIndex } from "./review.ts";
import "./row.ts";
import { RowElement, type RowLayout } from "./row.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** The columns by whose names suspects are ranked. */
const columnOf = { selfInfluence: "self_influence", loss: "loss" } as const;

/** A ranked list: a grid whose rows exist only while they are near the window. */
@customElement("tracin-ranked-list")
export class RankedList extends LitElement {
  @property() view: RankedView = "proponents";
  @property() order: SuspectOrder = "loss";
  /** Whether the run has a query; without one, all examples are shown as suspects are. */
  @property({ type: Boolean }) scored = true;
  @property({ type: Boolean }) filtered = false;
  @property({ attribute: false }) sort: RowSort | undefined;
  @property() reading: Reading = "probabilities";
  @property({ attribute: false }) cache: PageCache | undefined;
  /** Changes when the cache has changed. */
  @property({ type: Number }) revision = 0;
  @property({ attribute: false }) scroller: HTMLElement | undefined;
  /** Changes when what stands above the list changes its height. */
  @property({ type: Number }) above = 0;
  /** Height of what sticks to the top of the scroller, over the list. */
  @property({ type: Number }) covered = 0;
  @property({ attribute: false }) checkpoints: readonly string[] = [];
  @property({ attribute: false }) expanded: ReadonlySet<number> = new Set();

  @property({ attribute: false }) reviews: ReviewIndex = noReviews;
  /** Label names by number key. */
  @property({ attribute: false }) labels: readonly string[] | undefined;

  @state() private layout: RowLayout = "compact";
  @state() private active = 0;
  @state() private rowHeight = 64;
  @state() private margin = 0;
  /** A row that takes the focus as soon as it stands in the page. */
  private focusNext = false;
  private ready = false;
  private virtualizer: Virtualizer<HTMLElement, RowElement> | undefined;
  private unmount: (() => void) | undefined;
  private readonly resize = new ResizeObserver(() => {
    this.layout = layoutOf(this.clientWidth);
    this.requestUpdate();
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.unmount?.();
    this.unmount = undefined;
    this.virtualizer = undefined;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("cache")) {
      this.ready = false;
      this.active = 0;
      this.virtualizer?.measure();
    }
    // Rows that change places lose the focus: it is given back after the update.
    this.focusNext ||=
      this.renderRoot instanceof ShadowRoot && this.renderRoot.activeElement !== null;
    if (!this.scroller) {
      return;
    }
    const options = {
      count: this.rowCount,
      getScrollElement: () => this.scroller ?? null,
      estimateSize: () => this.rowHeight,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      overscan: 6,
      scrollMargin: this.margin,
      scrollPaddingStart: this.covered + this.headerHeight,
      rangeExtractor: (range: Range) => rowRange(range, this.active),
      onChange: () => this.requestUpdate(),
    };
    if (this.virtualizer) {
      this.virtualizer.setOptions(options);
    } else if (this.isConnected) {
      this.virtualizer = new Virtualizer<HTMLElement, RowElement>(options);
      // A row grows because it was opened: what stands above it stays where it is.
      this.virtualizer.shouldAdjustScrollPositionOnItemSizeChange = () => false;
      this.unmount = this.virtualizer._didMount();
    }
  }

  protected override updated(): void {
    const { virtualizer, cache } = this;
    if (!virtualizer || !cache) {
      return;
    }
    virtualizer._willUpdate();
    this.measure(virtualizer);
    const { range } = virtualizer;
    cache.show(range?.startIndex ?? 0, range?.endIndex ?? 0);
    if (!this.ready && cache.total !== undefined) {
      this.ready = true;
      this.dispatchEvent(new CustomEvent("list-ready", { bubbles: true, composed: true }));
    }
    if (this.focusNext) {
      const row = this.rowElement(this.active);
      if (row) {
        this.focusNext = false;
        if (!row.matches(":focus-within")) {
          row.focus({ preventScroll: true });
        }
      }
    }
  }

  /** Rows that are listed: all, or as many as a browser can lay out. */
  private get rowCount(): number {
    return listedRows(this.cache?.total ?? 0, this.rowHeight);
  }

  private get headerHeight(): number {
    return this.renderRoot.querySelector<HTMLElement>(".header")?.offsetHeight ?? 0;
  }

  private rowElement(index: number): RowElement | undefined {
    return (
      this.renderRoot.querySelector<RowElement>(`tracin-row[data-index="${index}"]`) ?? undefined
    );
  }

  /** Collapsed rows are all as high as the first one of them; expanded ones are measured each. */
  private measure(virtualizer: Virtualizer<HTMLElement, RowElement>): void {
    const body = this.renderRoot.querySelector(".body");
    if (body && this.scroller) {
      const top = body.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top;
      this.margin = Math.round(top + this.scroller.scrollTop);
    }
    const collapsed = this.renderRoot.querySelector<RowElement>("tracin-row:not([data-expanded])");
    const height = collapsed?.offsetHeight ?? 0;
    if (height > 0 && height !== this.rowHeight) {
      this.rowHeight = height;
      virtualizer.measure();
    }
    virtualizer.measureElement(null);
    for (const row of this.renderRoot.querySelectorAll<RowElement>("tracin-row[data-expanded]")) {
      void row.updateComplete.then(() => {
        if (row.isConnected && this.virtualizer === virtualizer) {
          virtualizer.measureElement(row);
        }
      });
    }
  }

  protected override render() {
    const { virtualizer, cache } = this;
    if (!virtualizer || !cache) {
      return null;
    }
    if (cache.failure) {
      const { message, remedy } = cache.failure;
      return html`<tracin-error .message=${message} .remedy=${remedy}>
        <vscode-button @click=${() => cache.retry()}>${strings.error.retry}</vscode-button>
      </tracin-error>`;
    }
    if (cache.total === undefined) {
      return html`<p class="notice muted" role="status">${strings.list.loading}</p>`;
    }
    if (cache.total === 0) {
      return html`<p class="notice muted">${this.filtered ? strings.filter.nothing : strings.list.empty[this.view]}</p>`;
    }
    const kind = cache.first?.preview.kind ?? "text";
    const digits = Math.max(2, formatCount((virtualizer.range?.endIndex ?? 0) + 1).length);
    const { rowCount } = this;
    return html`
      <div
        class="grid ${kind} ${this.rowView === "suspects" ? "suspects" : ""}"
        role="treegrid"
        aria-label=${strings.views[this.view]}
        aria-rowcount=${cache.total}
        .style=${`--rank-width: ${(digits * 0.64).toFixed(2)}em`}
        @keydown=${this.onKey}
        @click=${this.onClick}
        @focusin=${this.onFocus}
        @toggle-row=${this.onToggle}
      >
        ${this.layout === "wide" ? this.renderHeader(kind) : null}
        <div class="body" role="rowgroup" .style=${`height: ${virtualizer.getTotalSize()}px`}>
          ${repeat(
            virtualizer.getVirtualItems(),
            (item) => item.index,
            (item) => this.renderRow(item.index, item.start - this.margin, kind),
          )}
        </div>
      </div>
      ${
        rowCount < cache.total
          ? html`<p class="notice muted">${strings.list.truncated(rowCount, cache.total)}</p>`
          : null
      }
    `;
  }

  /** How rows are drawn. */
  private get rowView(): RankedView {
    return this.view === "all" && !this.scored ? "suspects" : this.view;
  }

  private renderHeader(kind: string) {
    const { columns, columnTitles, orders } = strings.list;
    const suspects = this.rowView === "suspects";
    const other = this.order === "loss" ? "selfInfluence" : "loss";
    const scoreColumn = suspects ? columnOf[this.order] : "score";
    const score = suspects ? orders[this.order] : columns.score;
    const scoreTitle = suspects ? strings.list.orderTitles[this.order] : columnTitles.score;
    return html`<div class="header muted" role="row" .style=${`top: ${this.covered}px`}>
      <span class="rank" role="columnheader" title=${columnTitles.rank}>${columns.rank}</span>
      <span class="label" role="columnheader" title=${columnTitles.target} aria-sort=${this.sortOf("target")}>${this.sortButton("target", columns.target, "text")}</span>
      ${kind === "image" ? null : html`<span class="text" role="columnheader">${columns.example}</span>`}
      <span class="score-head" role="columnheader" title=${scoreTitle} aria-sort=${this.sortOf(scoreColumn)}>${this.sortButton(scoreColumn, score, "number")}</span>
      ${
        suspects
          ? html`<span class="other" role="columnheader" title=${strings.list.orderTitles[other]} aria-sort=${this.sortOf(columnOf[other])}>${this.sortButton(columnOf[other], orders[other], "number")}</span>`
          : null
      }
      <span
        class="line"
        role="columnheader"
        title=${suspects ? columnTitles.selfLine : columnTitles.line}
        >${columns.line}</span
      >
      <span class="place" role="columnheader" aria-sort=${this.sortOf("example")}>${this.sortButton("example", columns.place, "number")}</span>
    </div>`;
  }

  private sortOf(column: string): "ascending" | "descending" | "none" {
    const { sort } = this;
    return sort?.column !== column ? "none" : sort.descending ? "descending" : "ascending";
  }

  private sortButton(column: string, text: string, kind: "number" | "text") {
    const arrow = { ascending: " ↑", descending: " ↓", none: "" }[this.sortOf(column)];
    const tell = () =>
      this.dispatchEvent(
        new CustomEvent("sort-changed", {
          detail: nextSort(this.sort, column, kind),
          bubbles: true,
          composed: true,
        }),
      );
    return html`<button class="plain" title=${strings.list.sortBy(text)} @click=${tell}>${text}${arrow}</button>`;
  }

  private renderRow(index: number, top: number, kind: string) {
    const { cache } = this;
    const open = this.expanded.has(index);
    return html`<tracin-row
      role="row"
      kind=${kind}
      data-index=${index}
      ?data-expanded=${open}
      aria-rowindex=${index + 1}
      aria-expanded=${open}
      aria-selected=${index === this.active}
      tabindex=${index === this.active ? 0 : -1}
      .style=${`transform: translateY(${top}px)`}
      .row=${cache?.row(index)}
      .index=${index}
      view=${this.rowView}
      layout=${this.layout}
      .order=${this.order}
      .reading=${this.reading}
      .scale=${cache?.scale ?? 0}
      .expanded=${open}
      .active=${index === this.active}
      .review=${this.view === "suspects" ? this.reviews.of(cache?.row(index)) : undefined}
      .checkpoints=${this.checkpoints}
    ></tracin-row>`;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const page = Math.floor(
      ((this.scroller?.clientHeight ?? 0) - this.covered - this.headerHeight) / this.rowHeight,
    );
    const target = rowAfterKey(event.key, this.active, this.rowCount, page);
    if (target !== undefined) {
      event.preventDefault();
      this.moveTo(target);
      return;
    }
    const action = this.view === "suspects" ? actionOfKey(event.key, this.labels) : undefined;
    if (action !== undefined) {
      event.preventDefault();
      this.dispatchEvent(
        new CustomEvent("review", { detail: action, bubbles: true, composed: true }),
      );
      return;
    }
    const open = this.expanded.has(this.active);
    const onRow = event.composedPath()[0] instanceof RowElement;
    const row = this.cache?.row(this.active);
    if (event.key === "Enter" && onRow && row) {
      event.preventDefault();
      reveal(row.place, "row");
    } else if (
      (event.key === " " && onRow) ||
      (event.key === "ArrowRight" && !open) ||
      (event.key === "ArrowLeft" && open)
    ) {
      event.preventDefault();
      this.toggle(this.active);
    }
  }

  /** The row that keys and buttons are about. */
  get activeRow(): RankedRow | undefined {
    return this.cache?.row(this.active);
  }

  /** Moves on: to the row below, or to the next one without a decision. Says whether there is one. */
  moveOn(to: "below" | "undecided"): boolean {
    const next =
      to === "below"
        ? Math.min(this.rowCount - 1, this.active + 1)
        : this.reviews.nextUndecided(this.active, this.rowCount, (at) => this.cache?.row(at));
    if (next !== undefined) {
      this.moveTo(next);
    }
    return next !== undefined;
  }

  private moveTo(index: number): void {
    this.active = index;
    this.focusNext = true;
    this.virtualizer?.scrollToIndex(index, { align: "auto" });
    this.requestUpdate();
  }

  private onClick(event: MouseEvent): void {
    const path = event.composedPath();
    const row = path.find((node) => node instanceof RowElement);
    const onControl = path.some(
      (node) =>
        node instanceof HTMLElement &&
        (node instanceof HTMLButtonElement || node.classList.contains("details")),
    );
    if (!row || onControl || getSelection()?.isCollapsed === false) {
      return;
    }
    if (row.row) {
      reveal(row.row.place, "row");
    }
  }

  private onFocus(event: FocusEvent): void {
    const row = event.composedPath().find((node) => node instanceof RowElement);
    if (row) {
      this.active = row.index;
    }
  }

  private onToggle(event: CustomEvent<number>): void {
    event.stopPropagation();
    this.toggle(event.detail);
  }

  private toggle(index: number): void {
    if (this.expanded.has(index)) {
      this.virtualizer?.resizeItem(index, this.rowHeight);
    }
    this.dispatchEvent(
      new CustomEvent("toggle-expanded", {
        detail: { view: this.view, index },
        bubbles: true,
        composed: true,
      }),
    );
  }

  static override styles = [baseStyles, listStyles];
}
