import type { GraphBuilder } from "../graph/builder.ts";
import type { ValueInfo } from "../graph/graph.ts";
import type { Shape } from "../graph/tensor.ts";
import type { FormChoice } from "./cost.ts";
import type { Outer, Rows, SiteFactors } from "./factors.ts";
import { isFeaturesFirst, outerQuery, outerScores, outerSelf } from "./forms/outer.ts";
import { squaredNorm } from "./forms/products.ts";
import { rowScores, rowsQuery, rowsSelf } from "./forms/rows.ts";
import { tiedQuery, tiedScores, tiedSelf } from "./forms/tied.ts";
import type { Keepable } from "./invariant.ts";

/** One tensor per query that the training side needs: [queries, ...shape]. */
export interface QueryPart {
  readonly name: string;
  readonly dtype: "float32" | "int64";
  /** Without the query axis. */
  readonly shape: Shape;
}

/** Appends the query side of a group: its parts, [batch, ...] or, for an aggregate, [1, ...]. */
export function emitQuery(
  builder: GraphBuilder,
  group: number,
  factors: SiteFactors,
  form: FormChoice,
  batch: number,
  aggregate: boolean,
): readonly { part: QueryPart; value: string }[] {
  const values = queryValues(builder, factors, form, batch, aggregate);
  return queryParts(group, factors, form).map((part, index) => ({
    part,
    value: values[index] as string,
  }));
}

function queryValues(
  builder: GraphBuilder,
  factors: SiteFactors,
  form: FormChoice,
  batch: number,
  aggregate: boolean,
): readonly string[] {
  switch (factors.kind) {
    case "vector":
      return [aggregate ? builder.reduceSum(factors.value, [0], true) : factors.value];
    case "rows":
      return rowsQuery(builder, factors, form, batch, aggregate);
    case "tied":
      return tiedQuery(builder, factors, form, batch, aggregate);
    case "outer":
      return outerQuery(builder, factors, form, batch, aggregate);
  }
}

/** Name of the query part that holds the inputs of a group, where its form has one. */
export function queryInputs(group: number): string {
  return partName(group, "u");
}

function partName(group: number, name: string): string {
  return `tracin.query.${group}.${name}`;
}

/** What {@link emitQuery} makes and {@link emitScores} takes, in order. */
export function queryParts(group: number, factors: SiteFactors, form: FormChoice): QueryPart[] {
  return shapesOfParts(factors, form).map(([name, shape, dtype = "float32"]) => ({
    name: partName(group, name),
    dtype,
    shape,
  }));
}

type PartShape = readonly [name: string, shape: Shape, dtype?: QueryPart["dtype"]];

function shapesOfParts(factors: SiteFactors, form: FormChoice): readonly PartShape[] {
  switch (factors.kind) {
    case "vector":
      return [["gradient", [factors.size]]];
    case "rows":
      return rowsParts(factors, form);
    case "outer":
      return outerParts(factors, form);
    case "tied": {
      const rows = rowsParts(factors.rows, form);
      return form.score === "tangent"
        ? rows
        : [
            ...rows.map(([name, ...rest]) => [`row ${name}`, ...rest] as const),
            ...outerParts(factors.outer, form),
          ];
    }
  }
}

function rowsParts(
  { rows, delta: { positions: P, features: D } }: Rows,
  form: FormChoice,
): readonly PartShape[] {
  return form.score === "tangent"
    ? [["gradient", [rows, D]]]
    : [
        ["ids", [P], "int64"],
        ["delta", [P, D]],
      ];
}

function outerParts(factors: Outer, form: FormChoice): readonly PartShape[] {
  const { positions: P, features: K } = factors.u;
  const O = factors.delta.features;
  switch (form.score) {
    case "factorised":
      return [
        ["u", [K]],
        ["delta", [O]],
      ];
    case "gram":
      return [
        ["u", [P, K]],
        ["delta", [P, O]],
      ];
    case "explicit":
      return [["gradient", [factors.groups * O * K]]];
    case "tangent":
      return [["gradient", isFeaturesFirst(factors) ? [O, K] : [K, O]]];
  }
}

/**
 * Appends the scores of a group, [batch, queries], from the training factors and the query's parts.
 * @param keepable receives the products of inputs, which are the same at every checkpoint where the inputs are
 */
export function emitScores(
  builder: GraphBuilder,
  group: number,
  factors: SiteFactors,
  form: FormChoice,
  batch: number,
  queries: number,
  keepable: Keepable[],
): string {
  const parts = queryParts(group, factors, form).map((part) =>
    builder.input(queryInput(part, queries)),
  );
  const [a = "", b = ""] = parts;
  switch (factors.kind) {
    case "vector":
      return builder.matmul(factors.value, builder.transpose(a, [1, 0]));
    case "rows":
      return rowScores(builder, factors, form, batch, queries, a, b);
    case "tied":
      return tiedScores(builder, factors, form, batch, queries, parts, keepable);
    case "outer":
      return outerScores(builder, factors, form, batch, queries, a, b, keepable);
  }
}

/** Appends |G|^2 of each example for a group: [batch]. @param keepable see {@link emitScores} */
export function emitSelf(
  builder: GraphBuilder,
  factors: SiteFactors,
  form: FormChoice,
  batch: number,
  keepable: Keepable[],
): string {
  switch (factors.kind) {
    case "vector":
      return squaredNorm(builder, factors.value);
    case "rows":
      return rowsSelf(builder, factors, batch);
    case "tied":
      return tiedSelf(builder, factors, form, batch, keepable);
    case "outer":
      return outerSelf(builder, factors, form, batch, keepable);
  }
}

/** The graph input that carries a query part. */
function queryInput(part: QueryPart, queries: number): ValueInfo {
  return { name: part.name, dtype: part.dtype, shape: [queries, ...part.shape] };
}
