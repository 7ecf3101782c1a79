import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Preview } from "../src/protocol/examples.ts";
import type { NamedPart, PairReply, WhereParts } from "../src/protocol/pair.ts";
import type { PanelReply } from "../src/protocol/panel.ts";
import { barListStyles } from "./bar-list.ts";
import { formatNumber } from "./format.ts";
import { heatStep, heatStyles, largestPart } from "./heat.ts";
import "./heat-map.ts";
import { getPair } from "./messages.ts";
import { scoreBar, scoreBarStyles, signGlyph } from "./score-bar.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** The row that is taken apart. */
export interface PairKey {
  readonly runId: string;
  readonly query: number;
  readonly index: number;
}

/** Where in a training example its score comes from, and the factors at the last layer. Asked for when it is shown. */
@customElement("tracin-where")
export class WhereElement extends LitElement {
  @property({ attribute: false, hasChanged: (a, b) => JSON.stringify(a) !== JSON.stringify(b) })
  pair: PairKey | undefined;
  @property({ attribute: false }) preview: Preview | undefined;
  @state() private reply: PanelReply<PairReply> | undefined;
  private turn = 0;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("pair") && this.pair) {
      void this.ask(this.pair);
    }
  }

  private async ask(pair: PairKey): Promise<void> {
    this.reply = undefined;
    const turn = ++this.turn;
    const reply = await getPair(pair);
    // The row may have been drawn again meanwhile, with the same pair in another object.
    if (this.turn === turn) {
      this.reply = reply;
    }
  }

  protected override render() {
    const { reply } = this;
    const words = strings.where;
    if (reply === undefined) {
      return html`<p class="small" role="status">${words.loading}</p>`;
    }
    if (!reply.ok) {
      return html`<p class="small">${reply.message}</p>`;
    }
    const { where, layer, total, rest, last } = reply.value;
    return html`
      <p class="title small" title=${words.titleHint}>${words.title}</p>
      ${this.renderParts(where)}
      ${
        where.kind === "none"
          ? null
          : html`<p class="small">${words.sum(layer, formatNumber(total, "signed"))}</p>
              ${rest === 0 ? null : html`<p class="small">${words.rest(formatNumber(rest, "signed"))}</p>`}`
      }
      ${
        last
          ? html`<p class="small" title=${words.productHint(formatNumber(last.error), formatNumber(last.input), last.layer)}>
              ${words.product(formatNumber(last.errorCosine), formatNumber(last.inputCosine))}
            </p>`
          : html`<p class="small">${words.noProduct}</p>`
      }
    `;
  }

  private renderParts(where: WhereParts): TemplateResult {
    const words = strings.where;
    switch (where.kind) {
      case "none":
        return html`<p class="small">${where.reason}</p>`;
      case "tokens":
        return html`<p class="tokens">${tokens(where.tokens)}</p>`;
      case "columns":
        return html`<div class="bars" role="list">${columns(where.columns)}</div>`;
      case "grid": {
        const alt = words.gridAlt(...strongest(where));
        return this.preview?.kind === "image"
          ? html`<tracin-heat-map .preview=${this.preview} .grid=${where} alt=${alt}></tracin-heat-map>`
          : html`<p class="small">${words.noImage}</p>`;
      }
    }
  }

  static override styles = [
    baseStyles,
    barListStyles,
    scoreBarStyles,
    heatStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 4px;
        min-width: 0;
      }
      .title {
        font-weight: 600;
      }
      .tokens {
        line-height: 2;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
    `,
  ];
}

function tokens(parts: readonly NamedPart[]): readonly TemplateResult[] {
  const largest = largestPart(parts.map(({ part }) => part));
  return parts.map(({ name, part }) => {
    const step = heatStep(part, largest);
    const tone = step > 0 ? "towards" : "away";
    return step === 0
      ? html`<span title=${describe(name, part)}>${name}</span>`
      : html`<span class="heat ${tone}" .style=${`--strength: ${Math.abs(step)}`} title=${describe(name, part)}>${name}</span>`;
  });
}

function columns(parts: readonly NamedPart[]): readonly TemplateResult[] {
  const largest = largestPart(parts.map(({ part }) => part));
  const ordered = [...parts].sort((a, b) => Math.abs(b.part) - Math.abs(a.part));
  return ordered.map(
    ({ name, part }) => html`<div role="listitem" title=${describe(name, part)}>
      <span class="ellipsis">${name}</span>
      ${scoreBar(part, largest, true)}
      <span>${signGlyph(part)} ${formatNumber(part, "signed")}</span>
    </div>`,
  );
}

function describe(name: string, part: number): string {
  return `${name.trim()}: ${formatNumber(part, "signed")}`;
}

/** Where the strongest part lies, in words, and its value. */
function strongest({ width, height, parts }: Extract<WhereParts, { kind: "grid" }>) {
  let best = 0;
  parts.forEach((part, at) => {
    if (Math.abs(part) > Math.abs(parts[best] ?? 0)) {
      best = at;
    }
  });
  const { vertical, horizontal } = strings.where;
  const row = Math.min(2, Math.floor((3 * Math.floor(best / width)) / height));
  const column = Math.min(2, Math.floor((3 * (best % width)) / width));
  const place = `${vertical[row]} ${horizontal[column]}`;
  return [place, formatNumber(parts[best] ?? 0, "signed")] as const;
}
