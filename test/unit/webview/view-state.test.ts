import { describe, expect, it } from "vitest";
import {
  initialViewState,
  listKey,
  parseViewState,
  stateForRun,
  toggleExpanded,
} from "../../../webview/view-state.ts";

const views = ["proponents", "opponents", "suspects"] as const;

describe("parseViewState", () => {
  it("returns what was saved", () => {
    const state = {
      ...initialViewState,
      runId: "r1",
      view: "opponents" as const,
      order: "loss" as const,
      query: 2,
      filter: { text: "loss > 1", ranges: [{ column: "score", from: -1, to: 0.5 }] },
      sort: { column: "target", descending: true },
      histogram: "score",
      details: true,
      composing: true,
      draft: "a text that is",
      scroll: { opponents: 120.5 },
      expanded: { "opponents/2": [0, 7] },
    };
    expect(parseViewState(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });

  it.each([
    undefined,
    null,
    "text",
    [],
    { view: 3, query: -1, scroll: { proponents: "x" }, expanded: [] },
  ])("starts afresh from %j", (saved) => {
    expect(parseViewState(saved)).toEqual(initialViewState);
  });

  it("drops rows that are no row numbers", () => {
    expect(parseViewState({ expanded: { a: [1, -1, "2", 1.5], b: 3 } }).expanded).toEqual({
      a: [1],
      b: [],
    });
  });
});

describe("stateForRun", () => {
  const state = {
    ...initialViewState,
    runId: "r1",
    view: "opponents" as const,
    order: "loss" as const,
    query: 3,
    scroll: { opponents: 10 },
    expanded: { "opponents/3": [1] },
  };
  it("keeps all for the same run", () => {
    expect(stateForRun(state, "r1", views, 5)).toEqual(state);
  });
  it("closes the form for an example of one's own when another run answers it", () => {
    const composing = { ...state, composing: true };
    expect(stateForRun(composing, "r1", views, 5).composing).toBe(true);
    expect(stateForRun(composing, "r2", views, 5).composing).toBe(false);
  });
  it("keeps what was typed into the form until another run answers it", () => {
    const typed = { ...state, composing: true, draft: "a text" };
    expect(stateForRun(typed, "r1", views, 5).draft).toBe("a text");
    expect(stateForRun(typed, "r2", views, 5).draft).toBeUndefined();
  });
  it("keeps preferences alone for another run", () => {
    expect(stateForRun(state, "r2", views, 5)).toEqual({
      ...state,
      runId: "r2",
      query: 0,
      scroll: {},
      expanded: {},
    });
  });
  it("begins a test set with its opponents, and what comes after it as what was before", () => {
    const testViews = ["opponents", "proponents", "suspects"] as const;
    const before = { ...state, view: "proponents" as const };
    const testSet = stateForRun(before, "t1", testViews, 0);
    expect(testSet.view).toBe("opponents");
    const slice = stateForRun({ ...testSet, view: "suspects" }, "t2", testViews, 0);
    expect(slice.view).toBe("opponents");
    expect(stateForRun(slice, "t2", testViews, 0)).toEqual(slice);
    const after = stateForRun(slice, "r3", views, 1);
    expect([after.view, after.usual]).toEqual(["proponents", undefined]);
  });
  it("shows a list that the run has", () => {
    expect(stateForRun(state, "r2", ["suspects"], 0).view).toBe("suspects");
  });
});

describe("toggleExpanded", () => {
  it("opens and closes a row of one list", () => {
    const key = listKey("suspects", 4, "loss");
    expect(key).toBe("suspects/loss");
    const open = toggleExpanded(initialViewState, key, 7);
    expect(open.expanded).toEqual({ "suspects/loss": [7] });
    expect(toggleExpanded(open, key, 7).expanded).toEqual({ "suspects/loss": [] });
  });

  it("remembers a limited number of rows", () => {
    let state = initialViewState;
    for (let index = 0; index < 250; index++) {
      state = toggleExpanded(state, "a", index);
    }
    expect(state.expanded["a"]).toHaveLength(200);
    expect(state.expanded["a"]?.[0]).toBe(50);
  });
});
