import { html, type TemplateResult } from "lit";
import type { ExampleForm } from "../src/protocol/examples.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import type { TestSlice } from "../src/protocol/test-set.ts";
import "./new-example.ts";
import { baseName } from "./place.ts";
import "./query-card.ts";
import "./test-set.ts";
import type { ViewState } from "./view-state.ts";

/** What a run is about: its query with the form for another one, its test set, or its title. */
export function runCard(
  run: RunSummary,
  shown: ViewState,
  {
    labels,
    form,
    change,
  }: {
    readonly labels: readonly string[] | undefined;
    readonly form: ExampleForm | undefined;
    readonly change: (change: Partial<ViewState>) => void;
  },
): TemplateResult {
  const query = run.queries[shown.query];
  if (query) {
    return html`<tracin-query-card
        .runId=${run.id}
        .query=${query}
        .labels=${labels}
        .allLabels=${shown.allLabels}
        @toggle-labels=${() => change({ allLabels: !shown.allLabels })}
      ></tracin-query-card>
      <tracin-new-example
        .query=${query}
        .form=${form}
        .open=${shown.composing}
        .draft=${shown.draft}
        @draft-changed=${(event: CustomEvent<string>) => change({ draft: event.detail })}
        @toggle-composing=${() => change({ composing: !shown.composing })}
      ></tracin-new-example>`;
  }
  return run.testSet
    ? html`<tracin-test-set
        runId=${run.id}
        .testSet=${run.testSet}
        .slice=${shown.slice ?? run.testSet.slice}
        .losses=${shown.losses}
        @slice-changed=${(event: CustomEvent<TestSlice>) => change({ slice: event.detail })}
        @toggle-losses=${() => change({ losses: !shown.losses })}
        .checkpoints=${run.checkpoints.map((checkpoint) => baseName(checkpoint.file))}
      ></tracin-test-set>`
    : html`<h2>${run.title}</h2>`;
}
