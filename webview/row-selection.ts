/** Rows of a list that are selected together; a longer range is cut off. */
export const mostSelected = 1000;

/** Selected rows, counted from 0 in their list; empty while only the active row is meant. */
export interface RowSelection {
  readonly rows: ReadonlySet<number>;
  /** Where a range starts. */
  readonly anchor: number;
}

export const noSelection: RowSelection = { rows: new Set(), anchor: 0 };

/** The rows from the anchor (the active row, where nothing is selected yet) to another one. */
export function selectRange(before: RowSelection, active: number, to: number): RowSelection {
  const anchor = before.rows.size === 0 ? active : before.anchor;
  const length = Math.min(Math.abs(to - anchor) + 1, mostSelected);
  const step = to < anchor ? -1 : 1;
  const rows = new Set(Array.from({ length }, (_, at) => anchor + step * at));
  return { rows, anchor };
}

/** The selection with a row added or taken away; the active row belongs to a new one. */
export function toggleRow(before: RowSelection, active: number, row: number): RowSelection {
  const rows = new Set(before.rows.size === 0 ? [active] : before.rows);
  if (!rows.delete(row) && rows.size < mostSelected) {
    rows.add(row);
  }
  return { rows, anchor: row };
}
