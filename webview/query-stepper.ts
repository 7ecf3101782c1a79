import { html, type TemplateResult } from "lit";
import { chevron, chevronLeft } from "./icons.ts";
import { strings } from "./strings.ts";

/** Which of several queries is shown, with a way to the others; nothing where there is one. */
export function queryStepper(
  query: number,
  total: number,
  onQuery: (query: number) => void,
): TemplateResult | null {
  const { card } = strings;
  if (total < 2) {
    return null;
  }
  return html`<div class="stepper">
    <vscode-button appearance="icon" aria-label=${card.previous} title=${card.previous} ?disabled=${query === 0} @click=${() => onQuery(query - 1)}>${chevronLeft}</vscode-button>
    <span>${card.query(query + 1, total)}</span>
    <vscode-button appearance="icon" aria-label=${card.next} title=${card.next} ?disabled=${query === total - 1} @click=${() => onQuery(query + 1)}>${chevron(false)}</vscode-button>
  </div>`;
}
