import type {
  ListRequest,
  RankedView,
  RowFilter,
  RowSort,
  SuspectOrder,
} from "../src/protocol/lists.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import type { TestSlice } from "../src/protocol/test-set.ts";
import { isEmpty, parseFilter, parseSort } from "./filter-model.ts";
import { parseSlice } from "./slice.ts";

/** Expanded rows that are remembered per list; more are forgotten, oldest first. */
const maxExpanded = 200;

/** What a person did to the view of a run, kept over hiding and reloading. */
export interface ViewState {
  /** The run that query, scroll and expanded rows belong to. */
  readonly runId: string | undefined;
  readonly view: RankedView;
  /** While a test set is shown, which begins with its opponents: the list to come back to. */
  readonly usual: RankedView | undefined;
  /** What suspects are ranked by; the run's default unless chosen. */
  readonly order: SuspectOrder | undefined;
  /** Which query of the run. */
  readonly query: number;
  /** What narrows the lists, and an order other than their own. */
  readonly filter: RowFilter;
  readonly sort: RowSort | undefined;
  /** What is chosen of a test set; as the run was made unless told. */
  readonly slice: TestSlice | undefined;
  /** Whether the losses of the test set are shown as a histogram. */
  readonly losses: boolean;
  /** Column whose histogram is shown; empty for none. */
  readonly histogram: string;
  /** Whether the card shows all labels and the checkpoints. */
  readonly allLabels: boolean;
  readonly details: boolean;
  /** Whether the card has the form for another example open. */
  readonly composing: boolean;
  /** What was typed into it, which stays until it is answered; a copy of the query where undefined. */
  readonly draft: string | undefined;
  /** Scroll position in pixels, by list. */
  readonly scroll: Readonly<Partial<Record<RankedView, number>>>;
  /** Expanded rows (counted from 0 in the list), by {@link listKey}. */
  readonly expanded: Readonly<Record<string, readonly number[]>>;
}

const orders: readonly SuspectOrder[] = ["margin", "combined", "loss", "selfInfluence"];

export const initialViewState: ViewState = {
  runId: undefined,
  view: "proponents",
  usual: undefined,
  order: undefined,
  query: 0,
  filter: {},
  sort: undefined,
  slice: undefined,
  losses: false,
  histogram: "",
  allLabels: false,
  details: false,
  composing: false,
  draft: undefined,
  scroll: {},
  expanded: {},
};

/** What a run's suspects are ranked by: as chosen where it has the numbers, else its default. */
export function orderIn(
  { orders: known }: Pick<RunSummary, "orders">,
  chosen: SuspectOrder | undefined,
): SuspectOrder {
  return known.find((each) => each === chosen) ?? known[0] ?? "loss";
}

/** Names a ranked list of a run: its rows depend on nothing else. */
export function listKey(
  view: RankedView,
  query: number,
  order: SuspectOrder,
  filter: RowFilter = {},
  sort?: RowSort,
): string {
  const list = view === "suspects" ? `${view}/${order}` : `${view}/${query}`;
  return isEmpty(filter) && sort === undefined ? list : `${list}/${JSON.stringify([filter, sort])}`;
}

/** A list of a run as the person has it. */
export function listOf(
  run: Pick<RunSummary, "id" | "orders">,
  { query, order, filter, sort }: ViewState,
  view: RankedView,
): Omit<ListRequest, "root"> {
  return {
    runId: run.id,
    view,
    query,
    ...(view === "suspects" ? { order: orderIn(run, order) } : {}),
    ...(isEmpty(filter) ? {} : { filter }),
    ...(sort === undefined ? {} : { sort }),
  };
}

/** Reads a saved state; what is missing or malformed takes its initial value. */
export function parseViewState(saved: unknown): ViewState {
  if (!isRecord(saved)) {
    return initialViewState;
  }
  const { runId, view, order, query, filter, sort, histogram } = saved;
  const { usual, slice, losses } = saved;
  const { allLabels, details, composing, draft, scroll, expanded } = saved;
  return {
    runId: typeof runId === "string" ? runId : undefined,
    view: parseView(view),
    usual: usual === undefined ? undefined : parseView(usual),
    order: orders.find((each) => each === order),
    query: isCount(query) ? query : 0,
    filter: parseFilter(filter),
    sort: parseSort(sort),
    slice: parseSlice(slice),
    losses: losses === true,
    histogram: typeof histogram === "string" ? histogram : "",
    allLabels: allLabels === true,
    details: details === true,
    composing: composing === true,
    draft: typeof draft === "string" ? draft : undefined,
    scroll: parseScroll(scroll),
    expanded: parseExpanded(expanded),
  };
}

/** The state for a run: taken over when it is the same run, else only the person's preferences stay. */
export function stateForRun(
  state: ViewState,
  runId: string,
  views: readonly RankedView[],
  queries: number,
): ViewState {
  const kept =
    state.runId === runId
      ? state
      : {
          ...state,
          query: 0,
          filter: {},
          sort: undefined,
          slice: undefined,
          draft: undefined,
          scroll: {},
          expanded: {},
        };
  // The lists of a test set begin with what hurts it; what comes after it begins as what was before.
  const isTestSet = views[0] === "opponents";
  const wanted =
    state.runId === runId ? state.view : isTestSet ? "opponents" : (state.usual ?? state.view);
  return {
    ...kept,
    runId,
    // The form has its answer: it makes room for it.
    composing: state.runId === runId && kept.composing,
    usual: isTestSet
      ? (state.usual ?? (state.runId === runId ? undefined : state.view))
      : undefined,
    view: views.includes(wanted) ? wanted : (views[0] ?? "suspects"),
    query: Math.min(kept.query, Math.max(0, queries - 1)),
  };
}

/** The state after a row of a list was expanded or collapsed. */
export function toggleExpanded(state: ViewState, key: string, index: number): ViewState {
  const before = state.expanded[key] ?? [];
  const after = before.includes(index)
    ? before.filter((other) => other !== index)
    : [...before, index].slice(-maxExpanded);
  return { ...state, expanded: { ...state.expanded, [key]: after } };
}

function parseView(value: unknown): RankedView {
  return value === "opponents" || value === "suspects" || value === "all" ? value : "proponents";
}

function parseScroll(value: unknown): ViewState["scroll"] {
  const scroll: Partial<Record<RankedView, number>> = {};
  if (isRecord(value)) {
    for (const view of ["proponents", "opponents", "suspects", "all"] as const) {
      const offset = value[view];
      if (typeof offset === "number" && Number.isFinite(offset) && offset >= 0) {
        scroll[view] = offset;
      }
    }
  }
  return scroll;
}

function parseExpanded(value: unknown): ViewState["expanded"] {
  if (!isRecord(value)) {
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, rows]) => [
      key,
      Array.isArray(rows) ? rows.filter(isCount).slice(-maxExpanded) : [],
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
