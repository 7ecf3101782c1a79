/** The first places of a run's lists while it is being computed. */

import type { RankedRow, RankedView, SuspectOrder } from "./lists.ts";
import type { Reading } from "./runs.ts";

/**
 * A ranking of the training examples that are scored so far, each over all checkpoints; what is still to be scored may rank
 * before them.
 */
export interface EarlyRanking {
  /**
   * What the scores are: final; estimates of a gradient index, the best of which will be computed exactly; or those in whose
   * place exact ones have come.
   */
  readonly state: "scored" | "estimated" | "settled";
  /** Training examples that are scored, of how many. */
  readonly scored: number;
  readonly examples: number;
  /** Files of the checkpoints that all scores are over. */
  readonly checkpoints: readonly string[];
  readonly reading: Reading;
  /** Queries of the run; the lists are about the first of them. */
  readonly queries: number;
  /** Numbers that suspects have by now, the one that ranks them first. */
  readonly orders: readonly SuspectOrder[];
  readonly lists: readonly EarlyList[];
}

export interface EarlyList {
  readonly view: Exclude<RankedView, "all">;
  /** Largest absolute number by which its rows are ranked. */
  readonly scale: number;
  /** `combined` is known of none of them. */
  readonly rows: readonly RankedRow[];
}
