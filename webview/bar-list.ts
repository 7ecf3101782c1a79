import { css } from "lit";

/** Names with a bar and a number each, the bars under each other. */
export const barListStyles = css`
  .bars {
    display: grid;
    grid-template-columns: fit-content(60%) minmax(40px, 1fr) auto;
    gap: 0 8px;
    max-width: 440px;
  }
  .bars > * {
    display: grid;
    grid-column: 1 / -1;
    grid-template-columns: subgrid;
    align-items: center;
  }
`;
