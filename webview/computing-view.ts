import { css, html, LitElement, type PropertyValues } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Progress } from "../src/protocol/compute.ts";
import { cancel } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** A computation under way, with its progress and a way out. */
@customElement("tracin-computing")
export class ComputingView extends LitElement {
  @property() heading = "";
  @property({ attribute: false }) progress: Progress | undefined;
  @state() private cancelling = false;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("heading")) {
      this.cancelling = false;
    }
  }

  protected override render() {
    const { computing } = strings;
    const { done, total, message } = this.progress ?? { done: 0, total: 0, message: "" };
    const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : undefined;
    const width = `width: ${((share ?? 0) * 100).toFixed(1)}%`;
    return html`
      <div class="heading">
        <vscode-progress-ring aria-hidden="true"></vscode-progress-ring>
        <span>${this.heading}</span>
      </div>
      <div
        class="track"
        role="progressbar"
        aria-label=${this.heading}
        aria-valuemin="0"
        aria-valuemax="100"
        aria-valuenow=${share === undefined ? "" : Math.round(share * 100)}
        aria-valuetext=${`${message} ${total > 0 ? computing.progress(done, total) : ""}`}
      >
        <div class="fill" .style=${width}></div>
      </div>
      <div class="numbers muted small">
        <span>${message}</span>
        ${
          total > 0
            ? html`<span class="count" title=${computing.progressTitle}
              >${computing.progress(done, total)}</span
            >`
            : null
        }
      </div>
      <vscode-button appearance="secondary" ?disabled=${this.cancelling} @click=${this.stop}
        >${this.cancelling ? computing.cancelling : computing.cancel}</vscode-button
      >
    `;
  }

  private stop(): void {
    this.cancelling = true;
    cancel();
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        gap: 8px;
        max-width: 480px;
        margin: 0 auto;
        padding: 16px 12px;
      }
      .heading {
        display: flex;
        align-items: flex-start;
        gap: 8px;
      }
      .heading span {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      vscode-progress-ring {
        flex: none;
        width: 18px;
        height: 18px;
      }
      .track {
        height: 4px;
        border-radius: 2px;
        overflow: hidden;
        background: color-mix(in srgb, var(--vscode-foreground) 14%, transparent);
      }
      .fill {
        height: 100%;
        background: var(--vscode-progressBar-background);
      }
      .numbers {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        gap: 0 12px;
      }
      .count {
        white-space: nowrap;
      }
      vscode-button {
        align-self: flex-start;
        margin-top: 4px;
      }
    `,
  ];
}
