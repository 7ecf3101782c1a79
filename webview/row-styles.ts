import { css } from "lit";

/**
 * The three layouts of a row. All collapsed rows of a list have the same height: `--lines` lines of text, so that
 * the list knows where each row stands without measuring it. The attribute `kind` is the kind of preview.
 */
export const rowStyles = css`
  :host {
    --line-height: 1.45em;
    --lines: 4;
    position: absolute;
    top: 0;
    left: 0;
    display: block;
    width: 100%;
    min-height: calc(var(--lines) * var(--line-height) + 9px);
    padding: 4px 10px;
    border-bottom: 1px solid color-mix(in srgb, var(--vscode-foreground) 8%, transparent);
    line-height: var(--line-height);
    cursor: pointer;
    outline: none;
  }
  :host(:hover) {
    background: var(--vscode-list-hoverBackground);
  }
  :host([active]:focus-within),
  :host([active]:focus) {
    background: var(--vscode-list-inactiveSelectionBackground);
  }
  :host([data-selected]) {
    background: var(--vscode-list-inactiveSelectionBackground);
    box-shadow: inset 2px 0 0 var(--vscode-focusBorder);
  }
  :host(:focus-visible) {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
  }
  :host([expanded]) .twistie,
  :host(:hover) .twistie {
    opacity: 1;
  }

  .grid {
    display: grid;
    grid-auto-rows: var(--line-height);
    align-items: center;
    gap: 0 8px;
    height: calc(var(--lines) * var(--line-height));
  }
  .rank {
    grid-area: rank;
    min-width: var(--rank-width, 1.6em);
    color: var(--vscode-descriptionForeground);
    text-align: end;
  }
  .twistie {
    grid-area: twist;
    justify-self: end;
    align-self: start;
    color: var(--vscode-descriptionForeground);
    opacity: 0.55;
  }
  .thumbnail {
    grid-area: thumb;
    align-self: center;
  }
  .label {
    grid-area: label;
    display: flex;
    gap: 8px;
    min-width: 0;
  }
  .target {
    flex: 0 1 auto;
    min-width: 1.5em;
    overflow: hidden;
    font-weight: 600;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .suggested {
    display: flex;
    flex: 0 1 auto;
    align-items: center;
    gap: 4px;
    min-width: 0;
  }
  .decision {
    flex: 0 1 auto;
    min-width: 0;
    padding: 0 5px;
    overflow: hidden;
    border: 1px solid var(--vscode-descriptionForeground);
    line-height: 1.2;
    border-radius: 3px;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .suggested .ellipsis {
    min-width: 1.6em;
  }
  .text {
    grid-area: text;
    display: -webkit-box;
    align-self: start;
    overflow: hidden;
    overflow-wrap: anywhere;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 2;
    line-clamp: 2;
  }
  .bar {
    grid-area: bar;
  }
  .score {
    grid-area: score;
    text-align: end;
    white-space: nowrap;
  }
  .other {
    grid-area: other;
    text-align: end;
    white-space: nowrap;
  }
  .other ~ .other {
    display: var(--more-numbers, none);
    grid-area: other2;
  }
  .other ~ .other ~ .other {
    grid-area: other3;
  }
  .line-cell {
    grid-area: line;
    justify-self: end;
  }
  .place {
    grid-area: place;
    min-width: 0;
  }
  .place button {
    display: block;
    max-width: 100%;
  }
  .thumbnail button,
  .thumbnail tracin-thumbnail {
    display: block;
    width: 100%;
    height: 100%;
  }
  .loading {
    height: 0.7em;
    border-radius: 2px;
    background: color-mix(in srgb, var(--vscode-foreground) 10%, transparent);
  }

  :host([layout="compact"]) .grid {
    grid-template-areas: "rank label label" "twist text text" ". text text" ". bar score" ". place line";
    grid-template-columns: auto minmax(0, 1fr) auto;
  }
  :host([layout="compact"]) .score {
    min-width: 56px;
  }
  :host([layout="compact"]) {
    --lines: 5;
  }
  :host([layout="compact"][kind="image"]) {
    --lines: 3.5;
  }
  :host([layout="compact"][kind="image"]) .grid {
    grid-template-rows: repeat(3, var(--line-height)) 1fr;
  }
  :host([layout="compact"][kind="image"]) .line-cell {
    justify-self: start;
  }
  :host([layout="compact"][kind="image"]) .grid {
    grid-template-areas: "rank thumb label label" "twist thumb line score" ". thumb place place" ". thumb bar bar";
    grid-template-columns: auto 44px minmax(0, 1fr) auto;
  }
  :host([layout="compact"][kind="image"]) .thumbnail {
    width: 44px;
    height: 44px;
  }
  :host([layout="compact"]) .other {
    display: none;
  }

  @media (max-width: 240px) {
    :host([layout="compact"][kind="image"]) .grid {
      gap: 0 5px;
      grid-template-columns: auto 38px minmax(0, 1fr) auto;
    }
    :host([layout="compact"][kind="image"]) .thumbnail {
      width: 38px;
      height: 38px;
    }
    :host([layout="compact"][kind="image"]) .line {
      width: 42px;
      height: 14px;
    }
  }

  :host([layout="medium"]) .grid {
    grid-template-areas: "rank twist label label score" ". . text text text" ". . text text text" ". . place bar line";
    grid-template-columns: auto 1.1em minmax(0, 1fr) minmax(80px, 22%) minmax(6.2em, max-content);
  }
  :host([layout="medium"][view="suspects"]) .grid {
    grid-template-areas: "rank twist label other score" ". . text text text" ". . text text text" ". . place bar line";
    grid-template-columns: auto 1.1em minmax(0, 1fr) minmax(80px, max-content) minmax(6.2em, max-content);
  }
  :host([layout="medium"][kind="image"]) {
    --lines: 2;
  }
  :host([layout="medium"][kind="image"]) .grid {
    grid-template-areas: "rank twist thumb label label score" ". . thumb place bar line";
    grid-template-columns: auto 1.1em 34px minmax(0, 1fr) minmax(80px, 22%) minmax(6.2em, max-content);
  }
  :host([layout="medium"][kind="image"][view="suspects"]) .grid {
    grid-template-areas: "rank twist thumb label other score" ". . thumb place bar line";
    grid-template-columns: auto 1.1em 34px minmax(0, 1fr) minmax(80px, max-content) minmax(6.2em, max-content);
  }
  :host([layout="medium"][kind="image"]) .thumbnail {
    width: 34px;
    height: 34px;
  }

  :host([layout="wide"]) {
    --lines: 2;
  }
  :host([layout="wide"]) .grid {
    grid-template-areas: var(--wide-areas);
    grid-template-rows: 100%;
    grid-template-columns: var(--wide-columns);
  }
  :host([layout="wide"][kind="image"]) .thumbnail {
    width: 34px;
    height: 34px;
  }
  :host([layout="wide"]) .twistie,
  :host([layout="medium"]) .twistie {
    align-self: center;
  }
  :host([layout="wide"]) .other .muted {
    display: none;
  }
  :host([layout="wide"]) .text {
    align-self: center;
  }

  .details {
    display: flex;
    flex-direction: column;
    gap: 6px;
    padding: 6px 0 6px calc(var(--rank-width, 1.6em) + 8px);
    cursor: auto;
  }
  :host(:not([layout="compact"])) .details {
    padding-inline-start: calc(var(--rank-width, 1.6em) + 1.1em + 16px);
  }
  :host([layout="compact"][kind="image"]) .score {
    justify-self: end;
  }
  .large {
    width: min(140px, 100%);
    height: 140px;
  }
  .large::part(img) {
    object-position: left;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    gap: 0 14px;
  }
  /* On the background of the active row a link's own colour has too little contrast in light themes. */
  :host([active]:focus-within) button.link,
  :host([active]:focus) button.link,
  :host([data-selected]) button.link {
    color: var(--vscode-list-inactiveSelectionForeground, var(--vscode-foreground));
    text-decoration: underline;
  }
  .numbers {
    display: grid;
    grid-template-columns: minmax(0, max-content) auto;
    justify-content: start;
    gap: 0 16px;
    margin: 0;
  }
  .numbers dd {
    margin: 0;
    text-align: end;
    overflow-wrap: anywhere;
  }
  .numbers .sum {
    margin-top: 4px;
  }
  /* On the background of the active row the theme's muted colour has too little contrast. */
  :host([active]) .muted,
  :host([active]) .field-name,
  :host([active]) dt {
    color: inherit;
  }
`;
