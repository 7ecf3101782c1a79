/**
 * Stands in for VS Code in a plain page: `acquireVsCodeApi`, the host's half of the messages, and the theme.
 * Loaded before the panel's bundle; `window.harness` drives it.
 */

import type { EarlyList, EarlyRanking } from "../../src/protocol/early.ts";
import type { PanelReview, PanelState } from "../../src/protocol/panel.ts";
import type { Decision, GivenDecision } from "../../src/protocol/reviews.ts";
import type { TestSlice } from "../../src/protocol/test-set.ts";
import { formOf, labelsOf, makePair, makeRun, type Sample, scalesOf } from "./data.ts";
import { makeCheck, makeHistogram, makeNeighbours, makeRows } from "./list-data.ts";
import { makeTestHistogram, makeTestRows, makeTestSet, type TestKind } from "./test-set-data.ts";
import { fontVariables, type ThemeName, themes } from "./themes.ts";

interface Message {
  readonly id?: string;
  readonly method?: string;
  readonly params?: unknown;
}

const sent: Message[] = [];
let state: PanelState | undefined;
let saved: unknown;
let reviews: PanelReview[] = [];
let failure: { readonly message: string; readonly remedy: string } | undefined;
let delay = 0;
let isReady = false;

function post(data: unknown): void {
  // Cloned as the real channel does.
  window.postMessage(structuredClone(data), "*");
}

function publish(): void {
  if (isReady && state) {
    post({ method: "stateChanged", receiver: { type: "webview" }, params: state });
  }
}

const answers: Readonly<Record<string, (params: never) => unknown>> = {
  getRows: makeRows,
  checkFilter: makeCheck,
  getHistogram: makeHistogram,
  getNeighbours: makeNeighbours,
  getTestRows: makeTestRows,
  getPair: makePair,
  getTestHistogram: makeTestHistogram,
  checkTestFilter: makeCheck,
};

function receive(message: Message): void {
  sent.push(structuredClone(message));
  if (message.method === "ready") {
    isReady = true;
    publish();
  } else if (message.method && message.method in answers) {
    const answer = answers[message.method];
    const result =
      failure && message.method === "getRows"
        ? { ok: false, ...failure }
        : { ok: true, value: answer?.(message.params as never) };
    setTimeout(
      () =>
        post({
          id: message.id,
          receiver: { type: "webview" },
          sender: { type: "extension" },
          result,
        }),
      delay,
    );
  } else if (message.method === "decide") {
    const { items, decision } = message.params as {
      items: { index: number; content?: string; suggested?: string }[];
      decision: GivenDecision;
    };
    for (const { index, content = "", suggested = "" } of items) {
      const taken: Decision =
        decision.kind === "suggestion" ? { kind: "relabel", to: suggested } : decision;
      reviews = [...reviews.filter((other) => other.index !== index)];
      const state = taken.kind === "keep" ? "done" : "open";
      reviews.push({ index, content, decision: taken, state });
    }
    answer(message, { ok: true, value: { decision, skipped: [] } });
    publishReviews();
  } else if (message.method === "decideShown") {
    answer(message, { ok: true, value: "40 of 50 rows decided." });
  } else if (message.method === "explainGiven") {
    const { given } = message.params as { given: { row?: string } };
    answer(
      message,
      given.row?.includes("wrong")
        ? { ok: false, message: "The row is not valid JSON.", remedy: "Give a JSON object." }
        : { ok: true, value: true },
    );
  } else if (message.method === "undoReview") {
    reviews = reviews.slice(0, -1);
    answer(message, { ok: true, value: undefined });
    publishReviews();
  }
}

function answer({ id }: Message, result: unknown): void {
  post({ id, receiver: { type: "webview" }, sender: { type: "extension" }, result });
}

function publishReviews(): void {
  const params = { list: reviews, undoable: reviews.length > 0 ? 1 : 0 };
  post({ method: "reviewsChanged", receiver: { type: "webview" }, params });
}

const harness = {
  sent,
  makeRun,
  theme(name: ThemeName): void {
    const { className, variables } = themes[name];
    document.body.className = className;
    document.documentElement.removeAttribute("style");
    for (const [variable, value] of Object.entries({ ...fontVariables, ...variables })) {
      document.documentElement.style.setProperty(variable, value);
    }
  },
  show(next: PanelState): void {
    state = next;
    publish();
  },
  showRun(
    sample: Sample,
    ...rest: Parameters<typeof makeRun> extends [Sample, ...infer R] ? R : never
  ): void {
    harness.show({
      kind: "run",
      run: makeRun(sample, ...rest),
      labels: labelsOf[sample],
      form: formOf[sample],
      scales: scalesOf[sample] ?? {},
    });
  },
  showTestSet(kind: TestKind, ...rest: readonly unknown[]): void {
    const sample = kind === "values" ? "house" : kind === "positions" ? "tags" : "digits";
    const options = (rest[0] ?? {}) as { stale?: boolean; slice?: TestSlice };
    const run = makeRun(sample, "testSet", options);
    const testSet = makeTestSet(kind, options.slice);
    const title = `test, ${testSet.sliceTitle}`;
    harness.show({
      kind: "run",
      run: { ...run, id: `${run.id}/${kind}/${JSON.stringify(testSet.slice)}`, title, testSet },
      labels: labelsOf[sample],
    });
  },
  /** A run under way, with ten rows of each list from a place on. */
  showEarly(
    sample: Sample,
    kind: "explain" | "suspects",
    scored: number,
    offset = 0,
    state: EarlyRanking["state"] = "scored",
  ): void {
    const message = "Scoring the training examples";
    const progress = { phase: "scoring" as const, done: 5 * scored, total: 9500, message };
    harness.show({ kind: "computing", title: "Explaining test 142", progress });
    const { checkpoints, reading, id } = makeRun(sample, kind);
    const views = kind === "suspects" ? ["suspects" as const] : ["proponents", "opponents"];
    const estimated = state === "estimated" ? { estimated: true as const } : {};
    const ranking: EarlyRanking = {
      state,
      scored,
      examples: 1900,
      checkpoints: checkpoints.map(({ file }) => file),
      reading,
      queries: 1,
      orders: ["loss", "selfInfluence"],
      lists: (views as EarlyList["view"][]).map((view) => {
        const { scale, rows } = makeRows({ runId: id, view, query: 0, offset, limit: 10 });
        return {
          view,
          scale,
          rows: rows.map((row, at) => ({ ...row, ...estimated, rank: at + 1 })),
        };
      }),
    };
    post({ method: "earlyRanked", receiver: { type: "webview" }, params: { ranking } });
  },
  failRows(next: typeof failure): void {
    failure = next;
  },
  delayRows(milliseconds: number): void {
    delay = milliseconds;
  },
  getSaved: () => saved,
  setSaved(next: unknown): void {
    saved = next;
  },
};

declare global {
  interface Window {
    harness: typeof harness;
    acquireVsCodeApi: () => unknown;
  }
}

window.harness = harness;
window.acquireVsCodeApi = () => ({
  postMessage: receive,
  getState: () => saved,
  setState: (next: unknown) => {
    saved = structuredClone(next);
  },
});
