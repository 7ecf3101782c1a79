import { html, type TemplateResult } from "lit";
import type { RankedView, SuspectOrder } from "../src/protocol/lists.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import type { ReviewIndex } from "./review.ts";
import "./review-bar.ts";
import { strings } from "./strings.ts";
import { noMarginReason } from "./suspect-numbers.ts";

/** What stands over the list of suspects: its order, and the reviewing. */
export function suspectsCaption(options: {
  readonly run: RunSummary;
  readonly order: SuspectOrder;
  readonly reviews: ReviewIndex;
  /** Rows that are selected together. */
  readonly selected: number;
  /** What came of the last action. */
  readonly said: string;
  readonly onOrder: (order: SuspectOrder) => void;
}): TemplateResult {
  const { run, order, reviews, selected, said, onOrder } = options;
  const { list } = strings;
  const { orders } = run;
  const reason = noMarginReason(run);
  const onChange = ({ target }: Event) => {
    const value = target instanceof HTMLElement && "value" in target ? target.value : undefined;
    const chosen = orders.find((each) => each === value);
    if (chosen !== undefined && chosen !== order) {
      onOrder(chosen);
    }
  };
  return html`<div class="caption">
    <div class="order" title=${list.orderTitles[order]}>
      <label>${list.order}</label>
      <vscode-dropdown position="below" aria-label=${list.order} current-value=${order} @change=${onChange}>
        ${orders.map((each) => html`<vscode-option value=${each} title=${list.orderTitles[each]} ?selected=${each === order}>${list.orders[each]}</vscode-option>`)}
        ${reason === undefined ? null : html`<vscode-option disabled title=${list.orderTitles.margin}>${reason}</vscode-option>`}
      </vscode-dropdown>
    </div>
    <p class="muted small">${list.suspects}</p>
    <tracin-review-bar
      .decided=${reviews.reviews.list.length}
      .total=${run.examples}
      .open=${reviews.open}
      .selected=${selected}
      .undoable=${reviews.reviews.undoable}
      .said=${said}
    ></tracin-review-bar>
  </div>`;
}

/** What stands over any other list: what it holds. */
export function listCaption(
  view: Exclude<RankedView, "suspects">,
  explained: string | undefined,
  isTestSet = false,
): TemplateResult {
  const { list } = strings;
  if (view === "all") {
    return html`<p class="caption muted small">${list.allExamples}</p>`;
  }
  const { lowered, raised } = strings.testSet;
  const [towards, away] = isTestSet
    ? [lowered, raised]
    : [list.towards(explained), list.away(explained)];
  const text = view === "proponents" ? towards : away;
  return html`<p class="caption muted small" title=${strings.viewTitles[view]}>
    <span aria-hidden="true">${view === "proponents" ? "▲" : "▼"}</span> ${text}
  </p>`;
}
