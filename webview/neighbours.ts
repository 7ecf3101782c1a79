import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Neighbour, Neighbours, RankedRow } from "../src/protocol/lists.ts";
import { formatNumber } from "./format.ts";
import { getNeighbours, reveal } from "./messages.ts";
import { pathLabel, placeStyles, placeText } from "./place.ts";
import { previewLine, previewStyles } from "./preview.ts";
import { scoreBarStyles, signGlyph } from "./score-bar.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./thumbnail.ts";

/** Answers that are kept: rows that leave the page and come back do not ask again. */
const mostKept = 50;
const kept = new Map<string, Neighbours>();

/** The training examples that argue for and against a suspect's label, once a person asks for them. */
@customElement("tracin-neighbours")
export class NeighboursElement extends LitElement {
  @property() runId = "";
  @property({ attribute: false }) row: RankedRow | undefined;
  /** Whether its controls are in the order of the Tab key. */
  @property({ type: Number }) focusable = -1;

  @state() private found: Neighbours | undefined;
  /** Ends the question that is being answered. */
  @state() private asking: AbortController | undefined;
  @state() private failure = "";

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("row") || changed.has("runId")) {
      this.found = kept.get(this.key);
      this.failure = "";
      this.asking = undefined;
    }
  }

  protected override render() {
    const words = strings.neighbours;
    const { row, found } = this;
    if (!row) {
      return null;
    }
    if (found) {
      return html`<div class="sides" role="status">
        ${this.side("for", words.for(row.target), found.for)}
        ${this.side("against", words.against(row.target), found.against)}
      </div>`;
    }
    return html`<div role="status">
      ${
        this.asking
          ? html`<span class="muted">${words.computing}</span>
            <button class="plain link" tabindex=${this.focusable} @click=${() => this.asking?.abort()}>${strings.computing.cancel}</button>`
          : html`<button class="plain link" tabindex=${this.focusable} title=${words.title} @click=${this.ask}>${words.ask}</button>`
      }
      ${this.failure === "" ? null : html`<span class="failure">${this.failure}</span>`}
    </div>`;
  }

  private side(
    kind: "for" | "against",
    title: string,
    neighbours: readonly Neighbour[],
  ): TemplateResult {
    const words = strings.neighbours;
    const label = html`<h3 title=${words.titles[kind]}>${title}</h3>`;
    return neighbours.length === 0
      ? html`<div>${label}<p class="muted">${words.none}</p></div>`
      : html`<div>${label}<ul>${neighbours.map((neighbour) => this.item(neighbour))}</ul></div>`;
  }

  private item({ preview, place, target, score }: Neighbour): TemplateResult {
    const name = strings.card.openImage(place.image ?? place.file);
    return html`<li>
      ${
        preview.kind === "image"
          ? html`<button class="plain thumb" tabindex=${this.focusable} title=${name} @click=${() => reveal(place, "image")}>
              <tracin-thumbnail .preview=${preview} alt=${name}></tracin-thumbnail>
            </button>`
          : null
      }
      <div class="about">
        <div class="line">
          <strong class="ellipsis" title=${strings.row.target(target)}>${target}</strong>
          <span class="score" title=${strings.list.columnTitles.score}>
            <span aria-hidden="true" class=${score < 0 ? "negative-text" : "positive-text"}>${signGlyph(score)}</span>
            ${formatNumber(score, "signed")}
          </span>
        </div>
        ${preview.kind === "image" ? null : html`<div class="text">${previewLine(preview)}</div>`}
        <button
          class="plain link"
          tabindex=${this.focusable}
          title=${strings.card.openRow(placeText(place))}
          @click=${() => reveal(place, "row")}
        >${pathLabel(placeText(place))}</button>
      </div>
    </li>`;
  }

  private get key(): string {
    return `${this.runId}\0${this.row?.index}`;
  }

  private async ask(): Promise<void> {
    const { row, key } = this;
    if (!row) {
      return;
    }
    const asking = new AbortController();
    this.asking = asking;
    this.failure = "";
    const { index, content } = row;
    const example = content === undefined ? { index } : { index, content };
    const reply = await getNeighbours(this.runId, example, asking.signal);
    if (reply.ok) {
      kept.set(key, reply.value);
      for (const oldest of [...kept.keys()].slice(0, -mostKept)) {
        kept.delete(oldest);
      }
    }
    // Meanwhile the element may show another row.
    if (this.key === key) {
      this.asking = undefined;
      this.found = reply.ok ? reply.value : undefined;
      this.failure = reply.ok || reply.superseded === true ? "" : reply.message;
    }
  }

  static override styles = [
    baseStyles,
    placeStyles,
    previewStyles,
    scoreBarStyles,
    css`
      .sides {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 15em), 1fr));
        gap: 6px 20px;
        max-width: 60em;
      }
      h3 {
        margin: 4px 0 2px;
        font-size: 1em;
        font-weight: 600;
      }
      p,
      ul {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        gap: 8px;
        padding: 2px 0;
      }
      .thumb,
      .thumb tracin-thumbnail {
        display: block;
        flex: none;
        width: 34px;
        height: 34px;
      }
      .about {
        flex: 1;
        min-width: 0;
      }
      .about button {
        display: block;
        max-width: 100%;
      }
      .line {
        display: flex;
        justify-content: space-between;
        gap: 8px;
      }
      .score {
        flex: none;
      }
      .text {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .failure {
        color: var(--vscode-errorForeground);
      }
    `,
  ];
}
