import { html, type TemplateResult } from "lit";
import type { RowSort, SuspectOrder } from "../src/protocol/lists.ts";
import { nextSort } from "./filter-model.ts";
import { strings } from "./strings.ts";
import { columnOf, otherOrders } from "./suspect-numbers.ts";

/** The names of a list's columns, where it is wide enough to have any; each of them sorts the list. */
export function listHeader(options: {
  /** Kind of the examples' previews. */
  readonly kind: string;
  /** Whether rows are drawn as suspects are. */
  readonly suspects: boolean;
  readonly order: SuspectOrder;
  /** The numbers that suspects have. */
  readonly numbers: readonly SuspectOrder[];
  readonly sort: RowSort | undefined;
  /** Height in pixels of what sticks to the top of the scroller, over the list. */
  readonly covered: number;
  readonly onSort: (sort: RowSort | undefined) => void;
}): TemplateResult {
  const { kind, suspects, order, numbers, sort, covered, onSort } = options;
  const { columns, columnTitles, orderColumns, orderTitles, sortBy } = strings.list;
  const scoreColumn = suspects ? columnOf[order] : "score";
  const score = suspects ? orderColumns[order] : columns.score;
  const scoreTitle = suspects ? orderTitles[order] : columnTitles.score;
  const directionOf = (column: string) =>
    sort?.column !== column ? "none" : sort.descending ? "descending" : "ascending";
  const button = (column: string, text: string, values: "number" | "text") => {
    const arrow = { ascending: " ↑", descending: " ↓", none: "" }[directionOf(column)];
    const onClick = () => onSort(nextSort(sort, column, values));
    return html`<button class="plain" title=${sortBy(text)} @click=${onClick}>${text}${arrow}</button>`;
  };
  return html`<div class="header muted" role="row" .style=${`top: ${covered}px`}>
    <span class="rank" role="columnheader" title=${columnTitles.rank}>${columns.rank}</span>
    <span class="label" role="columnheader" title=${columnTitles.target} aria-sort=${directionOf("target")}>${button("target", columns.target, "text")}</span>
    ${kind === "image" ? null : html`<span class="text" role="columnheader">${columns.example}</span>`}
    <span class="score-head" role="columnheader" title=${scoreTitle} aria-sort=${directionOf(scoreColumn)}>${button(scoreColumn, score, "number")}</span>
    ${
      suspects
        ? otherOrders(order, numbers).map(
            (other) =>
              html`<span class="other" role="columnheader" title=${orderTitles[other]} aria-sort=${directionOf(columnOf[other])}>${button(columnOf[other], orderColumns[other], "number")}</span>`,
          )
        : null
    }
    <span
      class="line"
      role="columnheader"
      title=${suspects ? columnTitles.selfLine : columnTitles.line}
      >${columns.line}</span
    >
    <span class="place" role="columnheader" aria-sort=${directionOf("example")}>${button("example", columns.place, "number")}</span>
  </div>`;
}
