import { html, LitElement, type PropertyValues } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type {
  FilterCheck,
  ListRequest,
  NumberRange,
  RowFilter,
  RowSort,
  TableColumn,
} from "../src/protocol/lists.ts";
import { type Completions, complete, completionsAt, withRange } from "./filter-model.ts";
import { problemAt, problemStyles } from "./filter-problem.ts";
import { filterStyles } from "./filter-styles.ts";
import { formatNumber } from "./format.ts";
import "./histogram.ts";
import { checkFilter } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** Milliseconds without a key after which a filter is read. */
const pause = 200;
/** Milliseconds after which a list is taken to be looked at: its first rows are there by then. */
const settled = 500;
const noCompletions: Completions = { from: 0, to: 0, names: [] };

/** Filter, order and histogram of the lists of a run. It says what is wanted; its owner keeps it. */
@customElement("tracin-filter-bar")
export class FilterBar extends LitElement {
  /** The list that is in sight. */
  @property({ attribute: false }) list: Omit<ListRequest, "root"> | undefined;
  /** The column whose histogram is shown; empty for none. */
  @property() histogram = "";

  @state() private columns: readonly TableColumn[] = [];
  @state() private problem: FilterCheck["problem"];
  @state() private typed = "";
  @state() private completions = noCompletions;
  @state() private chosen = -1;
  @query("input") private input: HTMLInputElement | null | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The run whose texts are being read, or have been, since somebody was about to type. */
  private readAhead = "";
  private ahead: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  private get filter(): RowFilter {
    return this.list?.filter ?? {};
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    clearTimeout(this.ahead);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("list");
    const { list } = this;
    if (!changed.has("list") || !list) {
      return;
    }
    if (before?.runId !== list.runId || before.query !== list.query) {
      this.typed = this.filter.text ?? "";
      void this.check(false);
    }
    if (before?.runId !== list.runId) {
      clearTimeout(this.ahead);
      this.ahead = setTimeout(() => this.readTexts("shown"), settled);
    }
  }

  /** What words are looked for in is read before they are typed. */
  private readTexts(readAhead: "typing" | "shown"): void {
    const { list, typed } = this;
    if (list && list.runId !== this.readAhead) {
      this.readAhead = readAhead === "typing" ? list.runId : this.readAhead;
      void checkFilter({ runId: list.runId, query: list.query, text: typed, readAhead });
    }
  }

  protected override render() {
    const words = strings.filter;
    const { problem, typed, completions } = this;
    const open = completions.names.length > 0;
    return html`
      <div class="line">
        <div class="box">
          <input
            type="text"
            spellcheck="false"
            autocomplete="off"
            role="combobox"
            aria-label=${words.label}
            aria-expanded=${open}
            aria-controls="completions"
            aria-autocomplete="list"
            aria-activedescendant=${open && this.chosen >= 0 ? `option-${this.chosen}` : ""}
            aria-invalid=${problem !== undefined}
            aria-describedby=${problem ? "problem" : ""}
            placeholder=${words.placeholder}
            title=${words.title}
            .value=${typed}
            @input=${this.onInput}
            @keydown=${this.onKey}
            @focus=${() => this.readTexts("typing")}
            @blur=${this.closeCompletions}
          />
          ${typed === "" ? null : html`<button class="plain clear" aria-label=${words.clear} title=${words.clear} @click=${this.clear}>×</button>`}
          <ul class="completions" id="completions" role="listbox" aria-label=${words.columns} ?hidden=${!open}>
            ${completions.names.map(
              (name, index) => html`<li
                id=${`option-${index}`}
                role="option"
                aria-selected=${index === this.chosen}
                @pointerdown=${(event: Event) => {
                  event.preventDefault();
                  this.accept(name);
                }}
              >${name}</li>`,
            )}
          </ul>
        </div>
        ${this.renderSort()} ${this.renderHistogramChoice()}
      </div>
      ${problem ? problemAt(typed, problem) : null} ${this.renderRanges()}
      ${
        this.histogram !== "" && this.list
          ? html`<tracin-histogram
            .list=${this.list}
            column=${this.histogram}
            @range-picked=${this.onRange}
          ></tracin-histogram>`
          : null
      }
    `;
  }

  private renderSort() {
    const words = strings.filter;
    const sort = this.list?.sort;
    const names = this.columns.filter(({ name }) => name !== "text" && name !== "example");
    const choose = (event: Event) => {
      const column = event.target instanceof HTMLSelectElement ? event.target.value : "";
      const kind = names.find(({ name }) => name === column)?.kind;
      this.tell<RowSort | undefined>(
        "sort-changed",
        column === "" ? undefined : { column, descending: kind === "number" },
      );
    };
    return html`<span class="group">
      <select aria-label=${words.sort} title=${words.sort} @change=${choose}>
        <option value="" ?selected=${sort === undefined}>${words.ownOrder}</option>
        <option value="example" ?selected=${sort?.column === "example"}>${words.fileOrder}</option>
        ${names.map(({ name }) => html`<option value=${name} ?selected=${sort?.column === name}>${words.by(name)}</option>`)}
      </select>
      ${
        sort
          ? html`<button
            class="plain"
            aria-label=${sort.descending ? words.descending : words.ascending}
            title=${sort.descending ? words.descending : words.ascending}
            @click=${() => this.tell<RowSort>("sort-changed", { ...sort, descending: !sort.descending })}
          >${sort.descending ? "↓" : "↑"}</button>`
          : null
      }
    </span>`;
  }

