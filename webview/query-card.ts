import { html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { LabelValue } from "../src/protocol/examples.ts";
import type { QueryCard } from "../src/protocol/runs.ts";
import { barListStyles } from "./bar-list.ts";
import { checkpointLine, checkpointLineStyles } from "./checkpoint-line.ts";
import { formatNumber, formatProbability } from "./format.ts";
import { chevron, warningIcon } from "./icons.ts";
import { labelChoices, predictionView } from "./labels.ts";
import { explainLabel, reveal } from "./messages.ts";
import { pathLabel, placeStyles, placeText } from "./place.ts";
import { positionLists, positionStyles } from "./position-lists.ts";
import { previewLine, previewStyles, previewWhole } from "./preview.ts";
import { queryCardStyles } from "./query-card-styles.ts";
import { scoreBar, scoreBarStyles } from "./score-bar.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./thumbnail.ts";

/** The example whose prediction is explained: what it is, what the model says, and which label to explain. */
@customElement("tracin-query-card")
export class QueryCardElement extends LitElement {
  @property() runId = "";
  @property({ attribute: false }) query: QueryCard | undefined;
  @property({ attribute: false }) labels: readonly string[] | undefined;
  @property({ type: Boolean }) allLabels = false;

  protected override render() {
    const { query } = this;
    if (!query) {
      return null;
    }
    const { card } = strings;
    const { preview, place } = query;
    const view = predictionView(query, this.allLabels);
    const image = preview.kind === "image" ? preview : undefined;
    const where = query.given
      ? strings.newExample.name[preview.kind]
      : (place.image ?? placeText(place));
    return html`
      <section aria-label=${card.label} class=${image ? "with-image" : ""}>
        ${
          image
            ? html`<button
              class="plain thumbnail"
              title=${card.openImage(place.image ?? place.file)}
              @click=${() => reveal(place, "image")}
            >
              <tracin-thumbnail .preview=${image} alt=${card.openImage(where)}></tracin-thumbnail>
            </button>`
            : null
        }
        <div class="facts">
          <vscode-link
            class="place"
            href="#"
            title=${query.given ? strings.newExample.place : card.openRow(placeText(place))}
            @click=${(event: Event) => {
              event.preventDefault();
              reveal(place, "row");
            }}
            >${pathLabel(where)}</vscode-link
          >
          ${
            query.given && query.target === ""
              ? null
              : html`<div class="pair">
                  <span class="muted">${card.target}</span>
                  <span class="value ellipsis" title=${query.target}>${query.target}</span>
                </div>`
          }
          ${
            view.predicted
              ? html`<div
                class="pair"
                title=${view.disagrees === true ? card.disagreesTitle : view.disagrees === false ? card.agreesTitle : ""}
              >
                <span class="muted">${card.predicts}</span>
                <span class="value ellipsis" title=${view.predicted.label}>${view.predicted.label}</span>
                ${view.disagrees ? html`<span class="disagrees">${warningIcon}<span class="small">${card.disagrees}</span></span>` : null}
              </div>`
              : null
          }
          ${this.renderSummary(query)} ${this.renderLosses(query.losses)}
        </div>
      </section>
      ${this.renderPreview(query)} ${query.positions ? positionLists(query.positions) : null}
      <div class="bars" role="list">
        ${view.shown.map((entry) => this.renderEntry(entry, view.probabilities))}
      </div>
      ${
        view.hidden > 0 || this.allLabels
          ? html`<button class="plain link more small" aria-expanded=${this.allLabels} @click=${this.toggleLabels}>
            ${chevron(this.allLabels)}${this.allLabels ? card.fewerLabels : card.moreLabels(view.hidden)}
          </button>`
          : null
      }
      ${this.renderChoices(query)}
    `;
  }

  private renderPreview({ preview }: QueryCard) {
    switch (preview.kind) {
      case "image":
        return null;
      case "text":
        return html`<div class="text" tabindex="0">${previewLine(preview)}</div>`;
      case "fields":
        return html`<div class="text" tabindex="0">${previewWhole(preview)}</div>`;
    }
  }

  /** What is said of a prediction that is no list of labels or values. */
  private renderSummary({ reading, positions, outputs }: QueryCard) {
    const { card } = strings;
    if (positions) {
      return html`<div class="pair" title=${card.positionsTitle}>
        <span class="muted">${card.positions}</span>
        <span class="value">${card.positionsWrong(positions.wrong, positions.count)}</span>
        <span>${card.meanLoss(formatNumber(positions.loss))}</span>
      </div>`;
    }
    if (outputs) {
      return html`<div class="pair">
        <span class="value">${card.outputCount(outputs.count)}</span>
        <span>${card.meanLoss(formatNumber(outputs.loss))}</span>
      </div>`;
    }
    return reading === "none" ? html`<div class="muted">${card.noPrediction}</div>` : null;
  }

  private renderLosses(losses: readonly number[]) {
    const { card } = strings;
    const first = losses[0];
    const last = losses.at(-1);
    if (first === undefined || last === undefined) {
      return null;
    }
    const text = `${card.lossTitle}: ${losses.map((loss) => formatNumber(loss)).join(", ")}`;
    const range =
      losses.length > 1 ? `${formatNumber(first)} → ${formatNumber(last)}` : formatNumber(last);
    return html`<div class="pair fixed" title=${text}>
      <span class="muted">${card.loss}</span>
      <span class="ellipsis">${range}</span>
      ${losses.length > 1 ? checkpointLine(losses, text) : null}
    </div>`;
  }

  private renderEntry(entry: LabelValue, probabilities: boolean) {
    const { card } = strings;
    const { query } = this;
    const isTarget = entry.label === query?.target;
    const isExplained = entry.label === query?.explained;
    const note = !probabilities
      ? card.outputs
      : isTarget
        ? card.target
        : isExplained
          ? card.explained
          : "";
    const value = probabilities ? formatProbability(entry.value) : formatNumber(entry.value);
    const title = `${entry.label}: ${probabilities ? card.probability : card.output} ${
      probabilities ? formatNumber(entry.value) : value
    }${note === "" ? "" : ` (${note})`}`;
    return html`<div class="entry" role="listitem" title=${title}>
      <span class="label ${isTarget || isExplained ? "marked" : ""}"
        ><span class="ellipsis">${entry.label}</span
        >${note === "" ? null : html`<span class="note muted small">${note}</span>`}</span
      >
      ${probabilities ? scoreBar(entry.value, 1, false) : html`<span></span>`}
      <span class="number">${value}</span>
    </div>`;
  }

  private renderChoices(query: QueryCard) {
    const { card } = strings;
    const choices = labelChoices(query, this.labels);
    if (choices.length < 2) {
      return null;
    }
    const selected = String(choices.findIndex((choice) => choice.selected));
    const choose = (event: Event) => {
      const { target } = event;
      const value = target instanceof HTMLElement && "value" in target ? target.value : undefined;
      const choice = choices[Number(value)];
      if (choice && !choice.selected) {
        explainLabel(this.runId, choice.explain);
      }
    };
    return html`<div class="explain" title=${card.explainTitle}>
      <label for="explain">${card.explain}</label>
      <vscode-dropdown id="explain" aria-label=${card.explain} current-value=${selected} @change=${choose}>
        ${choices.map(
          (choice, index) => html`<vscode-option value=${index} ?selected=${choice.selected}
            >${choice.label}${choice.isTarget ? ` (${card.target})` : choice.isPrediction ? ` (${card.predicts})` : ""}</vscode-option
          >`,
        )}
      </vscode-dropdown>
    </div>`;
  }

  private toggleLabels(): void {
    this.dispatchEvent(new CustomEvent("toggle-labels", { bubbles: true, composed: true }));
  }

  static override styles = [
    baseStyles,
    scoreBarStyles,
    checkpointLineStyles,
    placeStyles,
    previewStyles,
    barListStyles,
    queryCardStyles,
    positionStyles,
  ];
}
