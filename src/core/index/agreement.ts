/** How well estimated scores order examples whose exact scores are known. */
export interface Agreement {
  /** Rank correlation, -1 to 1; 1 where there is nothing to order. */
  readonly spearman: number;
  /** Share of the `top` examples with the highest exact scores that are among the `top` with the highest estimates. */
  readonly recall: number;
}

/** Compares estimates with exact scores of the same examples. */
export function agreementOf(
  exact: ArrayLike<number>,
  estimated: ArrayLike<number>,
  top: number,
): Agreement {
  return { spearman: spearman(exact, estimated), recall: topRecall(exact, estimated, top) };
}

/** Spearman's rank correlation; equal values share the mean of their ranks. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (x.length - 1) / 2;
  let [xy, xx, yy] = [0, 0, 0];
  for (let index = 0; index < x.length; index++) {
    const [dx, dy] = [(x[index] as number) - mean, (y[index] as number) - mean];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xx === 0 || yy === 0 ? 1 : xy / Math.sqrt(xx * yy);
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = ordered(values);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) {
      end++;
    }
    for (const index of order.slice(start, end)) {
      result[index] = (start + end - 1) / 2;
    }
    start = end;
  }
  return result;
}

function topRecall(a: ArrayLike<number>, b: ArrayLike<number>, top: number): number {
  const count = Math.min(top, a.length);
  const best = new Set(ordered(a).slice(0, count));
  const found = ordered(b)
    .slice(0, count)
    .filter((index) => best.has(index));
  return count === 0 ? 1 : found.length / count;
}

/** Places by falling value, equal ones by their order. */
function ordered(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length }, (_, index) => index).sort(
    (a, b) => (values[b] as number) - (values[a] as number) || a - b,
  );
}
