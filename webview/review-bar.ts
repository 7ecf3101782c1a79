import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { runCommand } from "./messages.ts";
import type { ReviewAction } from "./review.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

const actions = ["keep", "suggestion", "pick", "exclude", "undo", "next", "all"] as const;

/** Buttons for the active suspect, with their keys, and how far the review has come. */
@customElement("tracin-review-bar")
export class ReviewBar extends LitElement {
  @property({ type: Number }) decided = 0;
  @property({ type: Number }) total = 0;
  @property({ type: Number }) undoable = 0;
  /** Decisions that the data does not have yet. */
  @property({ type: Number }) open = 0;
  /** Rows that are selected together; 0 for the active one alone. */
  @property({ type: Number }) selected = 0;
  /** What was decided last, for screen readers. */
  @property() said = "";

  protected override render() {
    const { review } = strings;
    return html`<div class="bar" role="toolbar" aria-label=${review.toolbar}>
        ${actions.map(
          (kind) => html`<button
            title=${review.titles[kind]}
            ?disabled=${kind === "undo" && this.undoable === 0}
            @click=${() => this.act({ kind })}
          >${review.actions[kind]} <kbd aria-hidden="true">${review.keys[kind]}</kbd></button>`,
        )}
        ${this.selected > 0 ? html`<span class="selected">${review.selected(this.selected)}</span>` : null}
        <span class="progress muted">${review.progress(this.decided, this.total)}</span>
        ${
          this.open > 0
            ? html`<button
              class="apply"
              title=${review.applyTitle}
              @click=${() => runCommand("tracin.applyReviews")}
            >${review.apply(this.open)}</button>`
            : null
        }
      </div>
      <div class="said muted small" role="status" aria-live="polite">${this.said}</div>`;
  }

  private act(detail: ReviewAction): void {
    this.dispatchEvent(new CustomEvent("review", { detail, bubbles: true, composed: true }));
  }

  static override styles = [
    baseStyles,
    css`
      .bar {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px;
        margin: 4px 0;
      }
      button {
        padding: 2px 6px;
        font: inherit;
        border: 1px solid var(--vscode-contrastBorder, var(--vscode-widget-border, transparent));
        border-radius: 2px;
        background: var(--vscode-button-secondaryBackground);
        color: var(--vscode-button-secondaryForeground);
        cursor: pointer;
      }
      button:hover:enabled {
        background: var(--vscode-button-secondaryHoverBackground);
      }
      button:focus-visible {
        outline: 1px solid var(--vscode-focusBorder);
      }
      button:disabled {
        cursor: default;
        opacity: 0.5;
      }
      .apply {
        background: var(--vscode-button-background);
        color: var(--vscode-button-foreground);
      }
      .apply:hover:enabled {
        background: var(--vscode-button-hoverBackground);
      }
      kbd {
        font-family: inherit;
        font-size: 0.85em;
        opacity: 0.8;
      }
      .said {
        min-height: 1.4em;
      }
    `,
  ];
}
