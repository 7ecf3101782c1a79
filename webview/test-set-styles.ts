import { css } from "lit";

/** The test set: facts, matrix and slices below each other; beside each other where there is room. */
export const testSetStyles = css`
  :host {
    display: block;
    min-width: 0;
  }
  section,
  .half {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 8px;
    align-content: start;
    min-width: 0;
  }
  .half > p {
    max-width: 44ch;
  }
  @media (min-width: 700px) {
    section {
      grid-template-columns: fit-content(56%) minmax(280px, 1fr);
      column-gap: 28px;
    }
    h2 {
      grid-column: 1 / -1;
    }
  }
  h2 {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    gap: 0 8px;
    margin: 0;
    min-width: 0;
    font-size: 1em;
    font-weight: 600;
  }
  h2 .muted {
    font-weight: normal;
  }
  .file {
    min-width: 0;
    max-width: 100%;
  }
  .facts {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 2px 10px;
    margin: 0;
  }
  .facts dt {
    color: var(--vscode-descriptionForeground);
  }
  .facts dd {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 8px;
    margin: 0;
    font-variant-numeric: tabular-nums;
  }
  .slices {
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
  }
  button.chip {
    padding: 1px 8px;
    border: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, currentcolor));
    border-radius: 10px;
  }
  button.chip:hover {
    background: var(--vscode-list-hoverBackground);
  }
  button.chip[aria-pressed="true"] {
    border-color: var(--vscode-focusBorder);
    background: var(--vscode-list-inactiveSelectionBackground, transparent);
    outline: 1px solid var(--vscode-focusBorder);
  }
  button.chip[aria-pressed="true"] > .muted {
    color: inherit;
  }
  .chosen {
    overflow-wrap: anywhere;
  }
  vscode-button {
    justify-self: start;
  }
`;
