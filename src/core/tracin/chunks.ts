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

/** How long chunks are at both ends of a list. */
export interface ChunkEnds {
  /** Most examples of the first chunk; each that follows may be twice as large. Those at the end are multiples of it. */
  readonly first?: number;
  /** Workers that share the list: towards its end chunks get smaller, so that all end at about the same time. */
  readonly workers?: number;
}

/** The chunks of chosen examples, in order. */
export function chunksOfRows(rows: readonly number[], size: number, ends: ChunkEnds = {}) {
  const chunks = chunksOf({ start: 0, end: rows.length }, size, ends);
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
 * @param size most examples of a chunk
 */
export function chunksOf(
  range: ExampleRange,
  size: number,
  { first = size, workers = 1 }: ChunkEnds = {},
) {
  let start = range.start;
  let most = first;
  return {
    size,
    examples: range.end - range.start,
    next: (): ExampleRange | undefined => {
      if (start >= range.end) {
        return undefined;
      }
      const left = range.end - start;
      const fair = workers === 1 ? left : first * Math.ceil(left / (2 * workers * first));
      const chunk = { start, end: start + Math.min(most, fair, left) };
      start = chunk.end;
      most = Math.min(size, 2 * most);
      return chunk;
    },
  } satisfies ChunkSource;
}
