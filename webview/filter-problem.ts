import { css, html, type TemplateResult } from "lit";
import type { FilterCheck } from "../src/protocol/lists.ts";

/** What is wrong with a typed filter, with the filter and the place in it. */
export function problemAt(
  typed: string,
  { message, from, to }: NonNullable<FilterCheck["problem"]>,
): TemplateResult {
  return html`<div class="problem small" id="problem" role="alert">
    <code>${typed.slice(0, from)}<mark>${typed.slice(from, to)}</mark>${typed.slice(to)}</code>
    <div>${message}</div>
  </div>`;
}

export const problemStyles = css`
  .problem {
    overflow-wrap: anywhere;
  }
  .problem code {
    font-family: var(--vscode-editor-font-family, monospace);
    white-space: pre-wrap;
  }
  .problem mark {
    background: none;
    color: inherit;
    text-decoration: underline wavy var(--vscode-errorForeground);
    text-underline-offset: 2px;
  }
`;
