/** Lines [first, next) that go. */
export interface LineRun {
  readonly first: number;
  readonly next: number;
}

/** Rows that go, in order, neighbours joined: edits of a document must not touch each other. */
export function deletedRuns(
  rows: readonly { readonly line: number; readonly lineCount: number }[],
): readonly LineRun[] {
  const runs: LineRun[] = [];
  for (const { line, lineCount } of rows) {
    const last = runs.at(-1);
    if (last?.next === line) {
      runs[runs.length - 1] = { first: last.first, next: line + lineCount };
    } else {
      runs.push({ first: line, next: line + lineCount });
    }
  }
  return runs;
}
