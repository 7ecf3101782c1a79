import { html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { NumberRange } from "../src/protocol/lists.ts";
import type { TestOutcome, TestSetSummary, TestSlice } from "../src/protocol/test-set.ts";
import { checkpointLine, checkpointLineStyles } from "./checkpoint-line.ts";
import "./confusion-matrix.ts";
import { formatCount, formatNumber, formatShare } from "./format.ts";
import { conditionOf, sliceKey, withRange } from "./slice.ts";
import "./histogram.ts";
import type { HistogramSource } from "./histogram.ts";
import { chevron } from "./icons.ts";
import { explainSlice, getTestHistogram } from "./messages.ts";
import { outcomeStyles, outcomeTable } from "./outcome-table.ts";
import { pathLabel, placeStyles } from "./place.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./test-condition.ts";
import "./test-rows.ts";
import { testSetStyles } from "./test-set-styles.ts";

/** How right the model is on a test set, and which of its examples the lists are, or shall be, about. */
@customElement("tracin-test-set")
export class TestSetElement extends LitElement {
  @property() runId = "";
  @property({ attribute: false }) testSet: TestSetSummary | undefined;
  @property({ attribute: false }) checkpoints: readonly string[] = [];

  @property({ attribute: false }) slice: TestSlice = { kind: "all" };
  /** Whether the losses are shown as a histogram. */
  @property({ type: Boolean }) losses = false;

  @state() private count: number | undefined;
  private counted = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const key = `${this.runId} ${sliceKey(this.slice)}`;
    if (key !== this.counted) {
      this.counted = key;
      this.count = undefined;
    }
  }

  protected override render() {
    const { testSet } = this;
    if (!testSet) {
      return null;
    }
    const words = strings.testSet;
    const { outcome, dataset, file, examples } = testSet;
    return html`<section aria-label=${words.region}>
      <h2><span>${dataset}</span> <span class="muted file">${pathLabel(file)}</span> <span class="muted count">${words.examples(examples)}</span></h2>
      <div
        class="half"
        @slice-chosen=${(event: CustomEvent<TestSlice>) => this.choose(event.detail)}
      >
        ${this.renderFacts(testSet)} ${this.renderOutcome(outcome)}
      </div>
      <div class="half">
      ${this.renderSlices(testSet)}
      <tracin-test-rows
        runId=${this.runId}
        set=${dataset}
        .slice=${this.slice}
        @rows-counted=${(event: CustomEvent<number>) => {
          this.count = event.detail;
        }}
      ></tracin-test-rows>
      ${this.renderAction(testSet)}
      </div>
    </section>`;
  }

  private renderOutcome(outcome: TestOutcome): TemplateResult | null {
    if (outcome.kind !== "labels") {
      return outcomeTable(outcome, this.slice, (slice) => this.choose(slice));
    }
    return outcome.counted === 0
      ? null
      : html`<tracin-confusion .outcome=${outcome} .chosen=${this.slice}></tracin-confusion>`;
  }

  private renderFacts({ outcome, losses }: TestSetSummary): TemplateResult {
    const words = strings.testSet;
    const lossText = this.overCheckpoints(losses.map((loss) => formatNumber(loss)));
    const loss = html`<dt title=${words.meanLossTitle}>${words.meanLoss}</dt>
      <dd>${formatNumber(losses.at(-1) ?? 0)} ${checkpointLine(losses, `${words.meanLoss}: ${lossText}`)}</dd>`;
    if (outcome.kind === "values" || outcome.kind === "loss") {
      return html`<dl class="facts">${loss}</dl>`;
    }
    const { right, counted } = outcome;
    const shares = right.map((count) => (counted === 0 ? 0 : count / counted));
    const name = outcome.kind === "positions" ? words.positionsRight : words.right;
    const shareText = this.overCheckpoints(shares.map((share) => formatShare(share)));
    return html`<dl class="facts">
      <dt title=${words.rightTitle}>${name}</dt>
      <dd>
        ${
          counted === 0
            ? words.noTargets
            : html`<span>${words.rightOf(formatCount(right.at(-1) ?? 0), formatCount(counted))}
                <strong>${formatShare(shares.at(-1) ?? 0)}</strong></span>
              ${checkpointLine(shares, `${name}: ${shareText}`)}`
        }
      </dd>
      ${loss}
    </dl>`;
  }

  private renderSlices({ outcome, examples }: TestSetSummary): TemplateResult {
    const words = strings.testSet;
    const chosen = this.slice;
    const wrong =
      outcome.kind === "labels" || outcome.kind === "multiLabel"
        ? outcome.counted - (outcome.right.at(-1) ?? 0)
        : undefined;
    const hasErrors = outcome.kind !== "values" && outcome.kind !== "loss" && outcome.counted > 0;
    const chip = (slice: TestSlice, name: string, count: number | undefined) =>
      html`<button
        class="plain chip"
        aria-pressed=${sliceKey(slice) === sliceKey(chosen)}
        @click=${() => this.choose(slice)}
      >${name}${count === undefined ? null : html` <span class="muted">${formatCount(count)}</span>`}</button>`;
    return html`<div class="slices" role="group" aria-label=${words.slices}>
      ${chip({ kind: "all" }, words.all, examples)}
      ${hasErrors ? chip({ kind: "errors" }, words.errors, wrong) : null}
      <button
        class="plain link small"
        aria-expanded=${this.losses}
        @click=${() => this.dispatchEvent(new CustomEvent("toggle-losses"))}
      >${chevron(this.losses)}${words.lossHistogram}</button>
    </div>
    <tracin-test-condition
      runId=${this.runId}
      .text=${chosen.kind === "filter" ? (chosen.text ?? "") : ""}
      @condition=${(event: CustomEvent<string>) => this.onCondition(event.detail)}
    ></tracin-test-condition>
    ${this.losses ? this.renderLosses() : null}
    <p class="chosen small" role="status">${this.describe()}</p>`;
  }

  private renderLosses(): TemplateResult {
    const { runId, slice } = this;
    const text = conditionOf(slice);
    const within: TestSlice = text === "" ? { kind: "all" } : { kind: "filter", text };
    const source: HistogramSource = {
      key: `${runId} ${text}`,
      ranges: slice.kind === "filter" ? (slice.ranges ?? []) : [],
      ask: (column, bins) => getTestHistogram({ runId, slice: within, column, bins }),
    };
    return html`<tracin-histogram
      column="loss"
      .source=${source}
      @range-picked=${(event: CustomEvent<{ range: NumberRange | undefined }>) =>
        this.choose(withRange(slice, event.detail.range))}
    ></tracin-histogram>`;
  }

  /** A condition takes the place of the slice; a range of losses stays. */
  private onCondition(text: string): void {
    const [range] = this.slice.kind === "filter" ? (this.slice.ranges ?? []) : [];
    this.choose(withRange(text === "" ? { kind: "all" } : { kind: "filter", text }, range));
  }

  private renderAction({ slice }: TestSetSummary): TemplateResult | null {
    const words = strings.testSet;
    const { count } = this;
    if (sliceKey(slice) === sliceKey(this.slice)) {
      return html`<p class="muted small">${words.below}</p>`;
    }
    return html`<vscode-button
      ?disabled=${count === undefined || count === 0}
      title=${words.explainTheseTitle}
      @click=${() => explainSlice(this.runId, this.slice)}
    >${count === undefined ? words.explainSlice : words.explainThese(count, formatCount(count))}</vscode-button>`;
  }

  /** The chosen examples in words, with their number. */
  private describe(): string {
    const words = strings.testSet;
    const { slice: chosen, count } = this;
    const what = () => {
      switch (chosen.kind) {
        case "all":
          return words.all;
        case "errors":
          return words.errors;
        case "labels":
          return words.labels(chosen.target, chosen.predicted);
        case "label":
          return words.labelSlice(chosen.label, chosen.target, chosen.predicted);
        case "confusion":
          return words.confusionSlice(chosen.target, chosen.predicted);
        case "filter":
          return [
            ...(chosen.text ? [words.where(chosen.text)] : []),
            ...(chosen.ranges ?? []).map(({ column, from, to }) =>
              strings.filter.range(column, formatNumber(from), formatNumber(to)),
            ),
          ].join(", ");
      }
    };
    return count === undefined ? what() : `${what()}: ${strings.testSet.examples(count)}`;
  }

  private overCheckpoints(values: readonly string[]): string {
    return values
      .map((value, place) => `${this.checkpoints[place] ?? place + 1} ${value}`)
      .join(", ");
  }

  private choose(slice: TestSlice): void {
    if (sliceKey(slice) !== sliceKey(this.slice)) {
      this.dispatchEvent(
        new CustomEvent("slice-changed", { detail: slice, bubbles: true, composed: true }),
      );
    }
  }

  static override styles = [
    baseStyles,
    placeStyles,
    checkpointLineStyles,
    outcomeStyles,
    testSetStyles,
  ];
}
