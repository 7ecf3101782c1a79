import type { RankedView } from "../src/protocol/lists.ts";
import type { RankedList } from "./ranked-list.ts";
import type { RowElement } from "./row.ts";

/** Where a person was in the early lists of a run when it was finished. */
export interface Arrival {
  readonly view: RankedView;
  /** Number of the example. */
  readonly example: number;
  /** Distance of its row from the top of the scroller, in pixels. */
  readonly top: number;
  /** Whether its row has the focus. */
  readonly focused: boolean;
}

/** Rows of the finished list among which the example is looked for; early lists are shorter. */
const searched = 50;

/** Puts the example's row of the finished list where the early one stood, and the focus on it if it had that. */
export async function arrive(
  list: RankedList,
  scroller: HTMLElement,
  { example, top, focused }: Arrival,
): Promise<void> {
  const rows = Array.from({ length: searched }, (_, at) => list.cache?.row(at)?.index);
  // With a filter that hides it, the first row takes its place.
  const at = Math.max(0, rows.indexOf(example));
  list.active = at;
  await list.updateComplete;
  await new Promise(requestAnimationFrame);
  const row = list.renderRoot.querySelector<RowElement>(`tracin-row[data-index="${at}"]`);
  if (!row) {
    return;
  }
  scroller.scrollTop +=
    row.getBoundingClientRect().top - scroller.getBoundingClientRect().top - top;
  if (focused) {
    row.focus({ preventScroll: true });
  }
}
