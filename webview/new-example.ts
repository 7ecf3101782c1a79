import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { ExampleForm } from "../src/protocol/examples.ts";
import type { QueryCard } from "../src/protocol/runs.ts";
import { chevron } from "./icons.ts";
import { explainGiven } from "./messages.ts";
import { draftOf, kindOf } from "./new-example-model.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** Where a person types or picks an example that stands in no dataset; it starts as a copy of the query. */
@customElement("tracin-new-example")
export class NewExampleElement extends LitElement {
  @property({ attribute: false }) query: QueryCard | undefined;
  @property({ attribute: false }) form: ExampleForm | undefined;
  @property({ type: Boolean }) open = false;
  /** What was typed; a copy of the query where undefined. */
  @property({ attribute: false }) draft: string | undefined;

  @state() private busy = false;
  @state() private problem: { readonly message: string; readonly remedy?: string } | undefined;

  /** Puts the focus on what opens the form. */
  override focus(options?: FocusOptions): void {
    void this.updateComplete.then(() =>
      this.renderRoot.querySelector<HTMLButtonElement>("button.link")?.focus(options),
    );
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("query") || changed.has("form")) {
      this.problem = undefined;
    }
  }

  private get text(): string {
    const { query, form, draft = query && form && draftOf(query, form) } = this;
    return draft ?? "";
  }

  protected override render() {
    const { form, problem } = this;
    if (!form) {
      return null;
    }
    const words = strings.newExample;
    const kind = kindOf(form);
    if (kind === "image") {
      return html`<div class="one">
        <button class="plain link small" ?disabled=${this.busy} title=${words.imageTitle} @click=${this.submit}>
          ${words.image}
        </button>
        ${this.renderProblem()}
      </div>`;
    }
    return html`
      <button class="plain link small" aria-expanded=${this.open} title=${words.title} @click=${this.toggle}>
        ${chevron(this.open)}${words.open[kind]}
      </button>
      ${
        this.open
          ? html`<div class="form">
              <textarea
                rows=${kind === "text" ? 5 : Math.min(8, form.columns.length + 2)}
                spellcheck=${kind === "text"}
                aria-label=${words.label[kind]}
                aria-invalid=${problem !== undefined}
                placeholder=${words.placeholder[kind](form.columns)}
                .value=${this.text}
                @input=${this.onInput}
                @keydown=${this.onKey}
              ></textarea>
              ${this.renderProblem()}
              <div class="actions">
                <vscode-button ?disabled=${this.busy || this.text.trim() === ""} title=${words.submitTitle} @click=${this.submit}>
                  ${form.image ? words.submitWithImage : words.submit}
                </vscode-button>
                <span class="muted small">${words.hint}</span>
              </div>
            </div>`
          : null
      }
    `;
  }

  private renderProblem() {
    const { problem } = this;
    return problem
      ? html`<p class="problem" role="alert">${problem.message} ${problem.remedy ?? ""}</p>`
      : null;
  }

  private onInput(event: Event): void {
    if (event.target instanceof HTMLTextAreaElement) {
      this.dispatchEvent(new CustomEvent("draft-changed", { detail: event.target.value }));
      this.problem = undefined;
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void this.submit();
    }
  }

  private toggle(): void {
    this.dispatchEvent(new CustomEvent("toggle-composing", { bubbles: true, composed: true }));
  }

  private async submit(): Promise<void> {
    const { form, text } = this;
    if (!form || this.busy) {
      return;
    }
    const kind = kindOf(form);
    this.busy = true;
    const given = kind === "image" ? {} : kind === "text" ? { text } : { row: text };
    const reply = await explainGiven(given, form.image);
    this.busy = false;
    const remedy = reply.ok || reply.remedy === undefined ? {} : { remedy: reply.remedy };
    this.problem = reply.ok ? undefined : { message: reply.message, ...remedy };
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      button.link {
        display: inline-flex;
        align-items: center;
        gap: 2px;
      }
      button.link .icon {
        margin-inline-start: -4px;
      }
      .form {
        display: grid;
        gap: 6px;
        max-width: 640px;
        margin-top: 4px;
      }
      textarea {
        box-sizing: border-box;
        width: 100%;
        min-height: 4em;
        padding: 4px 6px;
        border: 1px solid var(--vscode-input-border, var(--vscode-contrastBorder, transparent));
        border-radius: 2px;
        color: var(--vscode-input-foreground);
        background: var(--vscode-input-background);
        font-family: var(--vscode-editor-font-family, monospace);
        font-size: var(--vscode-editor-font-size, 12px);
        line-height: 1.4;
        resize: vertical;
      }
      textarea:focus {
        border-color: var(--vscode-focusBorder);
        outline: 1px solid var(--vscode-focusBorder);
        outline-offset: -1px;
      }
      textarea::placeholder {
        color: var(--vscode-input-placeholderForeground);
      }
      textarea[aria-invalid="true"] {
        border-color: var(--vscode-inputValidation-errorBorder, var(--vscode-errorForeground));
      }
      .problem {
        padding-inline-start: 6px;
        border-inline-start: 2px solid var(--vscode-errorForeground);
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 8px;
        align-items: center;
      }
    `,
  ];
}
