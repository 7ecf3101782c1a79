import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RunSummary } from "../src/protocol/runs.ts";
import { warningIcon } from "./icons.ts";
import { labelChoices } from "./labels.ts";
import { explainLabel, explainSlice, runCommand } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** What has changed since a run, above all that it shows. */
@customElement("tracin-stale-notice")
export class StaleNotice extends LitElement {
  @property({ attribute: false }) run: RunSummary | undefined;
  @property({ attribute: false }) labels: readonly string[] | undefined;

  protected override render() {
    const { run } = this;
    if (!run) {
      return null;
    }
    const words = strings.run;
    return html`<div class="stale" role="status">
      ${warningIcon}
      <div>
        <div><vscode-tag>${words.stale}</vscode-tag> ${words.staleText}</div>
        <ul>
          ${run.changes.map((change) => html`<li>${change}</li>`)}
        </ul>
        <vscode-button appearance="secondary" @click=${() => runAgain(run, this.labels)}>${words.again}</vscode-button>
      </div>
    </div>`;
  }

  static override styles = [
    baseStyles,
    css`
      .stale {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 6px;
        padding: 6px 8px;
        border: 1px solid var(--vscode-inputValidation-warningBorder, var(--vscode-editorWarning-foreground));
        background: var(--vscode-inputValidation-warningBackground, transparent);
        overflow-wrap: anywhere;
      }
      .stale .icon {
        margin-top: 2px;
      }
      ul {
        margin: 2px 0 6px;
        padding-inline-start: 16px;
      }
      vscode-tag::part(control) {
        text-transform: none;
      }
    `,
  ];
}

/** Computes the same again. */
function runAgain(run: RunSummary, labels: readonly string[] | undefined): void {
  const query = run.queries[0];
  if (run.testSet) {
    explainSlice(run.id, run.testSet.slice);
    return;
  }
  if (run.kind === "suspects" || !query) {
    runCommand("tracin.findMislabelled");
    return;
  }
  const explained = labelChoices(query, labels).find((choice) => choice.selected);
  explainLabel(run.id, explained?.explain ?? "target");
}
