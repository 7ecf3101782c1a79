import type { RankedRow, SuspectOrder } from "../src/protocol/lists.ts";
import type { RunSummary } from "../src/protocol/runs.ts";
import { formatNumber, formatPlace } from "./format.ts";
import { strings } from "./strings.ts";

/** The columns of a run's table by whose names suspects are ranked. */
export const columnOf = {
  margin: "margin",
  combined: "combined",
  loss: "loss",
  selfInfluence: "self_influence",
} as const satisfies Record<SuspectOrder, string>;

/** The number of a row by which suspects can be ranked, as a text; empty where it has none. */
export function suspectNumber(row: RankedRow, order: SuspectOrder): string {
  const value = row[order];
  if (value === undefined) {
    return "";
  }
  if (order === "combined") {
    return formatPlace(value);
  }
  return order === "margin" ? formatNumber(value, "signed") : formatNumber(value);
}

/**
 * The bar of that number: a margin grows to the left where the model is against the label; any other is the longer, the
 * more suspicious the row, so that a place (a small number) is turned round.
 */
export function suspectBar(
  row: RankedRow,
  order: SuspectOrder,
  scale: number,
): { readonly value: number; readonly signed: boolean } {
  const value = row[order] ?? 0;
  return {
    value: order === "combined" ? Math.max(0, scale - value) : value,
    signed: order === "margin",
  };
}

/** The numbers that stand beside the one that ranks, the one that says most first. */
export function otherOrders(
  order: SuspectOrder,
  orders: readonly SuspectOrder[],
): readonly SuspectOrder[] {
  const preference: readonly SuspectOrder[] = ["loss", "margin", "selfInfluence", "combined"];
  return preference.filter((each) => each !== order && orders.includes(each));
}

/** Why a run's suspects cannot be ranked by margin; undefined where they can. */
export function noMarginReason({ orders, reading }: RunSummary): string | undefined {
  return orders.includes("margin") ? undefined : strings.list.noMargin[reading];
}
