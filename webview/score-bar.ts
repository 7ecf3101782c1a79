import { css, html, type TemplateResult } from "lit";
import { barOf } from "./geometry.ts";

/**
 * The bar of a value on a common scale, for the eye only: the number stands beside it.
 * Signed bars grow from the middle; unsigned ones from the start.
 */
export function scoreBar(value: number, scale: number, signed: boolean): TemplateResult {
  const { start, length } = barOf(value, scale, signed);
  const kind = !signed ? "plain" : value < 0 ? "negative" : "positive";
  const style = `left: ${(start * 100).toFixed(2)}%; width: ${(length * 100).toFixed(2)}%`;
  return html`<span class="bar ${signed ? "signed" : ""}" aria-hidden="true">
    <span class="fill ${kind}" .style=${style}></span>
  </span>`;
}

/** A sign that needs no colour: which way an example pushed. */
export function signGlyph(value: number): string {
  return value > 0 ? "▲" : value < 0 ? "▼" : "";
}

export const scoreBarStyles = css`
  .bar {
    position: relative;
    display: block;
    min-width: 0;
    height: 0.46em;
    background: color-mix(in srgb, var(--vscode-foreground) 10%, transparent);
    border-radius: 1px;
  }
  .bar.signed::after {
    content: "";
    position: absolute;
    inset-block: -2px;
    left: 50%;
    width: 1px;
    background: var(--vscode-descriptionForeground);
  }
  .fill {
    position: absolute;
    inset-block: 0;
    min-width: 1px;
    border-radius: 1px;
    background: var(--vscode-charts-blue);
  }
  .fill.positive {
    background: var(--vscode-charts-green);
  }
  .fill.negative {
    background: var(--vscode-charts-red);
  }
  .positive-text {
    color: var(--vscode-charts-green);
  }
  .negative-text {
    color: var(--vscode-charts-red);
  }
`;
