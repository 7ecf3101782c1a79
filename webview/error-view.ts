import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import { errorIcon } from "./icons.ts";
import { goBack, runCommand } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** What went wrong and what to do about it. */
@customElement("tracin-error")
export class ErrorView extends LitElement {
  @property() message = "";
  @property({ attribute: false }) remedy: string | undefined;
  /** Title of the run that was shown before; empty where there was none, undefined where nothing leads back. */
  @property({ attribute: false }) former: string | undefined;

  protected override render() {
    return html`
      <div class="message" role="alert">
        ${errorIcon}
        <div>
          <p>${this.message}</p>
          ${this.remedy === undefined ? null : html`<p class="remedy">${this.remedy}</p>`}
        </div>
      </div>
      <div class="actions">
        <slot></slot>
        ${
          this.former === undefined
            ? null
            : html`<vscode-button title=${this.former} @click=${goBack}>${this.former === "" ? strings.error.back : strings.error.backToRun}</vscode-button>`
        }
        <vscode-button appearance="secondary" @click=${() => runCommand("tracin.showLog")}
          >${strings.error.showLog}</vscode-button
        >
      </div>
    `;
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        align-items: flex-start;
        gap: 12px;
        max-width: 560px;
        margin: 0 auto;
        padding: 16px 12px;
      }
      .message {
        display: flex;
        gap: 8px;
        min-width: 0;
        max-width: 100%;
        overflow-wrap: anywhere;
      }
      .actions {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .icon {
        margin-top: 2px;
        color: var(--vscode-errorForeground);
      }
      .remedy {
        margin-top: 6px;
        color: var(--vscode-descriptionForeground);
      }
    `,
  ];
}
