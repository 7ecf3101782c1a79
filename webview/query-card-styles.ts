import { css } from "lit";

/** The query card: a picture beside the facts, then the labels with their bars. */
export const queryCardStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    gap: 6px;
  }
  section {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0 10px;
  }
  section.with-image {
    grid-template-columns: auto minmax(0, 1fr);
  }
  .thumbnail tracin-thumbnail {
    width: 64px;
    height: 64px;
  }
  .thumbnail {
    align-self: start;
    margin-top: 2px;
  }
  .facts {
    display: flex;
    flex-direction: column;
    min-width: 0;
  }
  .place {
    align-self: flex-start;
    max-width: 100%;
    font-size: inherit;
  }
  .place::part(control),
  .place::part(content) {
    max-width: 100%;
    min-width: 0;
    overflow: hidden;
  }
  .pair {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 6px;
    min-width: 0;
  }
  .value {
    font-weight: 600;
  }
  .disagrees {
    display: inline-flex;
    align-items: center;
    gap: 3px;
    white-space: nowrap;
  }
  /* The theme's warning colour is made for icons: as text it has too little contrast. */
  .disagrees .icon {
    color: var(--vscode-editorWarning-foreground);
  }
  .text {
    max-height: 10em;
    overflow: auto;
    overflow-wrap: anywhere;
    padding: 4px 6px;
    border-inline-start: 2px solid var(--vscode-textBlockQuote-border, var(--vscode-descriptionForeground));
    background: var(--vscode-textBlockQuote-background, transparent);
    white-space: pre-line;
  }
  .label {
    display: flex;
    align-items: baseline;
    gap: 5px;
    min-width: 0;
  }
  .label.marked > .ellipsis {
    font-weight: 600;
  }
  .label > .ellipsis {
    flex: 0 1 auto;
    min-width: 1em;
  }
  .note {
    flex: 0 2 auto;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .number {
    text-align: end;
  }
  .pair.fixed {
    flex-wrap: nowrap;
  }
  @media (max-width: 240px) {
    .pair.fixed {
      flex-wrap: wrap;
    }
    .pair .line,
    .entry .note {
      display: none;
    }
    .thumbnail tracin-thumbnail {
      width: 48px;
      height: 48px;
    }
  }
  .more .icon {
    margin-inline-start: -4px;
  }
  .more {
    display: inline-flex;
    align-items: center;
    align-self: flex-start;
    gap: 2px;
  }
  .explain {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px 8px;
  }
  .explain vscode-dropdown {
    flex: 1 1 150px;
    min-width: 0;
    max-width: 260px;
  }
`;
