import { html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import type {
  ListRequest,
  RankedRow,
  RankedView,
  RowFilter,
  RowSort,
  SuspectOrder,
} from "../src/protocol/lists.ts";
import type { Decision } from "../src/protocol/reviews.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import "./filter-bar.ts";
import { isEmpty } from "./filter-model.ts";
import { chevron, chevronLeft } from "./icons.ts";
import { decide, getRows, loadViewState, saveViewState, undoReview } from "./messages.ts";
import { PageCache } from "./page-cache.ts";
import "./query-card.ts";
import "./ranked-list.ts";
import type { RankedList } from "./ranked-list.ts";
import { noReviews, type ReviewAction, type ReviewIndex } from "./review.ts";
import "./review-bar.ts";
import { decisionText } from "./row.ts";
import "./run-header.ts";
import { runStyles, tabsHeight } from "./run-styles.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import { listKey, stateForRun, toggleExpanded, type ViewState } from "./view-state.ts";

/** From this width on, proponents and opponents stand side by side. */
const sideBySide = 900;

/** Lists whose rows are kept. */
const mostLists = 8;

type TabName = RankedView | "influence";

/** A finished run: its query, how it was made, and its ranked lists. */
@customElement("tracin-run")
export class RunView extends LitElement {
  @property({ attribute: false }) run: RunSummary | undefined;
  @property({ attribute: false }) labels: readonly string[] | undefined;
  @property({ attribute: false }) reviews: ReviewIndex = noReviews;
  @property({ attribute: false }) scroller: HTMLElement | undefined;

  @state() private shown: ViewState = loadViewState();
  @state() private wide = false;
  @state() private above = 0;
  @state() private revision = 0;
  @state() private said = "";
  private readonly caches = new Map<string, PageCache>();
  private restore: number | undefined;
  private saving: ReturnType<typeof setTimeout> | undefined;
  private readonly resize = new ResizeObserver(() => {
    this.wide = this.clientWidth >= sideBySide;
    this.above = this.renderRoot.querySelector<HTMLElement>(".above")?.offsetHeight ?? 0;
  });
  private readonly onScroll = () => {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.keepScroll(), 150);
  };

  /** Shows one of the lists, if the run has it. */
  showView(view: RankedView): void {
    if (this.run && viewsOf(this.run).includes(view) && view !== this.shown.view) {
      this.change({ view });
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.scroller?.removeEventListener("scroll", this.onScroll);
    clearTimeout(this.saving);
    this.forgetLists();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("run");
    if (
      changed.has("run") &&
      this.run &&
      (before?.id !== this.run.id || before.kind !== this.run.kind)
    ) {
      this.forgetLists();
      const { run } = this;
      this.shown = stateForRun(this.shown, run.id, viewsOf(run), run.queries.length);
      this.restore = this.shown.scroll[this.shown.view];
      saveViewState(this.shown);
    }
    if (changed.has("scroller")) {
      changed.get("scroller")?.removeEventListener("scroll", this.onScroll);
      this.scroller?.addEventListener("scroll", this.onScroll, { passive: true });
    }
  }

  protected override updated(): void {
    this.resize.observe(this);
    const above = this.renderRoot.querySelector(".above");
    if (above) {
      this.resize.observe(above);
    }
  }

  protected override render() {
    const { run } = this;
    if (!run) {
      return null;
    }
    const query = run.queries[this.shown.query];
    return html`
      <div
        class="above"
        @toggle-labels=${() => this.change({ allLabels: !this.shown.allLabels })}
        @toggle-details=${() => this.change({ details: !this.shown.details })}
      >
        ${run.queries.length > 1 ? this.renderStepper(run.queries.length) : null}
        ${
          query
            ? html`<tracin-query-card
              .runId=${run.id}
              .query=${query}
              .labels=${this.labels}
              .allLabels=${this.shown.allLabels}
            ></tracin-query-card>`
            : html`<h2>${run.title}</h2>`
        }
        <tracin-run-header
          .run=${run}
          .labels=${this.labels}
          .details=${this.shown.details}
        ></tracin-run-header>
        <tracin-filter-bar
          .list=${this.listOf(run.id, this.shown.view)}
          histogram=${this.shown.histogram}
          @filter-changed=${(event: CustomEvent<RowFilter>) => this.relist({ filter: event.detail })}
          @sort-changed=${this.onSort}
          @histogram-changed=${(event: CustomEvent<string>) => this.change({ histogram: event.detail })}
        ></tracin-filter-bar>
      </div>
      <div
        class="lists"
        @toggle-expanded=${this.onToggleExpanded}
        @list-ready=${this.onListReady}
        @sort-changed=${this.onSort}
        @review=${this.onReview}
      >
        ${this.renderTabs(run)}
      </div>
    `;
  }

  private renderStepper(total: number): TemplateResult {
    const { card } = strings;
    const { query } = this.shown;
    const step = (by: number) => this.change({ query: query + by, scroll: {} });
    return html`<div class="stepper">
      <vscode-button appearance="icon" aria-label=${card.previous} title=${card.previous} ?disabled=${query === 0} @click=${() => step(-1)}>${chevronLeft}</vscode-button>
      <span>${card.query(query + 1, total)}</span>
      <vscode-button appearance="icon" aria-label=${card.next} title=${card.next} ?disabled=${query === total - 1} @click=${() => step(1)}>${chevron(false)}</vscode-button>
    </div>`;
  }

  private renderTabs(run: RunSummary): TemplateResult {
    const views = viewsOf(run);
    const paired = this.wide && views.includes("proponents");
    const tabs: readonly TabName[] = paired ? ["influence", "suspects", "all"] : views;
    const { view } = this.shown;
    const active: TabName = paired && view !== "suspects" && view !== "all" ? "influence" : view;
    return html`${keyed(
      tabs.join(),
      html`<vscode-panels activeid=${`tab-${active}`} @change=${this.onTab}>
        ${tabs.map((tab) => html`<vscode-panel-tab id=${`tab-${tab}`} title=${strings.viewTitles[tab]}>${strings.views[tab]}</vscode-panel-tab>`)}
        ${tabs.map(
          (tab) => html`<vscode-panel-view id=${`view-${tab}`}>
            ${tab === active ? this.renderPanel(run, tab) : null}
          </vscode-panel-view>`,
        )}
      </vscode-panels>`,
    )}`;
  }

  private renderPanel(run: RunSummary, tab: TabName): TemplateResult {
    return tab === "influence"
      ? html`<div class="pair">
          ${this.renderList(run, "proponents", tabsHeight)} ${this.renderList(run, "opponents", tabsHeight)}
        </div>`
      : this.renderList(run, tab, tabsHeight);
  }

  private renderList(run: RunSummary, view: RankedView, covered: number): TemplateResult {
    const { query, order, filter, sort } = this.shown;
    const key = listKey(view, query, order, filter, sort);
    return html`<div class="list">
      ${this.renderCaption(run, view)}
      ${keyed(
        key,
        html`<tracin-ranked-list
          view=${view}
          .order=${order}
          .reading=${run.reading}
          .reviews=${this.reviews}
          .labels=${this.labels}
          .scored=${run.kind === "explain"}
          .filtered=${!isEmpty(filter)}
          .sort=${sort}
          .cache=${this.cacheOf(run.id, view, key)}
          .revision=${this.revision}
          .scroller=${this.scroller}
          .above=${this.above}
          .covered=${covered}
          .checkpoints=${run.checkpoints.map((checkpoint) => baseName(checkpoint.file))}
          .expanded=${new Set(this.shown.expanded[key] ?? [])}
        ></tracin-ranked-list>`,
      )}
    </div>`;
  }

  private renderCaption(run: RunSummary, view: RankedView): TemplateResult {
    const { list } = strings;
    const label = run.queries[this.shown.query]?.explained;
    if (view === "all") {
      return html`<p class="caption muted small">${list.allExamples}</p>`;
    }
    if (view !== "suspects") {
      const text = view === "proponents" ? list.towards(label) : list.away(label);
      return html`<p class="caption muted small" title=${strings.viewTitles[view]}>
        <span aria-hidden="true">${view === "proponents" ? "▲" : "▼"}</span> ${text}
      </p>`;
    }
    const orders: readonly SuspectOrder[] = ["loss", "selfInfluence"];
    return html`<div class="caption">
      <div class="order" title=${list.orderTitles[this.shown.order]}>
        <label>${list.order}</label>
        <vscode-dropdown position="below" aria-label=${list.order} current-value=${this.shown.order} @change=${this.onOrder}>
          ${orders.map((order) => html`<vscode-option value=${order} title=${list.orderTitles[order]} ?selected=${order === this.shown.order}>${list.orders[order]}</vscode-option>`)}
        </vscode-dropdown>
      </div>
      <p class="muted small">${list.suspects}</p>
      <tracin-review-bar
        .decided=${this.reviews.reviews.list.length}
        .total=${run.examples}
        .undoable=${this.reviews.reviews.undoable}
        .said=${this.said}
      ></tracin-review-bar>
    </div>`;
  }

  private listOf(runId: string, view: RankedView): Omit<ListRequest, "root"> {
    const { query, order, filter, sort } = this.shown;
    return {
      runId,
      view,
      query,
      ...(view === "suspects" ? { order } : {}),
      ...(isEmpty(filter) ? {} : { filter }),
      ...(sort === undefined ? {} : { sort }),
    };
  }

  private cacheOf(runId: string, view: RankedView, key: string): PageCache {
    let cache = this.caches.get(key);
    if (!cache) {
      const what = this.listOf(runId, view);
      cache = new PageCache(
        (offset, limit) => getRows({ ...what, offset, limit }),
        () => {
          this.revision++;
        },
      );
      this.caches.set(key, cache);
      for (const [oldest, forgotten] of [...this.caches].slice(0, -mostLists)) {
        forgotten.dispose();
        this.caches.delete(oldest);
      }
    }
    return cache;
  }

  private forgetLists(): void {
    for (const cache of this.caches.values()) {
      cache.dispose();
    }
    this.caches.clear();
  }

  private change(change: Partial<ViewState>): void {
    this.shown = { ...this.shown, ...change };
    saveViewState(this.shown);
  }

  /** Another filter or order: the lists start at their top. */
  private relist(change: Pick<Partial<ViewState>, "filter" | "sort">): void {
    this.change({ ...change, scroll: {} });
    if ((this.scroller?.scrollTop ?? 0) > this.above) {
      this.scroller?.scrollTo({ top: this.above });
    }
  }

  private onSort(event: CustomEvent<RowSort | undefined>): void {
    this.relist({ sort: event.detail ?? undefined });
  }

  private keepScroll(): void {
    const { view, scroll } = this.shown;
    this.change({ scroll: { ...scroll, [view]: this.scroller?.scrollTop ?? 0 } });
  }

  private onTab(event: CustomEvent<unknown>): void {
    const { detail } = event;
    const tab = detail instanceof HTMLElement ? detail.id.replace(/^tab-/, "") : undefined;
    const view = tab === "influence" ? "proponents" : tab;
    if (
      (view !== "proponents" && view !== "opponents" && view !== "suspects" && view !== "all") ||
      view === this.shown.view ||
      (tab === "influence" && this.shown.view === "opponents")
    ) {
      return;
    }
    this.keepScroll();
    const top = this.scroller?.scrollTop ?? 0;
    // While the card is in sight it stays where it is; below it, each list has its own place.
    this.restore = top > this.above ? Math.max(this.above, this.shown.scroll[view] ?? 0) : top;
    this.change({ view });
    void this.updateComplete.then(() => this.onListReady());
  }

  private onOrder(event: Event): void {
    const { target } = event;
    const value = target instanceof HTMLElement && "value" in target ? target.value : undefined;
    if ((value === "selfInfluence" || value === "loss") && value !== this.shown.order) {
      this.change({ order: value });
    }
  }

  private onReview(event: CustomEvent<ReviewAction>): void {
    void this.review(event.detail);
  }

  private async review(action: ReviewAction): Promise<void> {
    const list = this.renderRoot.querySelector<RankedList>("tracin-ranked-list[view=suspects]");
    const row = list?.activeRow;
    const { run } = this;
    const words = strings.review;
    if (action.kind === "next") {
      this.said = list?.moveOn("undecided") ? "" : words.allDecided;
      return;
    }
    if (action.kind === "undo") {
      const reply = await undoReview();
      this.said = reply.ok ? words.undone : reply.message;
      return;
    }
    if (!run || !row || !list) {
      return;
    }
    const decision = decisionFor(action, row);
    if (decision === undefined) {
      this.said = words.noSuggestion;
      return;
    }
    const { index, content, rank } = row;
    const item = content === undefined ? { index } : { index, content };
    const reply = await decide(run.id, [item], decision);
    if (!reply.ok) {
      this.said = reply.message;
    } else if (reply.value.skipped.length > 0) {
      this.said = reply.value.skipped.join(" ");
    } else if (reply.value.decision !== undefined) {
      this.said = words.decided(rank, decisionText(reply.value.decision));
      list.moveOn("below");
    }
  }

  private onToggleExpanded(event: CustomEvent<{ view: RankedView; index: number }>): void {
    const { view, index } = event.detail;
    const { query, order, filter, sort } = this.shown;
    const key = listKey(view, query, order, filter, sort);
    this.change(toggleExpanded(this.shown, key, index));
  }

  /** Goes back to where the person was, as soon as the list is long enough. */
  private onListReady(): void {
    const { restore, scroller } = this;
    if (restore === undefined || !scroller) {
      return;
    }
    requestAnimationFrame(() => {
      scroller.scrollTop = restore;
      if (Math.abs(scroller.scrollTop - restore) <= 1) {
        this.restore = undefined;
      }
    });
  }

  static override styles = [baseStyles, runStyles];
}

function decisionFor(
  action: ReviewAction,
  { suggested }: RankedRow,
): Decision | { readonly kind: "pick" } | undefined {
  switch (action.kind) {
    case "label":
      return { kind: "relabel", to: action.label };
    case "suggestion":
      return suggested && { kind: "relabel", to: suggested.label };
    case "keep":
    case "exclude":
    case "pick":
      return { kind: action.kind };
    default:
      return undefined;
  }
}

function viewsOf(run: RunSummary): readonly RankedView[] {
  return run.kind === "suspects"
    ? ["suspects", "all"]
    : ["proponents", "opponents", "suspects", "all"];
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
