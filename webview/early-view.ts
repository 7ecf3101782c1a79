import { css, html, LitElement, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { EarlyList, EarlyRanking } from "../src/protocol/early.ts";
import type { RankedRow } from "../src/protocol/lists.ts";
import type { Arrival } from "./arrival.ts";
import { layoutOf } from "./list-model.ts";
import { listStyles } from "./list-styles.ts";
import { reveal } from "./messages.ts";
import { rowAfterKey } from "./navigation.ts";
import { baseName } from "./place.ts";
import "./row.ts";
import { RowElement, type RowLayout } from "./row.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** From this width in pixels on, two lists stand side by side. */
const sideBySide = 700;

/** The first places of the lists of a run that is still being computed, marked as what they are. */
@customElement("tracin-early")
export class EarlyView extends LitElement {
  @property({ attribute: false }) ranking: EarlyRanking | undefined;
  @property({ attribute: false }) scroller: HTMLElement | undefined;

  @state() private layout: RowLayout = "compact";
  @state() private wide = false;
  /** The row of each list that the Tab key reaches, by its example; the first one unless told. */
  @state() private active: Partial<Record<EarlyList["view"], number>> = {};
  /** The example that has the focus before rows change places. */
  private focused: Pick<Arrival, "view" | "example"> | undefined;
  private readonly resize = new ResizeObserver(() => {
    const lists = this.ranking?.lists.length ?? 1;
    this.wide = this.clientWidth >= sideBySide && lists > 1;
    this.layout = layoutOf(this.clientWidth / (this.wide ? lists : 1));
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resize.disconnect();
  }

  /** Where the person is: on the row with the focus, or at the first one in sight once they have scrolled. */
  get arrival(): Arrival | undefined {
    const { scroller } = this;
    if (!scroller) {
      return undefined;
    }
    const edge = scroller.getBoundingClientRect().top;
    const { rows } = this;
    const withFocus = this.focusedRow;
    const inSight =
      scroller.scrollTop > 0
        ? rows.find((row) => row.getBoundingClientRect().bottom > edge)
        : undefined;
    const row = withFocus ?? inSight;
    return row?.row === undefined
      ? undefined
      : {
          view: row.view,
          example: row.row.index,
          top: row.getBoundingClientRect().top - edge,
          focused: row === withFocus,
        };
  }

  protected override willUpdate(): void {
    const row = this.hasUpdated ? this.focusedRow : undefined;
    const list = this.ranking?.lists.find(({ view }) => view === row?.view);
    this.focused = list && row?.row && { view: list.view, example: row.row.index };
  }

  protected override updated(): void {
    const { focused } = this;
    // Rows that change places lose the focus, and so do those that are no longer among the first.
    if (focused && !this.focusedRow) {
      const rows = this.rows.filter(({ view }) => view === focused.view);
      const row = rows.find((each) => each.row?.index === focused.example) ?? rows.at(-1);
      row?.focus({ preventScroll: true });
    }
  }

  private get rows(): readonly RowElement[] {
    return [...this.renderRoot.querySelectorAll<RowElement>("tracin-row")];
  }

  private get focusedRow(): RowElement | undefined {
    return this.rows.find((row) => row.matches(":focus-within"));
  }

  protected override render() {
    const { ranking } = this;
    const { early } = strings;
    if (!ranking) {
      return null;
    }
    const { queries, lists } = ranking;
    return html`
      <span class="unseen" role="status">${early.announced}</span>
      <p class="muted small">
        ${early.basedOn(ranking)}
        ${queries > 1 ? early.firstOf(queries) : null}
      </p>
      <div class="lists ${this.wide ? "wide" : ""}">
        ${lists.map((list) => this.renderList(ranking, list))}
      </div>
    `;
  }

  private renderList(ranking: EarlyRanking, { view, rows, scale }: EarlyList): TemplateResult {
    const kind = rows[0]?.preview.kind ?? "text";
    const title = strings.early.views[view];
    const names = ranking.checkpoints.map(baseName);
    const active = rows.find(({ index }) => index === this.active[view]) ?? rows[0];
    return html`<section>
      <h2>${title}</h2>
      <div
        class="grid ${kind} ${view === "suspects" ? "suspects" : ""}"
        role="grid"
        aria-label=${title}
        aria-rowcount=${rows.length}
        .style=${"--rank-width: 1.28em"}
        @keydown=${(event: KeyboardEvent) => this.onKey(event, view, rows)}
        @click=${this.onClick}
        @focusin=${this.onFocus}
      >
        ${repeat(
          rows,
          ({ index }) => index,
          (row, at) => html`<tracin-row
            role="row"
            kind=${kind}
            aria-rowindex=${at + 1}
            tabindex=${row === active ? 0 : -1}
            provisional
            .row=${row}
            .index=${at}
            view=${view}
            layout=${this.layout}
            .order=${ranking.orders[0] ?? "loss"}
            .numbers=${ranking.orders}
            .reading=${ranking.reading}
            .scale=${scale}
            .active=${row === active}
            .checkpoints=${names}
          ></tracin-row>`,
        )}
      </div>
    </section>`;
  }

  private onKey(event: KeyboardEvent, view: EarlyList["view"], rows: readonly RankedRow[]): void {
    const row = event.composedPath().find((node) => node instanceof RowElement);
    if (!row || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return;
    }
    const target = rowAfterKey(event.key, row.index, rows.length, rows.length);
    const example = target === undefined ? undefined : rows[target]?.index;
    if (example !== undefined) {
      event.preventDefault();
      this.active = { ...this.active, [view]: example };
      this.rows.find((each) => each.view === view && each.row?.index === example)?.focus();
    } else if (event.key === "Enter" && event.composedPath()[0] === row && row.row) {
      event.preventDefault();
      reveal(row.row.place, "row");
    }
  }

  private onClick(event: MouseEvent): void {
    const path = event.composedPath();
    const row = path.find((node) => node instanceof RowElement);
    if (row?.row && !path.some((node) => node instanceof HTMLButtonElement)) {
      reveal(row.row.place, "row");
    }
  }

  private onFocus(event: FocusEvent): void {
    const row = event.composedPath().find((node) => node instanceof RowElement);
    if (row?.row) {
      this.active = { ...this.active, [row.view]: row.row.index };
    }
  }

  static override styles = [
    baseStyles,
    listStyles,
    css`
      p,
      h2 {
        margin: 0;
        padding: 4px 10px;
      }
      h2 {
        font-size: 1em;
        font-weight: 600;
      }
      .lists {
        display: grid;
        gap: 8px 0;
      }
      .lists.wide {
        grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
      }
      section {
        min-width: 0;
      }
      tracin-row {
        position: relative;
      }
    `,
  ];
}
