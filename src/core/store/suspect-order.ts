/** Numbers by which suspects are ranked, the default first: the one that finds planted wrong labels best (docs/performance.md). */
export const suspectOrders = ["loss", "selfInfluence"] as const;

export type SuspectOrder = (typeof suspectOrders)[number];

/** The column of a run's table with the number. */
export function suspectColumn(order: SuspectOrder = suspectOrders[0]): "loss" | "self_influence" {
  return order === "loss" ? "loss" : "self_influence";
}
