import { css, html, type TemplateResult } from "lit";
import type {
  LabelCounts,
  OutputErrors,
  TestOutcome,
  TestSlice,
} from "../src/protocol/test-set.ts";
import { formatCount, formatNumber } from "./format.ts";
import { sliceKey } from "./slice.ts";
import { strings } from "./strings.ts";

/** Labels and outputs that are listed. */
const most = 30;

/** What is said of a test set whose examples do not have one label each. */
export function outcomeTable(
  outcome: Exclude<TestOutcome, { kind: "labels" }>,
  chosen: TestSlice,
  choose: (slice: TestSlice) => void,
): TemplateResult {
  const words = strings.testSet;
  switch (outcome.kind) {
    case "multiLabel":
      return labelTable(outcome.labels, chosen, choose);
    case "values":
      return valueTable(outcome.outputs);
    case "positions":
      return outcome.confusions.length === 0
        ? html`<p class="muted small">${words.noConfusions}</p>`
        : html`<div class="small">
            <div class="muted">${words.confusions}</div>
            <ul class="confusions">
              ${outcome.confusions.map(({ target, predicted, count }) => {
                const slice: TestSlice = { kind: "confusion", target, predicted };
                const isChosen = sliceKey(slice) === sliceKey(chosen);
                return html`<li>
                  <button
                    class="plain link"
                    aria-pressed=${isChosen}
                    title=${words.confusionTitle(target, predicted)}
                    @click=${() => choose(isChosen ? { kind: "all" } : slice)}
                  >${words.confusion(target, predicted, formatCount(count))}</button>
                </li>`;
              })}
            </ul>
          </div>`;
    case "loss":
      return html`<p class="muted small">${words.lossAlone}</p>`;
  }
}

/** Counts of each label; those of mistakes choose their examples. */
function labelTable(
  labels: readonly LabelCounts[],
  chosen: TestSlice,
  choose: (slice: TestSlice) => void,
): TemplateResult {
  const words = strings.testSet;
  const mistakes = (found: LabelCounts) => found.falsePositives + found.falseNegatives;
  const shown = [...labels].sort((a, b) => mistakes(b) - mistakes(a)).slice(0, most);
  const cell = (label: string, target: boolean, predicted: boolean, count: number) => {
    const slice: TestSlice = { kind: "label", label, target, predicted };
    const isChosen = sliceKey(slice) === sliceKey(chosen);
    const name = words.labelCell(label, target, predicted, count);
    return html`<td class="number">
      <button
        class="plain link"
        aria-pressed=${isChosen}
        aria-label=${name}
        title=${name}
        @click=${() => choose(isChosen ? { kind: "all" } : slice)}
      >${formatCount(count)}</button>
    </td>`;
  };
  return html`<div class="scroll">
      <table class="outcome small" aria-label=${words.labelTable}>
        <thead>
          <tr>
            <th scope="col">${words.label}</th>
            <th scope="col" class="number">${words.found}</th>
            <th scope="col" class="number">${words.missed}</th>
            <th scope="col" class="number">${words.wronglyGiven}</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            ({ label, truePositives, falseNegatives, falsePositives }) => html`<tr>
              <th scope="row" class="ellipsis" title=${label}>${label}</th>
              ${cell(label, true, true, truePositives)}
              ${cell(label, true, false, falseNegatives)}
              ${cell(label, false, true, falsePositives)}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${shown.length < labels.length ? html`<p class="muted small">${words.someLabels(shown.length, labels.length)}</p>` : null}`;
}

/** Errors of each output of a regression. */
function valueTable(outputs: readonly OutputErrors[]): TemplateResult {
  const words = strings.testSet;
  const shown = outputs.slice(0, most);
  return html`<p class="muted small">${words.regression}</p>
    <div class="scroll" role="region" tabindex="0" aria-label=${words.errorTable}>
      <table class="outcome small">
        <thead>
          <tr>
            <th scope="col">${words.output}</th>
            <th scope="col" class="number" title=${words.meanErrorTitle}>${words.meanError}</th>
            <th scope="col" class="number" title=${words.absoluteErrorTitle}>${words.absoluteError}</th>
            <th scope="col" class="number" title=${words.squareTitle}>${words.square}</th>
            <th scope="col" class="number" title=${words.explainedTitle}>R²</th>
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (found) => html`<tr>
              <th scope="row" class="ellipsis" title=${found.name}>${found.name}</th>
              <td class="number">${formatNumber(found.meanError, "signed")}</td>
              <td class="number">${formatNumber(found.meanAbsoluteError)}</td>
              <td class="number">${formatNumber(found.rootMeanSquare)}</td>
              <td class="number">${found.explained === null ? "–" : formatNumber(found.explained)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${shown.length < outputs.length ? html`<p class="muted small">${words.someOutputs(shown.length, outputs.length)}</p>` : null}`;
}

export const outcomeStyles = css`
  .scroll {
    max-width: 100%;
    overflow-x: auto;
  }
  table.outcome {
    border-collapse: collapse;
  }
  table.outcome th {
    max-width: min(160px, 32vw);
    color: var(--vscode-descriptionForeground);
    font-weight: normal;
    text-align: start;
  }
  table.outcome th,
  table.outcome td {
    padding: 1px 0 1px 12px;
  }
  table.outcome th:first-child {
    padding-inline-start: 0;
  }
  table.outcome tbody th {
    color: var(--vscode-foreground);
  }
  table.outcome .number {
    text-align: end;
    font-variant-numeric: tabular-nums;
  }
  .confusions button[aria-pressed="true"],
  table.outcome button[aria-pressed="true"] {
    outline: 1px solid var(--vscode-foreground);
    outline-offset: 2px;
  }
  .confusions {
    margin: 0;
    padding-inline-start: 16px;
  }
`;
