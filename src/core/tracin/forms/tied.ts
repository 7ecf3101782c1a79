import type { GraphBuilder } from "../../graph/builder.ts";
import type { FormChoice } from "../cost.ts";
import { type Outer, positionsFirst, type Rows, type Tied } from "../factors.ts";
import type { Keepable } from "../invariant.ts";
import { outerQuery, outerScores, outerSelf } from "./outer.ts";
import { crossProducts, sumPositions } from "./products.ts";
import { rowScores, rowsGradient, rowsQuery, rowsSelf } from "./rows.ts";

/** The query side of a tied table: its whole gradient, or the factors of both parts. */
export function tiedQuery(
  builder: GraphBuilder,
  { rows, outer }: Tied,
  form: FormChoice,
  batch: number,
  aggregate: boolean,
): readonly string[] {
  const lookups = rowsQuery(builder, rows, form, batch, aggregate);
  const products = outerQuery(builder, outer, form, batch, aggregate);
  return form.score === "tangent"
    ? [builder.add2(lookups[0] as string, products[0] as string)]
    : [...lookups, ...products];
}

/** The gradient of a tied table, [batch, rows, features]. */
export function tiedGradient(builder: GraphBuilder, factors: Tied, batch: number): string {
  const { rows, outer } = factors;
  const form = { score: "tangent", self: "gram", cost: 0, memory: 0 } as const;
  const [products = ""] = outerQuery(builder, outer, form, batch, false);
  return builder.add2(rowsGradient(builder, rows, batch, false), products);
}

/** Scores of a tied table, [batch, queries], from the query's parts. */
export function tiedScores(
  builder: GraphBuilder,
  factors: Tied,
  form: FormChoice,
  batch: number,
  queries: number,
  parts: readonly string[],
  keepable: Keepable[],
): string {
  const { rows, outer } = factors;
  const [first = "", second = "", third = "", fourth = ""] = parts;
  const [u, delta] = form.score === "tangent" ? [first, ""] : [third, fourth];
  const terms = [
    rowScores(builder, rows, form, batch, queries, first, second),
    outerScores(builder, outer, form, batch, queries, u, delta, keepable),
  ];
  if (form.score !== "tangent") {
    terms.push(
      lookupsOnProducts(builder, factors, batch, queries, third, fourth),
      productsOnLookups(builder, factors, batch, queries, first, second),
    );
  }
  return builder.op("Sum", terms);
}

/** |G|^2 of each example: lookups, products, and twice the lookups on the products. */
export function tiedSelf(
  builder: GraphBuilder,
  { rows, outer }: Tied,
  form: FormChoice,
  batch: number,
  keepable: Keepable[],
): string {
  const [P, S] = [rows.delta.positions, outer.u.positions];
  const products = builder.matmul(
    positionsFirst(builder, outer.delta),
    builder.transpose(positionsFirst(builder, rows.delta), [0, 2, 1]),
  );
  const ids = builder.op("Expand", [
    builder.reshape(rows.ids, [batch, 1, P]),
    builder.ints([batch, S, P]),
  ]);
  const picked = builder.op("GatherElements", [positionsFirst(builder, outer.u), ids], { axis: 2 });
  const shared = builder.reduceSum(builder.mul(products, picked), [1, 2]);
  return builder.op("Sum", [
    rowsSelf(builder, rows, batch),
    outerSelf(builder, outer, form, batch, keepable),
    shared,
    shared,
  ]);
}

/** The training lookups against the products of the queries: the input of each at the row that was looked up. */
function lookupsOnProducts(
  builder: GraphBuilder,
  { rows, outer }: { rows: Rows; outer: Outer },
  batch: number,
  queries: number,
  u: string,
  delta: string,
): string {
  const [P, S] = [rows.delta.positions, outer.u.positions];
  const all = builder.reshape(u, [queries * S, rows.rows]);
  const picked = builder.op("Gather", [all, builder.reshape(rows.ids, [batch * P])], { axis: 1 });
  const products = crossProducts(builder, rows.delta, delta, batch, queries * S);
  const shared = builder.mul(products, builder.transpose(picked, [1, 0]));
  return sumPositions(builder, shared, [batch, P], [queries, S]);
}

/** The training products against the lookups of the queries. */
function productsOnLookups(
  builder: GraphBuilder,
  { rows, outer }: { rows: Rows; outer: Outer },
  batch: number,
  queries: number,
  ids: string,
  delta: string,
): string {
  const [P, S] = [rows.delta.positions, outer.u.positions];
  const own = builder.reshape(positionsFirst(builder, outer.u), [batch * S, rows.rows]);
  const picked = builder.op("Gather", [own, builder.reshape(ids, [queries * P])], { axis: 1 });
  const products = crossProducts(builder, outer.delta, delta, batch, queries * P);
  return sumPositions(builder, builder.mul(products, picked), [batch, S], [queries, P]);
}
