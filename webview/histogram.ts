import { html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Histogram, ListRequest, NumberRange } from "../src/protocol/lists.ts";
import type { PanelReply } from "../src/protocol/panel.ts";
import { rangeOfBins } from "./filter-model.ts";
import { filterStyles } from "./filter-styles.ts";
import { formatCount, formatNumber } from "./format.ts";
import { getHistogram } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

const bins = 24;

/** Another source of a histogram than a ranked list. */
export interface HistogramSource {
  /** Names all that the numbers depend on besides the column. */
  readonly key: string;
  readonly ranges: readonly NumberRange[];
  ask(column: string, bins: number): Promise<PanelReply<Histogram>>;
}

/** The distribution of a number in a list. A bar, or several that are dragged over, becomes a range of the filter. */
@customElement("tracin-histogram")
export class HistogramElement extends LitElement {
  @property({ attribute: false }) list: Omit<ListRequest, "root"> | undefined;
  /** Asked instead of the list. */
  @property({ attribute: false }) source: HistogramSource | undefined;
  @property() column = "";

  @state() private found: Histogram | undefined;
  @state() private failure: string | undefined;
  @state() private focused = 0;
  private started: number | undefined;
  private asked = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { list, source, column } = this;
    const key = JSON.stringify([list, source?.key, column]);
    const ask = source?.ask ?? (list && (() => getHistogram({ ...list, column, bins })));
    if (ask !== undefined && key !== this.asked) {
      this.asked = key;
      void ask(column, bins).then((reply) => {
        if (this.asked === key && (reply.ok || reply.superseded !== true)) {
          this.found = reply.ok ? reply.value : undefined;
          this.failure = reply.ok ? undefined : reply.message;
        }
      });
    }
  }

  private get range(): NumberRange | undefined {
    const ranges = this.source?.ranges ?? this.list?.filter?.ranges;
    return ranges?.find(({ column }) => column === this.column);
  }

  protected override render() {
    const { found, failure, range } = this;
    const words = strings.filter;
    if (failure !== undefined) {
      return html`<p class="muted small" role="status">${failure}</p>`;
    }
    if (found === undefined || found.counts.length === 0) {
      return html`<p class="muted small">${found === undefined ? strings.list.loading : words.noValues(this.column)}</p>`;
    }
    const most = Math.log1p(Math.max(...found.counts));
    return html`<div
        class="bars"
        role="group"
        aria-label=${words.histogramOf(this.column)}
        title=${words.histogramTitle}
        @pointerdown=${(event: PointerEvent) => {
          this.started = this.binAt(event);
        }}
        @pointerup=${this.onUp}
        @keydown=${this.onKey}
      >
        ${found.counts.map((count, bin) => {
          const { from, to } = rangeOfBins(this.column, found, bin, bin);
          const inside = range !== undefined && from < range.to && to > range.from;
          const label = words.bar(formatNumber(from), formatNumber(to), formatCount(count));
          return html`<button
            class="plain ${range === undefined ? "" : "dim"}"
            data-bin=${bin}
            tabindex=${bin === this.focused ? 0 : -1}
            aria-label=${label}
            title=${label}
            aria-pressed=${inside}
            ><span .style=${`height: ${count === 0 ? 0 : Math.max(6, (100 * Math.log1p(count)) / most)}%`}></span
          ></button>`;
        })}
      </div>
      <div class="ends muted small">
        <span>${formatNumber(found.from)}</span><span>${formatNumber(found.to)}</span>
      </div>`;
  }

  private binAt(event: Event): number | undefined {
    const button = event
      .composedPath()
      .find((node) => node instanceof HTMLElement && node.dataset["bin"] !== undefined);
    return button instanceof HTMLElement ? Number(button.dataset["bin"]) : undefined;
  }

  private onUp(event: PointerEvent): void {
    const last = this.binAt(event);
    const first = this.started;
    this.started = undefined;
    if (first !== undefined && last !== undefined) {
      this.pick(first, last);
    }
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const last = (this.found?.counts.length ?? 1) - 1;
      this.focused = Math.min(last, Math.max(0, this.focused + step));
      void this.updateComplete.then(() =>
        this.renderRoot.querySelector<HTMLElement>(`[data-bin="${this.focused}"]`)?.focus(),
      );
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const { range, found } = this;
      const anchor =
        event.shiftKey && range && found && found.to > found.from
          ? Math.floor(((range.from - found.from) / (found.to - found.from)) * found.counts.length)
          : this.focused;
      this.pick(anchor, this.focused);
    }
  }

  /** A range of the bins; the same single bin once more takes it away. */
  private pick(first: number, last: number): void {
    if (this.found === undefined) {
      return;
    }
    const range = rangeOfBins(this.column, this.found, first, last);
    const same = this.range?.from === range.from && this.range.to === range.to;
    this.dispatchEvent(
      new CustomEvent("range-picked", {
        detail: { column: this.column, range: same ? undefined : range },
        bubbles: true,
        composed: true,
      }),
    );
  }

  static override styles = [baseStyles, filterStyles];
}
