import type { GraphBuilder } from "../../graph/builder.ts";
import type { FormChoice } from "../cost.ts";
import { positionsFirst, type Rows } from "../factors.ts";
import { crossProducts, gramMatrix, sumPositions } from "./products.ts";

/** The query side of a table's rows. */
export function rowsQuery(
  builder: GraphBuilder,
  factors: Rows,
  form: FormChoice,
  batch: number,
  aggregate: boolean,
): string[] {
  if (form.score !== "tangent") {
    return [factors.ids, positionsFirst(builder, factors.delta)];
  }
  return [rowsGradient(builder, factors, batch, aggregate)];
}

/** The gradient of the whole table: [batch, rows, features], or [1, rows, features] summed over the examples. */
export function rowsGradient(
  builder: GraphBuilder,
  factors: Rows,
  batch: number,
  aggregate: boolean,
): string {
  const { positions: P, features: D } = factors.delta;
  const delta = positionsFirst(builder, factors.delta);
  const tables = aggregate ? 1 : batch;
  const starts = Array.from({ length: batch }, (_, index) =>
    aggregate ? 0 : index * factors.rows,
  );
  const offsets = builder.reshape(builder.ints(starts), [batch, 1]);
  const rows = builder.reshape(builder.add2(factors.ids, offsets), [batch * P, 1]);
  const zeros = builder.op("ConstantOfShape", [builder.ints([tables * factors.rows, D])]);
  const table = builder.op("ScatterND", [zeros, rows, builder.reshape(delta, [batch * P, D])], {
    reduction: "add",
  });
  return builder.reshape(table, [tables, factors.rows, D]);
}

/** Scores of a table's rows, [batch, queries], from the query's parts. */
export function rowScores(
  builder: GraphBuilder,
  factors: Rows,
  form: FormChoice,
  batch: number,
  queries: number,
  a: string,
  b: string,
): string {
  const { positions: P, features: D } = factors.delta;
  const delta = positionsFirst(builder, factors.delta);
  if (form.score === "tangent") {
    const ids = builder.reshape(factors.ids, [batch * P]);
    const gathered = builder.op("Gather", [a, ids], { axis: 1 });
    const products = builder.mul(gathered, builder.reshape(delta, [1, batch * P, D]));
    const summed = builder.reduceSum(builder.reshape(products, [queries, batch, P * D]), [2]);
    return builder.transpose(summed, [1, 0]);
  }
  const products = crossProducts(builder, factors.delta, b, batch, queries * P);
  const isShared = builder.op("Equal", [
    builder.reshape(factors.ids, [batch * P, 1]),
    builder.reshape(a, [1, queries * P]),
  ]);
  const shared = builder.op("Where", [isShared, products, builder.scalar(0)]);
  return sumPositions(builder, shared, [batch, P], [queries, P]);
}

/** |G|^2 of each example: [batch]. */
export function rowsSelf(builder: GraphBuilder, factors: Rows, batch: number): string {
  return sharedRows(builder, factors, gramMatrix(builder, factors.delta), batch);
}

/** Sums the products [batch, P, P] of an example's positions where both look up the same row: [batch]. */
export function sharedRows(
  builder: GraphBuilder,
  { ids, delta: { positions: P } }: Rows,
  products: string,
  batch: number,
): string {
  const isShared = builder.op("Equal", [
    builder.reshape(ids, [batch, P, 1]),
    builder.reshape(ids, [batch, 1, P]),
  ]);
  return builder.reduceSum(builder.op("Where", [isShared, products, builder.scalar(0)]), [1, 2]);
}
