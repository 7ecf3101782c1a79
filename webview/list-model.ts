/** The layout for rows of a width in pixels. */
export function layoutOf(width: number): "compact" | "medium" | "wide" {
  return width < 420 ? "compact" : width < 640 ? "medium" : "wide";
}

/** Whether rows of a width in pixels have room for a column for each number of a suspect; a text takes more than an image. */
export function isRoomy(width: number, kind: string): boolean {
  return width >= (kind === "image" ? 860 : 1100);
}

/** Rows that stand in the page: those near the window, and the active one so that it keeps the focus. */
export function rowRange(
  range: {
    readonly startIndex: number;
    readonly endIndex: number;
    readonly overscan: number;
    readonly count: number;
  },
  active: number,
): number[] {
  const start = Math.max(0, range.startIndex - range.overscan);
  const end = Math.min(range.count - 1, range.endIndex + range.overscan);
  const rows = Array.from({ length: Math.max(0, end - start + 1) }, (_, offset) => start + offset);
  if (active < start && active < range.count) {
    rows.unshift(active);
  } else if (active > end && active < range.count) {
    rows.push(active);
  }
  return rows;
}
