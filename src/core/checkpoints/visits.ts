import type { Checkpoint } from "./checkpoint.ts";

/** Intervals that differ by less than this share are taken as equal. */
const tolerance = 0.05;
/** More checkpoints than these are not listed one by one. */
const mostListed = 20;

/**
 * How often each example was visited between the checkpoints, relative to the shortest interval, as the steps (else the
 * epochs) in the files tell it; undefined where they do not, or where all intervals are the same. Where the first
 * checkpoint lies further from the start than the others from each other, earlier ones are taken to be missing, and it
 * counts like the next.
 * @param checkpoints in training order
 */
export function proposeVisits(checkpoints: readonly Checkpoint[]): number[] | undefined {
  const at =
    positions(checkpoints.map(({ step }) => step)) ??
    positions(checkpoints.map(({ epoch }) => epoch));
  const [start = 0, ...others] = at ?? [];
  const gaps = others.map((position, index) => position - (at?.[index] ?? 0));
  const [next = 0] = gaps;
  // The number of an epoch may be counted from 0 or from 1, so it is no distance from the start.
  const isDistance = checkpoints.every(({ step }) => step !== undefined);
  const intervals = [isDistance && start > 0 && start <= Math.max(...gaps) ? start : next, ...gaps];
  const shortest = Math.min(...intervals);
  if (gaps.length === 0 || !(shortest > 0)) {
    return undefined;
  }
  const visits = intervals.map((interval) => Number((interval / shortest).toPrecision(3)));
  return visits.every((count) => count <= 1 + tolerance) ? undefined : visits;
}

/** A warning where intervals of different length weigh the same. */
export function visitWarnings(checkpoints: readonly Checkpoint[]): string[] {
  const visits = proposeVisits(checkpoints);
  const listed =
    visits === undefined || visits.length > mostListed ? "one per checkpoint" : `[${visits}]`;
  return visits === undefined
    ? []
    : [
        `The intervals between the checkpoints differ in length, but each weighs with its learning rate alone. Set "checkpoints.visits" in tracin.json (${listed}) to weigh them by length.`,
      ];
}

function positions(values: readonly (number | undefined)[]): number[] | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? known : undefined;
}
