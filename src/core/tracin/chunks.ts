/** Consecutive examples [start, end). */
export interface ExampleRange {
  readonly start: number;
  readonly end: number;
  /** Where chosen examples are scored, their numbers: start and end then count in the list of all that are chosen. */
  readonly rows?: readonly number[];
}

/** Gives out stretches of the training examples, each of them once; several workers may share one. */
export interface ChunkSource {
  /** Most examples in a chunk. */
  readonly size: number;
  /** Examples of all chunks together. */
  readonly examples: number;
  /** The next chunk; undefined when all are taken. */
  next(): ExampleRange | undefined | Promise<ExampleRange | undefined>;
}

/** The chunks of chosen examples, in order. */
export function chunksOfRows(rows: readonly number[], size: number) {
  const chunks = chunksOf({ start: 0, end: rows.length }, size);
  return {
    ...chunks,
    next: (): ExampleRange | undefined => {
      const chunk = chunks.next();
      return chunk && { ...chunk, rows: rows.slice(chunk.start, chunk.end) };
    },
  } satisfies ChunkSource;
}

/**
 * The chunks of a range, in order.
 * @param first most examples of the first one; each that follows may be twice as large, up to `size`
 */
export function chunksOf(range: ExampleRange, size: number, first = size) {
  let start = range.start;
  let most = first;
  return {
    size,
    examples: range.end - range.start,
    next: (): ExampleRange | undefined => {
      if (start >= range.end) {
        return undefined;
      }
      const chunk = { start, end: Math.min(range.end, start + most) };
      start = chunk.end;
      most = Math.min(size, 2 * most);
      return chunk;
    },
  } satisfies ChunkSource;
}
