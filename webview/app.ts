import { css, html, LitElement } from "lit";
import { customElement, state } from "lit/decorators.js";
import type { EarlyRanking } from "../src/protocol/early.ts";
import type { PanelState } from "../src/protocol/panel.ts";
import type { Arrival } from "./arrival.ts";
import "./computing-view.ts";
import "./early-view.ts";
import type { EarlyView } from "./early-view.ts";
import "./error-view.ts";
import { listen, listenToEarly, listenToReviews, listenToView } from "./messages.ts";
import { noReviews, ReviewIndex } from "./review.ts";
import "./run-view.ts";
import type { RunView } from "./run-view.ts";
import { strings } from "./strings.ts";
import { baseStyles } from "./styles.ts";
import "./welcome-view.ts";

/** The panel: a state of the host in, a view out. It is the one scrolling element. */
@customElement("tracin-app")
export class App extends LitElement {
  @state() private panel: PanelState | undefined;
  @state() private reviews = noReviews;
  @state() private early: EarlyRanking | undefined;
  /** Where the person was in the early lists of the run that is shown now. */
  private arrival: Arrival | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    listenToView((view) => this.renderRoot.querySelector<RunView>("tracin-run")?.showView(view));
    listenToReviews((reviews) => {
      this.reviews = new ReviewIndex(reviews);
    });
    listenToEarly((ranking) => {
      this.early = ranking;
    });
    this.role = "main";
    listen((panel) => {
      const early = this.renderRoot.querySelector<EarlyView>("tracin-early");
      this.arrival = panel.kind === "run" ? (early?.arrival ?? this.arrival) : undefined;
      this.panel = panel;
    });
  }

  protected override render() {
    return html`<h1 class="unseen">${strings.title}</h1>
      ${this.renderState()}`;
  }

  private renderState() {
    const { panel } = this;
    switch (panel?.kind) {
      case undefined:
        return null;
      case "empty":
        return html`<tracin-welcome .hasConfig=${panel.hasConfig}></tracin-welcome>`;
      case "computing":
        return html`<tracin-computing
          .heading=${panel.title}
            .progress=${panel.progress}
          ></tracin-computing>
          ${
            this.early
              ? html`<tracin-early .ranking=${this.early} .scroller=${this}></tracin-early>`
              : null
          }`;
      case "error":
        return html`<tracin-error
          .message=${panel.message}
          .remedy=${panel.remedy}
          .former=${panel.before ?? ""}
        ></tracin-error>`;
      case "run":
        return html`<tracin-run
          .run=${panel.run}
          .labels=${panel.labels}
          .form=${panel.form}
          .scales=${panel.scales}
          .reviews=${this.reviews}
          .arrival=${this.arrival}
          .scroller=${this}
        ></tracin-run>`;
    }
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        position: relative;
        height: 100vh;
        overflow: hidden auto;
        overflow-anchor: none;
        overscroll-behavior: contain;
      }
    `,
  ];
}
