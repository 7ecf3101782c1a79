import { css } from "lit";

/** The filter box with what it completes and complains about, the order, and the histogram. */
export const filterStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    gap: 6px;
  }
  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
  }
  .box {
    position: relative;
    display: flex;
    flex: 1 1 150px;
    min-width: 0;
  }
  input {
    flex: 1;
    min-width: 0;
    height: 26px;
    padding: 2px 24px 2px 6px;
    border: 1px solid var(--vscode-input-border, var(--vscode-descriptionForeground));
    border-radius: 2px;
    background: var(--vscode-input-background);
    color: var(--vscode-input-foreground);
    font: inherit;
  }
  input::placeholder {
    color: var(--vscode-input-placeholderForeground, var(--vscode-descriptionForeground));
    opacity: 1;
  }
  input:focus-visible,
  select:focus-visible {
    outline: 1px solid var(--vscode-focusBorder);
    outline-offset: -1px;
  }
  input[aria-invalid="true"] {
    border-color: var(--vscode-inputValidation-errorBorder, var(--vscode-errorForeground));
  }
  .clear {
    position: absolute;
    inset-inline-end: 4px;
    top: 3px;
    width: 20px;
    height: 20px;
    text-align: center;
  }
  .completions {
    position: absolute;
    z-index: 5;
    top: 100%;
    left: 0;
    right: 0;
    max-height: 200px;
    margin: 1px 0 0;
    padding: 2px;
    overflow: auto;
    border: 1px solid var(--vscode-editorSuggestWidget-border, var(--vscode-widget-border, currentcolor));
    background: var(--vscode-editorSuggestWidget-background, var(--vscode-input-background));
    color: var(--vscode-editorSuggestWidget-foreground, var(--vscode-input-foreground));
    list-style: none;
  }
  .completions li {
    padding: 2px 6px;
    cursor: pointer;
  }
  .completions li[aria-selected="true"] {
    background: var(--vscode-list-activeSelectionBackground);
    color: var(--vscode-list-activeSelectionForeground);
    outline: 1px solid var(--vscode-contrastActiveBorder, transparent);
    outline-offset: -1px;
  }
  select {
    max-width: 150px;
    height: 26px;
    padding: 1px 2px;
    border: 1px solid var(--vscode-dropdown-border, var(--vscode-descriptionForeground));
    border-radius: 2px;
    background: var(--vscode-dropdown-background);
    color: var(--vscode-dropdown-foreground);
    font: inherit;
  }
  .group {
    display: flex;
    align-items: center;
    gap: 4px;
    min-width: 0;
  }
  .group > button {
    min-width: 22px;
    height: 24px;
    text-align: center;
  }
  .chip {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    max-width: 100%;
    padding: 0 6px;
    border: 1px solid var(--vscode-contrastBorder, transparent);
    border-radius: 9px;
    background: var(--vscode-badge-background);
    color: var(--vscode-badge-foreground);
  }
  @media (max-width: 480px) {
    .box {
      flex-basis: 100%;
    }
    .group,
    .group select {
      flex: 1 1 96px;
      min-width: 0;
      max-width: 100%;
    }
  }
  .bars {
    display: flex;
    align-items: flex-end;
    gap: 1px;
    height: 44px;
    touch-action: none;
  }
  .bars button {
    display: flex;
    flex: 1;
    align-items: flex-end;
    min-width: 2px;
    height: 100%;
  }
  .bars button span {
    width: 100%;
    background: var(--vscode-charts-blue, var(--vscode-textLink-foreground));
    opacity: 0.75;
  }
  .bars button:hover span,
  .bars button[aria-pressed="true"] span {
    opacity: 1;
    outline: 1px solid var(--vscode-foreground);
  }
  .bars button[aria-pressed="false"].dim span {
    opacity: 0.35;
  }
  .ends {
    display: flex;
    justify-content: space-between;
    gap: 8px;
  }
`;