  private renderHistogramChoice() {
    const words = strings.filter;
    const numbers = this.columns.filter(
      ({ name, kind }) => kind === "number" && !["example", "line_count"].includes(name),
    );
    const choose = (event: Event) =>
      this.tell(
        "histogram-changed",
        event.target instanceof HTMLSelectElement ? event.target.value : "",
      );
    return html`<span class="group">
      <select aria-label=${words.histogram} title=${words.histogram} @change=${choose}>
        <option value="" ?selected=${this.histogram === ""}>${words.noHistogram}</option>
        ${numbers.map(({ name }) => html`<option value=${name} ?selected=${this.histogram === name}>${words.histogramOption(name)}</option>`)}
      </select>
    </span>`;
  }

  private renderRanges() {
    const words = strings.filter;
    const ranges = this.filter.ranges ?? [];
    return ranges.length === 0
      ? null
      : html`<div class="line">
          ${ranges.map((range) => {
            const text = words.range(
              range.column,
              formatNumber(range.from),
              formatNumber(range.to),
            );
            return html`<span class="chip small">
              <span class="ellipsis" title=${text}>${text}</span>
              <button class="plain" aria-label=${words.remove(text)} title=${words.remove(text)}
                @click=${() => this.setFilter(withRange(this.filter, range.column))}>×</button>
            </span>`;
          })}
        </div>`;
  }

  private onInput(): void {
    const { input } = this;
    if (!input) {
      return;
    }
    this.typed = input.value;
    this.problem = undefined;
    this.completions = completionsAt(this.typed, input.selectionStart ?? 0, this.columns);
    this.chosen = -1;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.check(true), pause);
  }

  private onKey(event: KeyboardEvent): void {
    const { names } = this.completions;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const name = names[this.chosen];
    if (step !== undefined && names.length > 0) {
      event.preventDefault();
      this.chosen =
        (this.chosen + step + names.length + (this.chosen < 0 && step < 0 ? 1 : 0)) % names.length;
    } else if ((event.key === "Enter" || event.key === "Tab") && name !== undefined) {
      event.preventDefault();
      this.accept(name);
    } else if (event.key === "Enter") {
      clearTimeout(this.timer);
      this.closeCompletions();
      if (this.typed !== (this.filter.text ?? "")) {
        // Its rows are asked for beside the check, so that they come with its answer.
        this.tell<RowFilter>("filter-coming", { ...this.filter, text: this.typed });
      }
      void this.check(true);
    } else if (event.key === "Escape") {
      if (names.length > 0) {
        this.closeCompletions();
      } else {
        this.clear();
      }
    }
  }

  private accept(name: string): void {
    const { text, caret } = complete(this.typed, this.completions, name);
    this.typed = text;
    this.closeCompletions();
    void this.updateComplete.then(() => this.input?.setSelectionRange(caret, caret));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.check(true), pause);
  }

  private closeCompletions(): void {
    this.completions = noCompletions;
    this.chosen = -1;
  }

  private clear(): void {
    clearTimeout(this.timer);
    this.typed = "";
    this.problem = undefined;
    this.setFilter({ ...this.filter, text: "" });
    this.input?.focus();
  }

  /** Asks what the typed text is; with `apply`, filters with it where nothing is wrong. */
  private async check(apply: boolean): Promise<void> {
    const { list, typed } = this;
    if (!list) {
      return;
    }
    this.asked++;
    const asked = this.asked;
    const reply = await checkFilter({ runId: list.runId, query: list.query, text: typed });
    if (asked !== this.asked) {
      return;
    }
    if (!reply.ok) {
      this.problem = { message: reply.message, from: 0, to: typed.length };
      return;
    }
    this.columns = reply.value.columns;
    this.problem = reply.value.problem;
    if (apply && this.problem === undefined && (this.filter.text ?? "") !== typed) {
      this.setFilter({ ...this.filter, text: typed });
    }
  }

  private onRange(event: CustomEvent<{ column: string; range: NumberRange | undefined }>): void {
    const { column, range } = event.detail;
    this.setFilter(withRange(this.filter, column, range));
  }

  private setFilter(filter: RowFilter): void {
    this.tell("filter-changed", filter);
  }

  private tell<Detail>(name: string, detail: Detail): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  static override styles = [baseStyles, filterStyles, problemStyles];
}
