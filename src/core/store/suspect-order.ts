import { TracInError } from "../errors.ts";

/** Numbers by which suspects are ranked, the one that finds planted wrong labels best first (docs/performance.md). */
export const suspectOrders = ["margin", "combined", "loss", "selfInfluence"] as const;

export type SuspectOrder = (typeof suspectOrders)[number];

/** How suspects are ranked: a margin is suspicious where it is low, a loss where it is high. */
export interface SuspectRanking {
  /** The column of a run's table. */
  readonly column: "margin" | "combined" | "loss" | "self_influence";
  readonly descending: boolean;
}

const rankings: Readonly<Record<SuspectOrder, SuspectRanking>> = {
  margin: { column: "margin", descending: false },
  combined: { column: "combined", descending: false },
  loss: { column: "loss", descending: true },
  selfInfluence: { column: "self_influence", descending: true },
};

/** What is known of a run's suspects. */
interface Suspects {
  readonly margins?: boolean | undefined;
}

/**
 * How an order, the run's default unless told, ranks.
 * @throws kind `store` when the run lacks the numbers
 */
export function suspectRanking(
  run: Suspects,
  order: SuspectOrder = ordersOf(run)[0],
): SuspectRanking {
  if (!ordersOf(run).includes(order)) {
    throw new TracInError(
      "store",
      `The run has no margins: a margin compares the probability of an example's label with that of the best other label.`,
      {},
      "Rank by loss or self-influence. A classifier's run that an older version made has margins once it is computed again.",
    );
  }
  return rankings[order];
}

/** The orders of a run, the default first: without margins (no label of its own for each example) there is no combination either. */
export function ordersOf({
  margins,
}: Pick<Suspects, "margins">): readonly [SuspectOrder, ...SuspectOrder[]] {
  return margins === true ? suspectOrders : ["loss", "selfInfluence"];
}
