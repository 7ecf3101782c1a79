import { html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { RankedView, RowSort, SuspectOrder } from "../src/protocol/lists.ts";
import type { Reading } from "../src/protocol/runs.ts";
import type { Comparison } from "./differences.ts";
import { formatCount } from "./format.ts";
import { listHeader } from "./list-header.ts";
import { isRoomy, layoutOf } from "./list-model.ts";
import { ListSelection } from "./list-selection.ts";
import { listStyles } from "./list-styles.ts";
import { reveal } from "./messages.ts";
import { rowAfterKey } from "./navigation.ts";
import type { PageCache } from "./page-cache.ts";
import { actionOfKey, noReviews, type ReviewAction, type ReviewIndex } from "./review.ts";
import "./row.ts";
import { RowElement, type RowLayout } from "./row.ts";
import { RowWindow, type WindowedList } from "./row-window.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./waiting.ts";

/** A ranked list: a grid whose rows exist only while they are near the window. */
@customElement("tracin-ranked-list")
export class RankedList extends LitElement implements WindowedList {
  @property() runId = "";
  @property() view: RankedView = "proponents";
  @property() order: SuspectOrder = "loss";
  /** The numbers that suspects have. */
  @property({ attribute: false }) numbers: readonly SuspectOrder[] = [];
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

  /** What rows of a table are compared with. */
  @property({ attribute: false }) comparison: Comparison | undefined;
  /** The run and query that scores are about, where they can be taken apart. */
  @property({ attribute: false }) about:
    | { readonly runId: string; readonly query: number }
    | undefined;

  @property({ attribute: false }) reviews: ReviewIndex = noReviews;
  /** Label names by number key. */
  @property({ attribute: false }) labels: readonly string[] | undefined;

  @state() private layout: RowLayout = "compact";
  @state() private width = 0;
  @state() active = 0;
  /** A row that takes the focus as soon as it stands in the page. */
  private focusNext = false;
  private ready = false;
  private readonly window = new RowWindow(this);
  /** The rows that are selected, or that an action is about. */
  readonly selection = new ListSelection(this, (count) => this.tell("selection-changed", count));
  private readonly resize = new ResizeObserver(() => {
    this.layout = layoutOf(this.clientWidth);
    this.width = this.clientWidth;
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
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("cache")) {
      this.ready = false;
      this.active = 0;
      this.selection.reset();
      this.window.reset();
    }
    // Rows that change places lose the focus: it is given back after the update.
    this.focusNext ||=
      this.renderRoot instanceof ShadowRoot && this.renderRoot.activeElement !== null;
    this.window.prepare();
  }

  protected override updated(): void {
    const { cache } = this;
    if (!this.window.isReady || !cache) {
      return;
    }
    this.window.measure();
    const { startIndex, endIndex } = this.window.range;
    cache.show(startIndex, endIndex);
    if (!this.ready && cache.total !== undefined) {
      this.ready = true;
      this.tell("list-ready", undefined);
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

  get rowCount(): number {
    return this.cache?.total ?? 0;
  }

  /** What covers the top of the scroller: the tabs, and the names of the columns. */
  get coveredHeight(): number {
    const header = this.renderRoot.querySelector<HTMLElement>(".header");
    return this.covered + (header?.offsetHeight ?? 0);
  }

  private rowElement(index: number): RowElement | undefined {
    return (
      this.renderRoot.querySelector<RowElement>(`tracin-row[data-index="${index}"]`) ?? undefined
    );
  }

  protected override render() {
    const { cache } = this;
    if (!this.window.isReady || !cache) {
      return null;
    }
    if (cache.failure) {
      const { message, remedy } = cache.failure;
      return html`<tracin-error .message=${message} .remedy=${remedy}>
        <vscode-button @click=${() => cache.retry()}>${strings.error.retry}</vscode-button>
      </tracin-error>`;
    }
    if (cache.total === undefined) {
      return html`<tracin-waiting ?filtered=${this.filtered}></tracin-waiting>`;
    }
    if (cache.total === 0) {
      return html`<p class="notice muted">${this.filtered ? strings.filter.nothing : strings.list.empty[this.view]}</p>`;
    }
    const kind = cache.first?.preview.kind ?? "text";
    const digits = Math.max(2, formatCount(this.window.range.endIndex + 1).length);
    const roomy = isRoomy(this.width, kind) ? `roomy numbers-${this.numbers.length}` : "";
    return html`
      <div
        class="grid ${kind} ${this.rowView === "suspects" ? "suspects" : ""} ${roomy}"
        role="treegrid"
        aria-multiselectable="true"
        aria-label=${strings.views[this.view]}
        aria-rowcount=${cache.total}
        .style=${`--rank-width: ${(digits * 0.64).toFixed(2)}em`}
        @keydown=${this.onKey}
        @click=${(event: MouseEvent) => this.selection.onClick(event)}
        @focusin=${this.onFocus}
        @mousedown=${(event: MouseEvent) => this.selection.onMouseDown(event)}
        @copy=${(event: ClipboardEvent) => this.selection.onCopy(event)}
        @toggle-row=${this.onToggle}
      >
        ${
          this.layout === "wide"
            ? listHeader({
                kind,
                suspects: this.rowView === "suspects",
                order: this.order,
                numbers: this.numbers,
                sort: this.sort,
                covered: this.covered,
                onSort: (detail) => this.tell("sort-changed", detail),
              })
            : null
        }
        <div class="body" role="rowgroup" .style=${`height: ${this.window.height}px`}>
          ${repeat(
            this.window.rows,
            (index) => index,
            (index) => this.renderRow(index, kind),
          )}
        </div>
      </div>
    `;
  }

  /** How rows are drawn. */
  get rowView(): RankedView {
    return this.view === "all" && !this.scored ? "suspects" : this.view;
  }

  private renderRow(index: number, kind: string) {
    const { cache } = this;
    const open = this.expanded.has(index);
    return html`<tracin-row
      role="row"
      kind=${kind}
      data-index=${index}
      ?data-expanded=${open}
      aria-rowindex=${index + 1}
      aria-expanded=${open}
      aria-selected=${this.selection.isMeant(index)}
      ?data-selected=${this.selection.has(index)}
      tabindex=${index === this.active ? 0 : -1}
      .style=${`transform: translateY(${this.window.topOf(index)}px)`}
      .runId=${this.runId}
      .row=${cache?.row(index)}
      .index=${index}
      view=${this.rowView}
      layout=${this.layout}
      .order=${this.order}
      .numbers=${this.numbers}
      .reading=${this.reading}
      .scale=${cache?.scale ?? 0}
      .expanded=${open}
      .active=${index === this.active}
      .review=${this.view === "suspects" ? this.reviews.of(cache?.row(index)) : undefined}
      .checkpoints=${this.checkpoints}
      .scored=${this.about}
      .comparison=${this.comparison}
    ></tracin-row>`;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    if (event.key === "Escape" && this.selection.count > 0) {
      event.preventDefault();
      this.selection.clear();
      return;
    }
    const height = (this.scroller?.clientHeight ?? 0) - this.coveredHeight;
    const page = Math.floor(height / this.window.rowHeight);
    const target = rowAfterKey(event.key, this.active, this.rowCount, page);
    if (target !== undefined) {
      event.preventDefault();
      if (event.shiftKey) {
        this.selection.extendTo(target);
      } else {
        this.selection.clear();
      }
      this.moveTo(target);
      return;
    }
    const action = this.view === "suspects" ? actionOfKey(event.key, this.labels) : undefined;
    if (action !== undefined) {
      event.preventDefault();
      this.tell<ReviewAction>("review", action);
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
    this.window.scrollTo(index);
    this.requestUpdate();
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
      this.window.collapse(index);
    }
    this.tell("toggle-expanded", { view: this.view, index });
  }

  private tell<T>(name: string, detail: T): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  static override styles = [baseStyles, listStyles];
}
