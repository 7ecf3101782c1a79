import { html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { keyed } from "lit/directives/keyed.js";
import type { ExampleForm } from "../src/protocol/examples.ts";
import type { RankedView, RowFilter, RowSort } from "../src/protocol/lists.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import { type Arrival, arrive } from "./arrival.ts";
import { carryOut } from "./carry-out.ts";
import { comparisonWith } from "./differences.ts";
import "./filter-bar.ts";
import { isEmpty } from "./filter-model.ts";
import { focusWhereLost } from "./focus.ts";
import { ListCaches } from "./list-caches.ts";
import { listCaption, suspectsCaption } from "./list-caption.ts";
import { loadViewState, saveViewState, tellShown } from "./messages.ts";
import { baseName } from "./place.ts";
import { queryStepper } from "./query-stepper.ts";
import { RankedList } from "./ranked-list.ts";
import { noReviews, type ReviewAction, type ReviewIndex } from "./review.ts";
import { runCard } from "./run-card.ts";
import "./run-header.ts";
import "./stale-notice.ts";
import { runStyles, tabsHeight } from "./run-styles.ts";
import { isWide, type TabName, tabOf, tabsOf, viewOfTab, viewsIn, viewsOf } from "./run-tabs.ts";
import { ScrollKeeper } from "./scroll-keeper.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import {
  listKey,
  listOf,
  orderIn,
  stateForRun,
  toggleExpanded,
  type ViewState,
} from "./view-state.ts";

/** A finished run: its query, how it was made, and its ranked lists. */
@customElement("tracin-run")
export class RunView extends LitElement {
  @property({ attribute: false }) run: RunSummary | undefined;
  @property({ attribute: false }) labels: readonly string[] | undefined;
  @property({ attribute: false }) scales: Readonly<Record<string, number>> = {};
  @property({ attribute: false }) form: ExampleForm | undefined;
  @property({ attribute: false }) reviews: ReviewIndex = noReviews;
  @property({ attribute: false }) scroller: HTMLElement | undefined;
  /** Where the person was while the run was computed. */
  @property({ attribute: false }) arrival: Arrival | undefined;

  @state() private shown: ViewState = loadViewState();
  @state() private wide = false;
  @state() private above = 0;
  @state() private revision = 0;
  @state() private said = "";
  /** Whether the run is the answer to the form for an example of one's own, which closes then. */
  private isAnswer = false;
  /** The list that the host was told of last, as text. */
  private told = "";
  @state() private selected = 0;
  private readonly lists = new ListCaches(() => {
    this.revision++;
  });
  private readonly scrolling = new ScrollKeeper(this, () => this.keepScroll());
  private readonly resize = new ResizeObserver(() => {
    this.wide = isWide(this.clientWidth);
    this.above = this.renderRoot.querySelector<HTMLElement>(".above")?.offsetHeight ?? 0;
  });

