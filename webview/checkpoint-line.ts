import { css, html, svg, type TemplateResult } from "lit";
import { formatNumber } from "./format.ts";
import { sparklineOf } from "./geometry.ts";
import { strings } from "./strings.ts";

const width = 56;
const height = 18;

/** A small line over the checkpoints, first to last, with the zero line; `text` says the same in words. */
export function checkpointLine(values: readonly number[], text: string): TemplateResult {
  const { path, zero, points } = sparklineOf(values, width, height, 3);
  const last = points.at(-1);
  return html`<svg class="line" viewBox="0 0 ${width} ${height}" role="img" aria-label=${text}>
    <title>${text}</title>
    <line class="zero" x1="0" x2=${width} y1=${zero} y2=${zero}></line>
    <path d=${path}></path>
    ${last ? svg`<circle cx=${last.x} cy=${last.y} r="1.8"></circle>` : null}
  </svg>`;
}

/** The parts of the checkpoints in words: `epoch-1.pt +0.12, epoch-2.pt −0.05`. */
export function describeParts(
  parts: readonly number[],
  checkpoints: readonly string[],
  signed: boolean,
): string {
  return strings.row.parts(
    parts
      .map(
        (part, index) =>
          `${checkpoints[index] ?? index + 1} ${formatNumber(part, signed ? "signed" : "unsigned")}`,
      )
      .join(", "),
  );
}

export const checkpointLineStyles = css`
  .line {
    display: block;
    flex: none;
    width: ${width}px;
    height: ${height}px;
    overflow: visible;
  }
  .line path {
    fill: none;
    stroke: var(--vscode-charts-blue);
    stroke-width: 1.3;
    stroke-linejoin: round;
  }
  .line circle {
    fill: var(--vscode-charts-blue);
  }
  .line .zero {
    stroke: var(--vscode-descriptionForeground);
    stroke-width: 1;
    stroke-dasharray: 1 2;
    opacity: 0.7;
  }
`;
