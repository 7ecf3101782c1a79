import { css } from "lit";

/** How strong a part is beside the largest of its example, in whole steps from -5 to 5. */
export function heatStep(part: number, largest: number): number {
  const share = largest === 0 ? 0 : part / largest;
  const step = Math.sign(share) * Math.ceil(Math.min(1, Math.abs(share)) * 5 - 1e-9);
  return Math.abs(share) < 0.02 ? 0 : step;
}

/** Largest absolute part. */
export function largestPart(parts: Iterable<number>): number {
  let largest = 0;
  for (const part of parts) {
    largest = Math.max(largest, Math.abs(part));
  }
  return largest;
}

/** Colours of parts: towards the query's label in green, away from it in red, as scores are. */
export const heatStyles = css`
  /* A band under the text: a tint behind it would take its contrast. */
  .heat {
    padding-bottom: 5px;
    box-shadow: inset 0 -5px 0 color-mix(in srgb, var(--heat) calc(var(--strength) * 20%), transparent);
  }
  .heat.towards {
    --heat: var(--vscode-charts-green);
  }
  .heat.away {
    --heat: var(--vscode-charts-red);
  }
`;
