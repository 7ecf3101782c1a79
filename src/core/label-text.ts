/** Name of a class or output; its number where there are no names. */
export function labelName(labels: readonly string[] | undefined, index: number): string {
  return labels?.[index] ?? String(index);
}

/** Several labels as one text. */
export function joinLabels(labels: readonly string[]): string {
  return labels.length === 0 ? "(none)" : labels.join(", ");
}

/** A number with at most six significant digits. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** `position 3`, or `row 2, column 7`: an element of a target, counted from 0. */
export function formatPlace(place: number, shape: readonly number[]): string {
  const width = shape.at(-1) ?? 1;
  return shape.length === 2
    ? `row ${Math.floor(place / width)}, column ${place % width}`
    : `position ${place}`;
}
