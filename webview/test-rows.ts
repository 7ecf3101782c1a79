import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { TestRow, TestSlice } from "../src/protocol/test-set.ts";
import { formatNumber, formatProbability } from "./format.ts";
import { warningIcon } from "./icons.ts";
import { explainTest, getTestRows, reveal } from "./messages.ts";
import { pathLabel, placeStyles, placeText } from "./place.ts";
import { previewLine, previewStyles } from "./preview.ts";
import { sliceKey } from "./slice.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./thumbnail.ts";

/** Rows that are shown at first, and those that each wish for more adds. */
const firstRows = 4;
const moreRows = 20;

/** The examples of a slice, the largest loss first; one can be opened, or explained by itself. */
@customElement("tracin-test-rows")
export class TestRows extends LitElement {
  @property() runId = "";
  @property() set = "";
  @property({ attribute: false }) slice: TestSlice = { kind: "all" };

  @state() private rows: readonly TestRow[] = [];
  @state() private total: number | undefined;
  @state() private failure:
    | { readonly message: string; readonly remedy: string | undefined }
    | undefined;
  private asked = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const key = `${this.runId} ${sliceKey(this.slice)}`;
    if (key !== this.asked) {
      this.asked = key;
      this.rows = [];
      this.total = undefined;
      this.failure = undefined;
      void this.fetch(firstRows);
    }
  }

  protected override render() {
    const words = strings.testSet;
    const { failure, total, rows } = this;
    if (failure) {
      return html`<div class="failure small" role="alert">
        ${warningIcon} <span>${failure.message} ${failure.remedy ?? ""}</span>
      </div>`;
    }
    if (total === undefined) {
      return html`<p class="muted small" role="status">${strings.list.loading}</p>`;
    }
    if (total === 0) {
      return html`<p class="muted small" role="status">${words.nothing}</p>`;
    }
    return html`
      <ul aria-label=${words.rows}>${rows.map((row) => this.renderRow(row))}</ul>
      ${
        rows.length < total
          ? html`<button class="plain link small" @click=${() => this.fetch(moreRows)}>
              ${words.more(Math.min(moreRows, total - rows.length), total)}
            </button>`
          : null
      }
    `;
  }

  private renderRow(row: TestRow) {
    const words = strings.testSet;
    const { preview, place, target, predicted, wrong, probability, index } = row;
    const name = words.explainOne(this.set, index);
    const where = placeText(place);
    return html`<li class=${preview.kind === "image" ? "with-image" : ""}>
      ${
        preview.kind === "image"
          ? html`<button class="plain thumbnail" title=${strings.card.openImage(place.image ?? where)} @click=${() => reveal(place, "image")}>
              <tracin-thumbnail .preview=${preview} alt=${strings.card.openImage(place.image ?? where)}></tracin-thumbnail>
            </button>`
          : null
      }
      <div class="what">
        <div class="facts">
          <span class="value ellipsis" title=${strings.row.target(target)}>${target === "" ? words.noTarget : target}</span>
          ${
            predicted === ""
              ? null
              : html`<span class="predicted ${wrong ? "wrong" : "muted"}" title=${strings.row.predicted(predicted)}>
                  ${wrong ? warningIcon : null}<span class="ellipsis in-words">${strings.row.predictedShort(predicted)}</span>
                  <span class="ellipsis in-short">${predicted}${wrong ? "?" : ""}</span>
                  ${probability === undefined ? null : html`<span class="muted">${formatProbability(probability)}</span>`}
                </span>`
          }
        </div>
        ${preview.kind === "image" ? null : html`<div class="preview ellipsis small">${previewLine(preview)}</div>`}
        <div class="links small">
          <button class="plain link" aria-label=${name} title=${name} @click=${() => explainTest(this.runId, index)}>${words.explain}</button>
          <button class="plain link where" title=${strings.card.openRow(where)} aria-label=${strings.card.openRow(where)} @click=${() => reveal(place, "row")}>${pathLabel(where)}</button>
        </div>
      </div>
      <span class="loss" title=${words.lossTitle}><span class="muted small">${words.loss}</span> ${formatNumber(row.loss)}</span>
    </li>`;
  }

  private async fetch(limit: number): Promise<void> {
    const { asked, runId, slice } = this;
    const offset = this.rows.length;
    const reply = await getTestRows({ runId, slice, offset, limit });
    if (this.asked !== asked || this.rows.length !== offset) {
      return;
    }
    if (reply.ok) {
      this.rows = [...this.rows, ...reply.value.rows];
      this.total = reply.value.total;
    } else {
      this.failure = reply;
    }
    const detail = reply.ok ? reply.value.total : 0;
    this.dispatchEvent(new CustomEvent("rows-counted", { detail, bubbles: true, composed: true }));
  }

  static override styles = [
    baseStyles,
    placeStyles,
    previewStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      ul {
        display: flex;
        flex-direction: column;
        gap: 6px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 8px;
        max-width: 640px;
      }
      li.with-image {
        grid-template-columns: auto minmax(0, 1fr) auto;
      }
      .thumbnail tracin-thumbnail {
        width: 34px;
        height: 34px;
      }
      .what {
        min-width: 0;
      }
      .facts,
      .links {
        display: flex;
        flex-wrap: wrap;
        gap: 0 8px;
        min-width: 0;
      }
      .links > .where {
        flex: 0 1 auto;
        min-width: 0;
        max-width: 100%;
      }
      .value {
        font-weight: 600;
      }
      .predicted {
        display: inline-flex;
        align-items: center;
        gap: 4px;
        min-width: 0;
        max-width: 100%;
      }
      .predicted > .muted {
        margin-inline-start: 4px;
      }
      .in-short {
        display: none;
      }
      .loss {
        font-variant-numeric: tabular-nums;
        white-space: nowrap;
      }
      .failure {
        display: flex;
        gap: 4px;
        overflow-wrap: anywhere;
      }
      @media (max-width: 240px) {
        .loss > .muted,
        .in-words {
          display: none;
        }
        .in-short {
          display: inline;
        }
      }
    `,
  ];
}
