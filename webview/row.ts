import { html, LitElement, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RankedRow, RankedView, SuspectOrder } from "../src/protocol/lists.ts";
import type { PanelReview } from "../src/protocol/panel.ts";
import type { Decision } from "../src/protocol/reviews.ts";
import type { Reading } from "../src/protocol/runs.ts";
import { checkpointLine, checkpointLineStyles, describeParts } from "./checkpoint-line.ts";
import type { Comparison } from "./differences.ts";
import { formatCount, formatNumber, formatProbability } from "./format.ts";
import { chevron, warningIcon } from "./icons.ts";
import { reveal } from "./messages.ts";
import "./neighbours.ts";
import { pathLabel, placeStyles, placeText } from "./place.ts";
import { previewLine, previewStyles, previewWhole } from "./preview.ts";
import { rowStyles } from "./row-styles.ts";
import { scoreBar, scoreBarStyles, signGlyph } from "./score-bar.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import { otherOrders, suspectBar, suspectNumber } from "./suspect-numbers.ts";
import "./thumbnail.ts";
import "./where.ts";

/** A decision in a word. */
export function decisionText(decision: Decision): string {
  const { kept, excluded, relabelled } = strings.review;
  return decision.kind === "relabel"
    ? relabelled(decision.to)
    : decision.kind === "keep"
      ? kept
      : excluded;
}

/** How much room a row has: three short lines, two, or one. */
export type RowLayout = "compact" | "medium" | "wide";

/** A training example in a ranked list. Its role, index and focus are set by the list. */
@customElement("tracin-row")
export class RowElement extends LitElement {
  /** Undefined while its page is on the way. */
  @property({ attribute: false }) row: RankedRow | undefined;
  @property() runId = "";
  /** Counted from 0 in the list. */
  @property({ type: Number }) index = 0;
  @property({ reflect: true }) view: RankedView = "proponents";
  @property() order: SuspectOrder = "loss";
  /** The numbers that suspects have. */
  @property({ attribute: false }) numbers: readonly SuspectOrder[] = [];
  @property({ type: Number }) scale = 0;
  @property() reading: Reading = "probabilities";
  @property({ reflect: true }) layout: RowLayout = "compact";
  @property({ type: Boolean, reflect: true }) expanded = false;
  @property({ type: Boolean, reflect: true }) active = false;
  /** Whether it is of a run under way: there is no more to see of it. */
  @property({ type: Boolean }) provisional = false;
  /** What was decided about it. */
  @property({ attribute: false }) review: PanelReview | undefined;
  @property({ attribute: false }) checkpoints: readonly string[] = [];
  /** What the fields of a row of a table are compared with. */
  @property({ attribute: false }) comparison: Comparison | undefined;
  /** The run and query that the row's score is about; undefined where it has none that could be taken apart. */
  @property({ attribute: false }) scored:
    | { readonly runId: string; readonly query: number }
    | undefined;

  private get focusable(): number {
    return this.active ? 0 : -1;
  }

  protected override render() {
    const { row } = this;
    if (!row) {
      return html`<div class="grid">
        <span class="rank" role="gridcell">${formatCount(this.index + 1)}</span>
        <span class="label loading" role="gridcell" aria-label=${strings.list.loading}></span>
      </div>`;
    }
    return html`
      <div class="grid">
        <span class="rank" role="gridcell">${formatCount(row.rank)}</span>
        ${this.provisional ? null : this.renderTwistie()}
        ${this.renderPreview(row)} ${this.renderLabel(row)} ${this.renderScore(row)}
        <span class="place" role="gridcell">
          <button
            class="plain link"
            tabindex=${this.focusable}
            title=${strings.card.openRow(placeText(row.place))}
            @click=${() => reveal(row.place, "row")}
          >
            ${pathLabel(placeText(row.place))}
          </button>
        </span>
      </div>
      ${this.expanded ? this.renderDetails(row) : null}
    `;
  }

  private renderTwistie(): TemplateResult {
    const name = this.expanded ? strings.row.collapse : strings.row.expand;
    return html`<span class="twistie" role="gridcell">
      <button
        class="plain"
        tabindex=${this.focusable}
        title=${name}
        aria-label=${name}
        @click=${this.toggle}
      >
        ${chevron(this.expanded)}
      </button>
    </span>`;
  }

  private renderPreview({ preview, place }: RankedRow): TemplateResult {
    if (preview.kind !== "image") {
      return html`<span class="text" role="gridcell">${previewLine(preview, this.view === "suspects" ? undefined : this.comparison)}</span>`;
    }
    const name = strings.card.openImage(place.image ?? place.file);
    return html`<span class="thumbnail" role="gridcell">
      <button
        class="plain"
        tabindex=${this.focusable}
        title=${name}
        @click=${() => reveal(place, "image")}
      >
        <tracin-thumbnail .preview=${preview} alt=${name}></tracin-thumbnail>
      </button>
    </span>`;
  }

