import { css, html, type TemplateResult } from "lit";
import type { Preview } from "../src/protocol/examples.ts";
import { type Comparison, differencesOf, type FieldDifference } from "./differences.ts";
import { formatNumber } from "./format.ts";
import { strings } from "./strings.ts";

/** Text or fields of an example in running text, for a line or two. */
export function previewLine(preview: Preview, comparison?: Comparison): TemplateResult | null {
  switch (preview.kind) {
    case "image":
      return null;
    case "text":
      return html`${preview.text}`;
    case "fields":
      if (comparison !== undefined) {
        return comparedLine(differencesOf(preview.entries, comparison));
      }
      return html`${preview.entries.map(
        ([name, value], index) =>
          html`${index > 0 ? " · " : ""}<span class="field-name">${name}</span> ${value}`,
      )}`;
  }
}

/** Fields in the order of how much they differ from the query's, with the difference. */
function comparedLine(fields: readonly FieldDifference[]): TemplateResult {
  const words = strings.row;
  return html`${fields.map(({ name, value, units, differs }, index) => {
    const difference = units === undefined ? undefined : formatNumber(units, "signed");
    const title =
      difference === undefined
        ? differs
          ? words.otherThanQuery(name)
          : ""
        : words.unitsFromQuery(name, difference);
    return html`${index > 0 ? " · " : ""}<span title=${title}><span class="field-name">${name}</span> ${value}${
      difference !== undefined && differs
        ? html` <span class="field-name">(${unitsText(units ?? 0)})</span>`
        : differs
          ? html` <span class="field-name">(≠)</span>`
          : null
    }</span>`;
  })}`;
}

/** `+1.3 σ`: one digit behind the point is enough to compare. */
function unitsText(units: number): string {
  return `${units > 0 ? "+" : "−"}${Math.abs(units).toFixed(1)} σ`;
}

/** All of an example's text or fields. */
export function previewWhole(preview: Preview): TemplateResult | null {
  switch (preview.kind) {
    case "image":
      return null;
    case "text":
      return html`<div class="whole-text">${preview.text}</div>`;
    case "fields":
      return html`<dl class="fields">
        ${preview.entries.map(
          ([name, value]) => html`<dt title=${name}>${name}</dt><dd>${value}</dd>`,
        )}
      </dl>`;
  }
}

export const previewStyles = css`
  .field-name {
    color: var(--vscode-descriptionForeground);
  }
  .whole-text {
    max-height: 24em;
    overflow: auto;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }
  .fields {
    display: grid;
    grid-template-columns: fit-content(50%) 1fr;
    gap: 0 10px;
    max-height: 24em;
    margin: 0;
    overflow: auto;
  }
  .fields dt {
    overflow: hidden;
    color: var(--vscode-descriptionForeground);
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .fields dd {
    margin: 0;
    overflow-wrap: anywhere;
  }
`;
