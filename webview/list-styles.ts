import { css } from "lit";

/** The list and, where it is wide enough for columns, their widths: rows and header share them. */
export const listStyles = css`
  :host {
    display: block;
    min-width: 0;
  }
  .body {
    position: relative;
  }
  .notice {
    padding: 10px;
  }
  .grid {
    --wide-areas: "rank twist label text bar score line place";
    --wide-columns: auto 1.1em minmax(11em, 0.8fr) minmax(0, 1.6fr) minmax(60px, 120px) 6em 76px minmax(9em, 0.7fr);
  }
  .grid.image {
    --wide-areas: "rank twist thumb label bar score line place";
    --wide-columns: auto 1.1em 34px minmax(7em, 1fr) minmax(60px, 0.8fr) 6em 76px minmax(8em, 1fr);
  }
  .grid.suspects {
    --wide-areas: "rank twist label text bar score other line place";
    --wide-columns: auto 1.1em minmax(12em, 0.8fr) minmax(0, 1.6fr) minmax(40px, 90px) 4.5em 6em 76px minmax(9em, 0.7fr);
  }
  .grid.suspects.image {
    --wide-areas: "rank twist thumb label bar score other line place";
    --wide-columns: auto 1.1em 34px minmax(7em, 1fr) minmax(50px, 0.8fr) 4.5em 7em 76px minmax(8em, 1fr);
  }
  .grid.suspects.roomy.numbers-4 {
    --more-numbers: block;
    --wide-areas: "rank twist label text bar score other other2 other3 line place";
    --wide-columns: auto 1.1em minmax(11em, 0.8fr) minmax(0, 1.6fr) minmax(40px, 90px) 4.5em 5em 6em 6.5em 76px minmax(8em, 0.7fr);
  }
  .grid.suspects.roomy.numbers-4.image {
    --wide-areas: "rank twist thumb label bar score other other2 other3 line place";
    --wide-columns: auto 1.1em 34px minmax(7em, 1fr) minmax(50px, 0.8fr) 4.5em 5em 6em 6.5em 76px minmax(8em, 1fr);
  }
  .header {
    position: sticky;
    z-index: 1;
    display: grid;
    grid-template: var(--wide-areas) / var(--wide-columns);
    gap: 0 8px;
    padding: 3px 10px;
    border-bottom: 1px solid
      var(--vscode-sideBarSectionHeader-border, var(--vscode-widget-border, var(--vscode-descriptionForeground)));
    background: var(--panel-background);
    white-space: nowrap;
  }
  .header > :not(.rank) {
    font-size: 0.92em;
  }
  .header .rank {
    grid-area: rank;
    min-width: var(--rank-width, 1.6em);
    text-align: end;
  }
  .header .label {
    grid-area: label;
  }
  .header .text {
    grid-area: text;
  }
  .header .score-head {
    grid-column: bar / score;
    grid-row: 1;
    text-align: end;
  }
  .header .other {
    grid-area: other;
    text-align: end;
  }
  .header .other ~ .other {
    display: var(--more-numbers, none);
    grid-area: other2;
  }
  .header .other ~ .other ~ .other {
    grid-area: other3;
  }
  .header .line {
    grid-area: line;
    text-align: end;
  }
  .header .place {
    grid-area: place;
  }
`;
