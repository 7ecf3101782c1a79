import { css } from "lit";

/** Height of the tabs in pixels. */
export const tabsHeight = 31;

/** A run: tabs that stay in sight while the list below them scrolls. */
export const runStyles = css`
  :host {
    display: block;
  }
  /* The open list of labels lies over the tabs below it. */
  .above {
    position: relative;
    z-index: 4;
    display: flex;
    flex-direction: column;
    gap: 8px;
    padding: 8px 10px;
  }
  h2 {
    margin: 0;
    font-size: 1em;
    font-weight: 600;
  }
  .stepper {
    display: flex;
    align-items: center;
    gap: 4px;
  }
  vscode-panels {
    display: block;
    overflow: visible;
  }
  vscode-panels::part(tablist) {
    position: sticky;
    top: 0;
    z-index: 3;
    width: 100%;
    height: ${tabsHeight}px;
    column-gap: 14px;
    justify-content: start;
    padding: 0 8px;
    grid-template-rows: 1fr auto;
    border-bottom: 1px solid
      var(--vscode-sideBarSectionHeader-border, var(--vscode-widget-border, transparent));
    background: var(--panel-background);
  }
  vscode-panels::part(activeIndicator) {
    background: var(--vscode-panelTitle-activeBorder, currentcolor);
  }
  vscode-panel-tab {
    height: 100%;
  }
  vscode-panel-view {
    display: block;
    padding: 0;
    border: 0;
  }
  vscode-panel-view[hidden] {
    display: none;
  }
  .pair {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
  }
  .pair > .list + .list {
    border-inline-start: 1px solid
      var(--vscode-sideBarSectionHeader-border, var(--vscode-widget-border, transparent));
  }
  .caption {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 14px;
    padding: 6px 10px;
  }
  p.caption {
    display: block;
  }
  .caption > p {
    flex: 1 1 16em;
  }
  .order {
    position: relative;
    z-index: 2;
    display: flex;
    flex: 0 1 260px;
    flex-wrap: wrap;
    min-width: 0;
    max-width: 100%;
    align-items: center;
    gap: 2px 8px;
  }
  .order label {
    flex: none;
  }
  .order vscode-dropdown {
    flex: 1 1 132px;
    min-width: 0;
    max-width: 200px;
  }
  @media (max-width: 310px) {
    vscode-panels::part(tablist) {
      column-gap: 6px;
      padding: 0 4px;
    }
    vscode-panel-tab {
      padding-inline: 0;
    }
  }
  @media (max-width: 240px) {
    vscode-panels::part(tablist) {
      column-gap: 4px;
      padding: 0 2px;
    }
    vscode-panel-tab {
      padding-inline: 0;
      font-size: 0.8em;
    }
  }
`;
