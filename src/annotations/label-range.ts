/**
 * Where a label stands in the text of its row, as the part to underline: a whole field of a CSV line or a whole value of a
 * JSON line. Undefined where it stands nowhere or more than once, because underlining the wrong field would mislead.
 */
export function labelRange(
  row: string,
  label: string,
): { readonly start: number; readonly end: number } | undefined {
  if (label === "") {
    return undefined;
  }
  const found: { start: number; end: number }[] = [];
  for (let at = row.indexOf(label); at !== -1; at = row.indexOf(label, at + 1)) {
    const end = at + label.length;
    const before = row.slice(0, at).trimEnd().at(-1) ?? ",";
    const after = row.slice(end).trimStart().at(0) ?? ",";
    // A colon behind it makes it the name of a JSON value.
    const isName = after === '"' && /^"\s*:/.test(row.slice(end).trimStart());
    if (BEFORE.test(before) && AFTER.test(after) && !isName) {
      found.push({ start: at, end });
    }
  }
  const [only, ...others] = found;
  return others.length === 0 ? only : undefined;
}

const BEFORE = /[,;|"':[\t]/;
const AFTER = /[,;|"'\]}\t]/;