  private renderLabel(row: RankedRow): TemplateResult {
    const { suggested, target, predicted } = row;
    const isSummary = this.reading === "positions" || this.reading === "outputs";
    return html`<span class="label" role="gridcell">
      <span class="target" title=${strings.row.target(target)}>${target}</span>
      ${
        this.review
          ? html`<span class="decision" title=${strings.review.states[this.review.state]}>${decisionText(this.review.decision)}</span>`
          : suggested
            ? this.renderDisagreement(suggested.label, suggested.value)
            : null
      }
      ${isSummary ? html`<span class="ellipsis muted" title=${predicted}>${predicted}</span>` : null}
    </span>`;
  }

  private renderDisagreement(label: string, value: number): TemplateResult {
    const probability = formatProbability(value);
    const title = strings.row.suggested(label, probability);
    return html`<span class="suggested" title=${title} aria-label=${title}>
      ${warningIcon}<span class="ellipsis">${
        this.view === "suspects" || this.layout === "compact"
          ? `${label}?`
          : strings.row.predictedShort(label)
      }</span>${this.view === "suspects" ? html`<span class="muted">${probability}</span>` : null}
    </span>`;
  }

  private renderScore(row: RankedRow): TemplateResult {
    const words = strings.row;
    const signed = this.view !== "suspects";
    const parts = describeParts(row.parts, this.checkpoints, signed);
    const drawing = html`<span class="line-cell" role="gridcell">${checkpointLine(row.parts, parts)}</span>`;
    if (signed) {
      const tone = row.score < 0 ? "negative-text" : "positive-text";
      return html`${scoreBar(row.score, this.scale, true)}
        <span class="score" role="gridcell" title=${row.estimated ? words.estimate : words.score}>
          <span class=${tone} aria-hidden="true">${signGlyph(row.score)}</span>
          ${row.estimated ? "≈" : ""}${formatNumber(row.score, "signed")}
        </span>
        ${drawing}`;
    }
    const { orderTitles, ordersShort } = strings.list;
    const bar = suspectBar(row, this.order, this.scale);
    return html`${scoreBar(bar.value, this.scale, bar.signed)}
      <span class="score" role="gridcell" title=${orderTitles[this.order]}
        >${suspectNumber(row, this.order)}</span
      >
      ${otherOrders(this.order, this.numbers).map(
        (other) => html`<span class="other" role="gridcell" title=${orderTitles[other]}
          ><span class="muted">${ordersShort[other]}</span> ${suspectNumber(row, other)}</span
        >`,
      )}
      ${drawing}`;
  }

  private renderDetails(row: RankedRow): TemplateResult {
    const words = strings.row;
    const signed = this.view !== "suspects";
    const { preview, place } = row;
    return html`<div class="details" role="gridcell">
      ${
        preview.kind === "image"
          ? html`<tracin-thumbnail class="large" .preview=${preview} alt=${place.image ?? ""}></tracin-thumbnail>`
          : previewWhole(preview)
      }
      ${
        signed && this.scored
          ? html`<tracin-where .pair=${{ ...this.scored, index: row.index }} .preview=${preview}></tracin-where>`
          : null
      }
      <div class="actions">
        <button class="plain link" tabindex=${this.focusable} @click=${() => reveal(place, "row")}>
          ${words.openRow}
        </button>
        ${
          place.image === undefined
            ? null
            : html`<button class="plain link" tabindex=${this.focusable} title=${place.image} @click=${() => reveal(place, "image")}>
                ${words.openImage}
              </button>`
        }
      </div>
      <dl class="numbers">
        ${row.parts.map(
          (part, index) =>
            html`<dt class="ellipsis" title=${this.checkpoints[index] ?? ""}>${this.checkpoints[index] ?? index + 1}</dt>
              <dd>${formatNumber(part, signed ? "signed" : "unsigned")}</dd>`,
        )}
        <dt class="sum" title=${strings.list.orderTitles.selfInfluence}>${words.selfInfluence}</dt>
        <dd class="sum">${formatNumber(row.selfInfluence)}</dd>
        <dt title=${strings.list.orderTitles.loss}>${words.loss}</dt>
        <dd>${formatNumber(row.loss)}</dd>
        ${
          row.margin === undefined
            ? null
            : html`<dt title=${strings.list.orderTitles.margin}>${strings.list.orders.margin}</dt>
              <dd>${formatNumber(row.margin, "signed")}</dd>`
        }
        ${
          row.predicted === ""
            ? null
            : html`<dt>
                ${this.reading === "positions" || this.reading === "outputs" ? words.lastCheckpoint : strings.card.predicts}
              </dt>
              <dd>${row.predicted}</dd>`
        }
      </dl>
      ${
        this.view === "suspects"
          ? html`<tracin-neighbours .runId=${this.runId} .row=${row} .focusable=${this.focusable}></tracin-neighbours>`
          : null
      }
    </div>`;
  }

  private toggle(): void {
    this.dispatchEvent(
      new CustomEvent("toggle-row", { detail: this.index, bubbles: true, composed: true }),
    );
  }

  static override styles = [
    baseStyles,
    scoreBarStyles,
    checkpointLineStyles,
    placeStyles,
    previewStyles,
    rowStyles,
  ];
}
