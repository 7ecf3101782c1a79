import { css, html, LitElement, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { CheckpointSummary } from "../src/protocol/project.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import { formatNumber, formatProbability, formatSeconds } from "./format.ts";
import { chevron, warningIcon } from "./icons.ts";
import { pathLabel, placeStyles } from "./place.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** How a run was made: one line that opens to its checkpoints. */
@customElement("tracin-run-header")
export class RunHeader extends LitElement {
  @property({ attribute: false }) run: RunSummary | undefined;
  @property({ type: Boolean }) details = false;

  protected override render() {
    const { run } = this;
    if (!run) {
      return null;
    }
    const words = strings.run;
    const exactness = exactnessOf(run);
    const facts = [
      words.checkpoints(run.checkpoints.length),
      words.layers(run.layers),
      ...(run.preconditioned ? [words.preconditioned] : []),
      ...exactness,
      ...(run.kind === "suspects" ? [words.examples(run.examples)] : []),
      formatSeconds(run.seconds),
    ];
    const warned = run.checkpoints.some((checkpoint) => checkpoint.warnings.length > 0);
    return html`
      <button
        class="plain summary small muted"
        title=${words.details}
        aria-expanded=${this.details}
        @click=${this.toggleDetails}
      >
        ${chevron(this.details)}
        <span class="facts">${facts.map((fact, index) => html`<span class="fact" title=${exactness.includes(fact) ? exactnessTitle(run) : nothing}>${fact}${index === 0 && warned ? html` ${warningIcon}` : null}${index < facts.length - 1 ? " ·" : ""}</span> `)}</span>
      </button>
      ${this.details ? this.renderDetails(run) : null}
    `;
  }

  private renderDetails(run: RunSummary) {
    const words = strings.run;
    return html`<div class="details small">
      <table>
        <thead>
          <tr>
            <th scope="col">${words.checkpoint}</th>
            <th scope="col" class="number">${words.rate}</th>
            <th scope="col" class="number" title=${words.weightTitle}>${words.weight}</th>
          </tr>
        </thead>
        <tbody>
          ${run.checkpoints.map(renderCheckpoint)}
        </tbody>
      </table>
      ${run.indexUnused ? html`<p class="muted">${words.indexUnused(run.indexUnused)}</p>` : null}
      <p class="muted">${run.index ? `${words.indexed(run.engine)} ${exactnessTitle(run)}` : words.engine(run.engine)}</p>
    </div>`;
  }

  private toggleDetails(): void {
    this.dispatchEvent(new CustomEvent("toggle-details", { bubbles: true, composed: true }));
  }

  static override styles = [
    baseStyles,
    placeStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 6px;
      }
      .summary {
        display: flex;
        align-items: flex-start;
        gap: 2px;
      }
      .summary > .icon {
        margin: 2px 0 0 -4px;
      }
      .fact {
        white-space: nowrap;
      }
      .details {
        display: flex;
        flex-direction: column;
        gap: 6px;
      }
      table {
        width: 100%;
        max-width: 640px;
        border-collapse: collapse;
        table-layout: fixed;
      }
      th {
        color: var(--vscode-descriptionForeground);
        font-weight: normal;
        text-align: start;
      }
      th,
      td {
        padding: 1px 0 1px 8px;
        vertical-align: top;
      }
      th:first-child,
      td:first-child {
        padding-inline-start: 0;
      }
      .number {
        width: 5.2em;
        text-align: end;
      }
    `,
  ];
}

/** Which scores are exact, in a few words. */
function exactnessOf({ index, examples }: RunSummary): readonly string[] {
  const words = strings.run;
  if (index === undefined || index.computed === examples) {
    return [words.exact];
  }
  const agreement = index.exact ? undefined : index.agreement;
  return agreement === undefined
    ? [words.fromIndex]
    : [words.bestExact, words.estimated(formatNumber(Math.min(...agreement.spearman)))];
}

/** How the scores were found in an index, and how good its estimates are. */
function exactnessTitle({ index, kind, examples: all }: RunSummary): string {
  const words = strings.run;
  if (index === undefined) {
    return words.details;
  }
  const { kept, reranked, agreement } = index;
  if (kind === "suspects") {
    return words.storedTitle(kept);
  }
  if (index.computed === all) {
    return words.computedTitle(kept);
  }
  if (index.exact || agreement === undefined) {
    return words.indexTitle(kept);
  }
  const { examples, top, spearman, recall } = agreement;
  return words.estimatedTitle(
    kept,
    reranked,
    examples,
    top,
    formatNumber(Math.min(...spearman)),
    formatProbability(Math.min(...recall)),
  );
}

function renderCheckpoint(checkpoint: CheckpointSummary) {
  const words = strings.run;
  const when = [
    ...(checkpoint.epoch === undefined ? [] : [words.epoch(checkpoint.epoch)]),
    ...(checkpoint.step === undefined ? [] : [words.step(checkpoint.step)]),
  ].join(", ");
  return html`<tr>
    <td title=${`${checkpoint.file}${when === "" ? "" : ` (${when})`}`}>
      ${pathLabel(checkpoint.file)}
      ${checkpoint.warnings.map((warning) => html`<div class="warning">${warningIcon} ${warning}</div>`)}
    </td>
    <td class="number" title=${checkpoint.learningRateSource}>${formatNumber(checkpoint.learningRate)}</td>
    <td class="number" title=${words.weightTitle}>${formatNumber(checkpoint.weight)}</td>
  </tr>`;
}
