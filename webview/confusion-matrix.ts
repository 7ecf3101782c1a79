import { css, html, LitElement } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { TestOutcome, TestSlice } from "../src/protocol/test-set.ts";
import {
  type Confusion,
  confusionOf,
  type GridPlace,
  mostOnRequest,
  moveInGrid,
} from "./confusion-model.ts";
import { formatCount } from "./format.ts";
import { sliceKey } from "./slice.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** Strongest mix of a cell's colour, in percent: text on it stays readable in every theme. */
const strongest = 32;

/** Targets against predictions; a cell, or the name of a label, chooses the examples in it. */
@customElement("tracin-confusion")
export class ConfusionMatrix extends LitElement {
  @property({ attribute: false }) outcome: Extract<TestOutcome, { kind: "labels" }> | undefined;
  @property({ attribute: false }) chosen: TestSlice = { kind: "all" };

  @state() private all = false;
  @state() private focused: GridPlace = { row: 0, column: 0 };

  protected override render() {
    const { outcome } = this;
    if (!outcome) {
      return null;
    }
    const confusion = confusionOf(outcome, this.all);
    const words = strings.testSet;
    return html`
      <div class="axis muted small" aria-hidden="true">${words.axes}</div>
      <div class="scroll">
        <table role="grid" aria-label=${words.matrix} @keydown=${(event: KeyboardEvent) => this.onKey(event, confusion)}>
          <tbody>
            <tr role="row">
              <td class="corner" role="presentation"></td>
              ${confusion.labels.map((label, column) => this.renderHead(label, { row: -1, column }, confusion))}
            </tr>
            ${confusion.labels.map(
              (label, row) => html`<tr role="row">
                ${this.renderHead(label, { row, column: -1 }, confusion)}
                ${confusion.labels.map((_, column) => this.renderCell({ row, column }, confusion))}
              </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${this.renderRest(confusion, outcome.labels.length)}
    `;
  }

  private renderHead(label: string, place: GridPlace, confusion: Confusion) {
    const words = strings.testSet;
    const isRow = place.column < 0;
    const name = isRow ? words.targetLabel(label) : words.predictedLabel(label);
    return html`<th
      role=${isRow ? "rowheader" : "columnheader"}
      class=${isRow ? "row-head" : "column-head"}
      title=${name}
      aria-label=${name}
      aria-selected=${this.isChosen(place, confusion)}
      tabindex=${this.tab(place, confusion)}
      data-cell=${`${place.row} ${place.column}`}
      @click=${() => this.choose(place, confusion)}
    ><span class="ellipsis">${label}</span></th>`;
  }

  private renderCell(place: GridPlace, confusion: Confusion) {
    const { row, column } = place;
    const count = confusion.counts[row]?.[column] ?? 0;
    const [target = "", predicted = ""] = [confusion.labels[row], confusion.labels[column]];
    const name = strings.testSet.cell(target, predicted, count);
    const colour = row === column ? "--vscode-charts-green" : "--vscode-charts-red";
    const mix = Math.round(strongest * confusion.shade(row, column));
    return html`<td
      role="gridcell"
      class="cell ${count === 0 ? "none" : ""} ${row === column ? "hit" : ""}"
      title=${name}
      aria-label=${name}
      aria-selected=${this.isChosen(place, confusion)}
      tabindex=${this.tab(place, confusion)}
      data-cell=${`${row} ${column}`}
      .style=${mix === 0 ? "" : `background: color-mix(in srgb, var(${colour}) ${mix}%, transparent)`}
      @click=${() => this.choose(place, confusion)}
    >${count === 0 ? "" : formatCount(count)}</td>`;
  }

  private renderRest({ labels, hidden }: Confusion, total: number) {
    const words = strings.testSet;
    if (hidden === 0 && !this.all) {
      return null;
    }
    const toggle = html`<button class="plain link" @click=${() => {
      this.all = !this.all;
      this.focused = { row: 0, column: 0 };
    }}>${this.all ? words.fewerLabels : words.allLabels(total)}</button>`;
    return html`<p class="muted small">
      ${hidden === 0 ? null : words.someLabels(labels.length, total)}
      ${total <= mostOnRequest ? toggle : null}
    </p>`;
  }

  /** One of the cells is reached by Tab, the others by arrows. */
  private tab({ row, column }: GridPlace, { labels }: Confusion): 0 | -1 {
    const last = labels.length - 1;
    const focused = {
      row: Math.min(last, this.focused.row),
      column: Math.min(last, this.focused.column),
    };
    return row === focused.row && column === focused.column ? 0 : -1;
  }

  private sliceAt({ row, column }: GridPlace, { labels }: Confusion): TestSlice {
    const [target, predicted] = [labels[row], labels[column]];
    return {
      kind: "labels",
      ...(target === undefined ? {} : { target }),
      ...(predicted === undefined ? {} : { predicted }),
    };
  }

  private isChosen(place: GridPlace, confusion: Confusion): boolean {
    return sliceKey(this.sliceAt(place, confusion)) === sliceKey(this.chosen);
  }

  private choose(place: GridPlace, confusion: Confusion): void {
    this.focused = place;
    const slice: TestSlice = this.isChosen(place, confusion)
      ? { kind: "all" }
      : this.sliceAt(place, confusion);
    this.dispatchEvent(
      new CustomEvent("slice-chosen", { detail: slice, bubbles: true, composed: true }),
    );
  }

  private onKey(event: KeyboardEvent, confusion: Confusion): void {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.choose(this.focused, confusion);
      return;
    }
    const next = moveInGrid(event.key, this.focused, confusion.labels.length);
    if (next !== undefined) {
      event.preventDefault();
      this.focused = next;
      void this.updateComplete.then(() =>
        this.renderRoot
          .querySelector<HTMLElement>(`[data-cell="${next.row} ${next.column}"]`)
          ?.focus(),
      );
    }
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 2px;
        min-width: 0;
      }
      .scroll {
        max-width: 100%;
        max-height: 420px;
        overflow: auto;
      }
      table {
        border-collapse: separate;
        border-spacing: 1px;
        font-variant-numeric: tabular-nums;
      }
      th {
        color: var(--vscode-descriptionForeground);
        font-weight: normal;
        cursor: pointer;
      }
      th > span {
        display: block;
        max-width: 92px;
      }
      .column-head > span {
        max-width: 46px;
      }
      .column-head {
        position: sticky;
        top: 0;
        z-index: 1;
        padding: 0 2px 2px;
        background: var(--panel-background);
      }
      .corner,
      .row-head {
        position: sticky;
        left: 0;
        z-index: 1;
        padding: 0 4px 0 0;
        background: var(--panel-background);
        text-align: end;
      }
      .corner {
        top: 0;
        z-index: 2;
      }
      .cell {
        min-width: 22px;
        height: 22px;
        padding: 0 2px;
        border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent));
        color: var(--vscode-foreground);
        text-align: center;
        cursor: pointer;
      }
      .cell.hit {
        font-weight: 600;
      }
      [data-cell]:hover {
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
      [data-cell]:focus-visible {
        outline: 2px solid var(--vscode-focusBorder);
        outline-offset: -2px;
      }
      [aria-selected="true"] {
        outline: 2px solid var(--vscode-foreground);
        outline-offset: -2px;
      }
      th[aria-selected="true"] {
        color: var(--vscode-foreground);
      }
    `,
  ];
}
