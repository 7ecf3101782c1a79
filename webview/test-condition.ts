import { css, html, LitElement } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { FilterCheck } from "../src/protocol/lists.ts";
import { problemAt, problemStyles } from "./filter-problem.ts";
import { checkTestFilter } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** Where a condition on test examples is typed; a wrong one stands there with its place, and chooses nothing. */
@customElement("tracin-test-condition")
export class TestCondition extends LitElement {
  @property() runId = "";
  @property() text = "";

  @state() private typed = "";
  @state() private problem: FilterCheck["problem"];

  protected override render() {
    const { problem } = this;
    const words = strings.testSet;
    return html`<input
        type="text"
        spellcheck="false"
        aria-label=${words.condition}
        aria-invalid=${problem !== undefined}
        aria-describedby=${problem ? "problem" : ""}
        title=${words.conditionTitle}
        placeholder=${words.conditionPlaceholder}
        .value=${this.text}
        @input=${() => {
          this.problem = undefined;
        }}
        @change=${this.onChange}
      />
      ${problem ? problemAt(this.typed, problem) : null}`;
  }

  private async onChange({ target }: Event): Promise<void> {
    const typed = target instanceof HTMLInputElement ? target.value.trim() : "";
    this.typed = typed;
    const reply = await checkTestFilter(this.runId, typed);
    if (this.typed !== typed) {
      return;
    }
    this.problem = reply.ok
      ? reply.value.problem
      : { message: reply.message, from: 0, to: typed.length };
    if (this.problem === undefined) {
      this.dispatchEvent(new CustomEvent("condition", { detail: typed }));
    }
  }

  static override styles = [
    baseStyles,
    problemStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 4px;
        min-width: 0;
        max-width: 480px;
      }
      input {
        width: 100%;
        padding: 1px 6px;
        border: 1px solid
          var(--vscode-input-border, var(--vscode-descriptionForeground));
        background: var(--vscode-input-background);
        color: var(--vscode-input-foreground);
        font: inherit;
      }
      input::placeholder {
        color: var(--vscode-input-placeholderForeground);
        opacity: 1;
      }
      input:focus-visible {
        border-color: var(--vscode-focusBorder);
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
    `,
  ];
}
