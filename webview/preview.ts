import { css, html, type TemplateResult } from "lit";
import type { Preview } from "../src/protocol/examples.ts";

/** Text or fields of an example in running text, for a line or two. */
export function previewLine(preview: Preview): TemplateResult | null {
  switch (preview.kind) {
    case "image":
      return null;
    case "text":
      return html`${preview.text}`;
    case "fields":
      return html`${preview.entries.map(
        ([name, value], index) =>
          html`${index > 0 ? " · " : ""}<span class="field-name">${name}</span> ${value}`,
      )}`;
  }
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
