import { css, html, LitElement } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { PanelCommand } from "../src/protocol/panel.ts";
import { runCommand } from "./messages.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** What to do when there is no run to show. */
@customElement("tracin-welcome")
export class WelcomeView extends LitElement {
  @property({ type: Boolean }) hasConfig = false;

  protected override render() {
    const { welcome } = strings;
    const explain = html`
      <p>${welcome.explain}</p>
      ${button("tracin.explainPrediction", welcome.explainButton, this.hasConfig)}
      <p>${welcome.testSet}</p>
      ${button("tracin.explainTestSet", welcome.testSetButton, this.hasConfig)}
      <p>${welcome.suspects}</p>
      ${button("tracin.findMislabelled", welcome.suspectsButton, this.hasConfig)}
    `;
    const setUp = html`
      <p>${this.hasConfig ? welcome.setUpAgain : welcome.setUp}</p>
      ${button("tracin.setUpWorkspace", welcome.setUpButton, !this.hasConfig)}
      <p>${welcome.sample}</p>
      ${button("tracin.openSample", welcome.sampleButton, false)}
    `;
    return html`
      <p>${welcome.intro}</p>
      ${this.hasConfig ? html`${explain}<hr />${setUp}` : html`${setUp}<hr />${explain}`}
    `;
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
        align-items: stretch;
        gap: 10px;
        max-width: 340px;
        margin: 0 auto;
        padding: 12px 20px 20px;
      }
      vscode-button {
        width: 100%;
        margin-bottom: 4px;
      }
      vscode-button::part(control) {
        width: 100%;
      }
      hr {
        width: 100%;
        margin: 2px 0;
        border: 0;
        border-top: 1px solid
          var(--vscode-sideBarSectionHeader-border, var(--vscode-widget-border, transparent));
      }
    `,
  ];
}

function button(command: PanelCommand, text: string, primary: boolean) {
  return html`<vscode-button
    appearance=${primary ? "primary" : "secondary"}
    @click=${() => runCommand(command)}
    >${text}</vscode-button
  >`;
}
