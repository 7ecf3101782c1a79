import { css, html, LitElement } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";

/** Milliseconds of waiting that need no explanation. */
const soon = 500;

/** That rows are on the way; when that takes longer, with what takes time and how to end it. */
@customElement("tracin-waiting")
export class WaitingElement extends LitElement {
  /** Whether the rows are those that a filter lets through. */
  @property({ type: Boolean }) filtered = false;

  @state() private isLong = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = setTimeout(() => {
      this.isLong = true;
    }, soon);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  protected override render() {
    const { loading, searching } = strings.list;
    const text = this.isLong && this.filtered ? searching : loading;
    return html`<p class="muted" role="status">${text}</p>
      ${this.isLong ? html`<div class="track" role="progressbar" aria-label=${text}><div></div></div>` : null}`;
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        padding: 10px;
      }
      p {
        margin: 0;
      }
      .track {
        height: 2px;
        margin-top: 8px;
        overflow: hidden;
      }
      .track div {
        width: 30%;
        height: 100%;
        background: var(--vscode-progressBar-background);
        animation: pass 1.6s linear infinite;
      }
      @keyframes pass {
        from {
          transform: translateX(-100%);
        }
        to {
          transform: translateX(334%);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .track div {
          width: 100%;
          opacity: 0.5;
          animation: none;
        }
      }
    `,
  ];
}
