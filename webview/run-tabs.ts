import type { RankedView } from "../src/protocol/lists.ts";
import type { RunSummary } from "../src/protocol/runs.ts";

/** From this width in pixels on, proponents and opponents stand side by side, under one tab. */
const sideBySide = 900;

/** A tab: one list, or proponents and opponents together. */
export type TabName = RankedView | "influence";

/** The lists of a run. */
export function viewsOf(run: RunSummary): readonly RankedView[] {
  switch (run.kind) {
    case "suspects":
      return ["suspects", "all"];
    case "explain":
      return ["proponents", "opponents", "suspects", "all"];
    case "testSet":
      // What hurts comes first: that is what a test set is explained for.
      return ["opponents", "proponents", "suspects", "all"];
  }
}

/** Whether a panel of a width in pixels has room for two lists. */
export function isWide(width: number): boolean {
  return width >= sideBySide;
}

/** The tabs for the lists of a run. */
export function tabsOf(views: readonly RankedView[], wide: boolean): readonly TabName[] {
  return wide && views.includes("proponents") ? ["influence", "suspects", "all"] : views;
}

/** The one of the tabs that shows a list. */
export function tabOf(view: RankedView, tabs: readonly TabName[]): TabName {
  return tabs.includes(view) ? view : "influence";
}

/** The lists of a run that a tab shows. */
export function viewsIn(tab: TabName, run: RunSummary): readonly RankedView[] {
  return tab === "influence" ? viewsOf(run).slice(0, 2) : [tab];
}

/**
 * The list to go to when a person chooses the tab with a name, undefined when it is shown already.
 * @param shown the list that is shown
 */
export function viewOfTab(tab: string | undefined, shown: RankedView): RankedView | undefined {
  if (tab === "influence") {
    return shown === "proponents" || shown === "opponents" ? undefined : "proponents";
  }
  const isView = tab === "proponents" || tab === "opponents" || tab === "suspects" || tab === "all";
  return isView && tab !== shown ? tab : undefined;
}
