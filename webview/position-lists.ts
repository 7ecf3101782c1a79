import { css, html, type TemplateResult } from "lit";
import type { PositionsReading } from "../src/protocol/runs.ts";
import { formatCount, formatNumber } from "./format.ts";
import { strings } from "./strings.ts";

/** Where the model fails on an example with a label at each position: the worst positions, and what it takes for what. */
export function positionLists({ worst, confusions }: PositionsReading): TemplateResult {
  const { card } = strings;
  return html`
    ${renderList(
      card.worst,
      worst.map(({ place, target, predicted, loss }) => [
        place,
        card.worstEntry(target, predicted),
        formatNumber(loss),
      ]),
    )}
    ${renderList(
      card.confusions,
      confusions.map(({ target, predicted, count }) => [
        "",
        card.worstEntry(target, predicted),
        formatCount(count),
      ]),
    )}
  `;
}

type Entry = readonly [place: string, labels: string, value: string];

function renderList(title: string, entries: readonly Entry[]): TemplateResult | null {
  return entries.length === 0
    ? null
    : html`<div class="positions">
        <div class="muted small">${title}</div>
        <div class="entries" role="list" aria-label=${title}>
          ${entries.map(
            ([place, labels, value]) => html`<div
              class=${place === "" ? "position wide" : "position"}
              role="listitem"
              title=${`${place === "" ? "" : `${place}: `}${labels}`}
            >
              ${place === "" ? null : html`<span class="muted">${place}</span>`}
              <span class="labels ellipsis">${labels}</span>
              <span class="number">${value}</span>
            </div>`,
          )}
        </div>
      </div>`;
}

export const positionStyles = css`
  .positions .entries {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto;
    gap: 0 8px;
    max-width: 440px;
  }
  .position {
    display: grid;
    grid-column: 1 / -1;
    grid-template-columns: subgrid;
  }
  .position .labels {
    grid-column: 2;
    min-width: 0;
  }
  .position.wide .labels {
    grid-column: 1 / 3;
  }
  .position .number {
    grid-column: 3;
  }
`;
