/** How far the work has come. */
export interface Pace {
  /** Examples that are done or must be done here, because their chunk has begun. */
  readonly begun: number;
  /** Examples per second of one process. */
  readonly rate: number;
}

/** A division of the examples [start, end): this process does [start, limit), each helper one of the shards. */
export interface Split {
  readonly limit: number;
  readonly shards: readonly { readonly start: number; readonly end: number }[];
}

/** Seconds until a helper has started, opened the project and compiled the question. */
export const helperStart = 0.7;
/** Helpers are started only when they save at least this many seconds. */
const worthwhile = 0.25;

/**
 * Decides whether helpers are worth their start, and shares the examples so that all finish together.
 * @param chunk the limit lies at a multiple of it after `start`
 * @returns undefined when this process had better go on alone
 */
export function splitWork(
  range: { readonly start: number; readonly end: number },
  pace: Pace,
  processes: number,
  chunk: number,
): Split | undefined {
  const left = range.end - range.start - pace.begun;
  const alone = left / pace.rate;
  // With all at work for t seconds and helpers late by their start: left = rate * (t + helpers * (t - start)).
  const helpers = Math.min(processes - 1, Math.floor(alone / (2 * helperStart)));
  if (helpers < 1) {
    return undefined;
  }
  const together = (alone + helpers * helperStart) / (helpers + 1);
  const here = Math.max(
    pace.begun,
    Math.round((pace.begun + together * pace.rate) / chunk) * chunk,
  );
  const limit = Math.min(range.end, range.start + here);
  const given = range.end - limit;
  const saved =
    alone - Math.max(here - pace.begun, given / helpers + helperStart * pace.rate) / pace.rate;
  if (given < 1 || saved < worthwhile) {
    return undefined;
  }
  const bounds = Array.from({ length: helpers + 1 }, (_, index) =>
    Math.round(limit + (given * index) / helpers),
  );
  const shards = bounds
    .slice(1)
    .map((end, index) => ({ start: bounds[index] ?? limit, end }))
    .filter(({ start, end }) => end > start);
  return { limit, shards };
}
