/**
 * The row that a key moves to in a list of `total` rows of which `page` are visible;
 * undefined when the key does not move.
 */
export function rowAfterKey(
  key: string,
  active: number,
  total: number,
  page: number,
): number | undefined {
  if (total === 0) {
    return undefined;
  }
  const step = Math.max(1, page - 1);
  const moves: Readonly<Record<string, number>> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    PageDown: active + step,
    PageUp: active - step,
    Home: 0,
    End: total - 1,
  };
  const target = moves[key];
  return target === undefined ? undefined : Math.max(0, Math.min(total - 1, target));
}