  /** Shows one of the lists, if the run has it. */
  showView(view: RankedView): void {
    if (this.run && viewsOf(this.run).includes(view) && view !== this.shown.view) {
      this.change({ view });
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
    this.lists.clear();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("run");
    if (
      changed.has("run") &&
      this.run &&
      (before?.id !== this.run.id || before.kind !== this.run.kind)
    ) {
      this.lists.clear();
      const { run } = this;
      this.isAnswer = this.shown.composing && this.shown.runId !== run.id;
      this.shown = stateForRun(this.shown, run.id, viewsOf(run), run.queries.length);
      const { arrival } = this;
      if (arrival && viewsOf(run).includes(arrival.view)) {
        this.shown = { ...this.shown, view: arrival.view };
      }
      this.scrolling.restore = arrival ? undefined : this.shown.scroll[this.shown.view];
      saveViewState(this.shown);
    }
    this.scrolling.scroller = this.scroller;
  }

  protected override updated(): void {
    this.tellShown();
    if (this.isAnswer) {
      this.isAnswer = false;
      focusWhereLost(this.renderRoot.querySelector("tracin-new-example"));
    }
    this.resize.observe(this);
    const above = this.renderRoot.querySelector(".above");
    if (above) {
      this.resize.observe(above);
    }
  }

  private tellShown(): void {
    const list = this.run && listOf(this.run, this.shown, this.shown.view);
    const text = JSON.stringify(list);
    if (list && text !== this.told) {
      this.told = text;
      tellShown(list);
    }
  }

  protected override render() {
    const { run } = this;
    if (!run) {
      return null;
    }
    return html`
      <div class="above" @toggle-details=${() => this.change({ details: !this.shown.details })}>
        ${run.changes.length > 0 ? html`<tracin-stale-notice .run=${run} .labels=${this.labels}></tracin-stale-notice>` : null}
        ${queryStepper(this.shown.query, run.queries.length, (chosen) => this.change({ query: chosen, draft: undefined, scroll: {} }))}
        ${runCard(run, this.shown, {
          labels: this.labels,
          form: this.form,
          change: (change) => this.change(change),
        })}
        <tracin-run-header
          .run=${run}
          .details=${this.shown.details}
        ></tracin-run-header>
        <tracin-filter-bar
          .list=${listOf(run, this.shown, this.shown.view)}
          histogram=${this.shown.histogram}
          @filter-coming=${(event: CustomEvent<RowFilter>) => this.fetchAhead(run, event.detail)}
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
        @selection-changed=${(event: CustomEvent<number>) => {
          this.selected = event.detail;
        }}
      >
        ${this.renderTabs(run)}
      </div>
    `;
  }

  private renderTabs(run: RunSummary): TemplateResult {
    const tabs = tabsOf(viewsOf(run), this.wide);
    const active = tabOf(this.shown.view, tabs);
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
    const lists = viewsIn(tab, run).map((view) => this.renderList(run, view));
    return tab === "influence" ? html`<div class="pair">${lists}</div>` : html`${lists}`;
  }

  private renderList(run: RunSummary, view: RankedView): TemplateResult {
    const { query, filter, sort } = this.shown;
    const order = orderIn(run, this.shown.order);
    const { key, cache } = this.listIn(run, this.shown, view);
    return html`<div class="list">
      ${this.renderCaption(run, view)}
      ${keyed(
        key,
        html`<tracin-ranked-list
          view=${view}
          .runId=${run.id}
          .order=${order}
          .numbers=${run.orders}
          .reading=${run.reading}
          .reviews=${this.reviews}
          .labels=${this.labels}
          .scored=${run.kind !== "suspects"}
          .comparison=${comparisonWith(run, query, this.form, this.scales)}
          .about=${run.kind === "explain" ? { runId: run.id, query } : undefined}
          .filtered=${!isEmpty(filter)}
          .sort=${sort}
          .cache=${cache}
          .revision=${this.revision}
          .scroller=${this.scroller}
          .above=${this.above}
          .covered=${tabsHeight}
          .checkpoints=${run.checkpoints.map((checkpoint) => baseName(checkpoint.file))}
          .expanded=${new Set(this.shown.expanded[key] ?? [])}
        ></tracin-ranked-list>`,
      )}
    </div>`;
  }

  private listIn(run: RunSummary, shown: ViewState, view: RankedView) {
    const { query, filter, sort } = shown;
    const key = listKey(view, query, orderIn(run, shown.order), filter, sort);
    return { key, cache: this.lists.of(key, listOf(run, shown, view)) };
  }

  /** Asks for the first rows of the lists in sight under a filter that is still being checked. */
  private fetchAhead(run: RunSummary, filter: RowFilter): void {
    const tab = tabOf(this.shown.view, tabsOf(viewsOf(run), this.wide));
    for (const view of viewsIn(tab, run)) {
      this.listIn(run, { ...this.shown, filter }, view).cache.show(0, 0);
    }
  }

  private renderCaption(run: RunSummary, view: RankedView): TemplateResult {
    const { query, order } = this.shown;
    return view === "suspects"
      ? suspectsCaption({
          run,
          order: orderIn(run, order),
          reviews: this.reviews,
          selected: this.selected,
          said: this.said,
          onOrder: (chosen) => this.change({ order: chosen }),
        })
      : listCaption(view, run.queries[query]?.explained, run.testSet !== undefined);
  }

  private change(change: Partial<ViewState>): void {
    this.shown = { ...this.shown, ...change };
    saveViewState(this.shown);
  }

  /** Another filter or order: the lists start at their top. */
  private relist(change: Pick<Partial<ViewState>, "filter" | "sort">): void {
    this.change({ ...change, scroll: {} });
    this.scrolling.upTo(this.above);
  }

  private onListReady(event: CustomEvent<unknown>): void {
    const [list] = event.composedPath();
    const { arrival, scroller } = this;
    if (list instanceof RankedList && list.view === arrival?.view && scroller) {
      this.arrival = undefined;
      void arrive(list, scroller, arrival);
    } else {
      this.scrolling.goBack();
    }
  }

  private onSort(event: CustomEvent<RowSort | undefined>): void {
    this.relist({ sort: event.detail ?? undefined });
  }

  private keepScroll(): void {
    const { view, scroll } = this.shown;
    this.change({ scroll: { ...scroll, [view]: this.scrolling.top } });
  }

  private onTab(event: CustomEvent<unknown>): void {
    const { detail } = event;
    const tab = detail instanceof HTMLElement ? detail.id.replace(/^tab-/, "") : undefined;
    const view = viewOfTab(tab, this.shown.view);
    if (view === undefined) {
      return;
    }
    this.keepScroll();
    const { top } = this.scrolling;
    // While the card is in sight it stays where it is; below it, each list has its own place.
    this.scrolling.restore =
      top > this.above ? Math.max(this.above, this.shown.scroll[view] ?? 0) : top;
    this.change({ view });
    void this.updateComplete.then(() => this.scrolling.goBack());
  }

  private onReview(event: CustomEvent<ReviewAction>): void {
    void this.review(event.detail);
  }

  private async review(action: ReviewAction): Promise<void> {
    const list = this.renderRoot.querySelector<RankedList>("tracin-ranked-list[view=suspects]");
    if (this.run) {
      this.said =
        (await carryOut(
          action,
          list ?? undefined,
          this.run.id,
          listOf(this.run, this.shown, "suspects"),
        )) ?? this.said;
    }
  }

  private onToggleExpanded(event: CustomEvent<{ view: RankedView; index: number }>): void {
    const { view, index } = event.detail;
    if (this.run) {
      this.change(toggleExpanded(this.shown, this.listIn(this.run, this.shown, view).key, index));
    }
  }

  static override styles = [baseStyles, runStyles];
}
