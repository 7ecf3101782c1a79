import { TracInError } from "../errors.ts";
import type { Ranking } from "./reader.ts";
import { hasQuery, type TableSize } from "./rows.ts";
import { type SuspectRanking, suspectRanking } from "./suspect-order.ts";

/** How a list is narrowed and ranked when nobody says otherwise. */
export interface ListShape {
  /** The number by which it is ranked: the score on its query, or a column of the run's table. */
  readonly value: "score" | "example" | SuspectRanking["column"];
  /** Which of these numbers are in the list. */
  readonly keep: "positive" | "negative" | "present" | "all";
  readonly descending: boolean;
  /** Whether equal numbers are ranked by loss, the largest first, before file order. */
  readonly thenByLoss?: boolean;
}

/** @throws kind `store` for a list of a query, or by a number, that the run does not have */
export function listShape(
  { view, query, order }: Ranking,
  size: TableSize,
  file: string,
): ListShape {
  switch (view) {
    case "suspects":
      return suspectShape(suspectRanking(size, order));
    case "all":
      return { value: "example", keep: "all", descending: false };
    case "proponents":
    case "opponents": {
      if (!hasQuery(size, query)) {
        throw new TracInError("store", `The run has no query ${query}.`, { file });
      }
      const isPositive = view === "proponents";
      return {
        value: "score",
        keep: isPositive ? "positive" : "negative",
        descending: isPositive,
      };
    }
  }
}

function suspectShape({ column, descending }: SuspectRanking): ListShape {
  // Where the model is certain, margins are equal to the last digit and losses still differ.
  return { value: column, keep: "present", descending, thenByLoss: !descending };
}
