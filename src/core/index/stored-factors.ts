import type { GraphBuilder } from "../graph/builder.ts";
import type { Shape } from "../graph/tensor.ts";
import type { FormChoice, QuestionSize } from "../tracin/cost.ts";
import { chooseForms } from "../tracin/cost.ts";
import { type Outer, positionsFirst, type Rows, type SiteFactors } from "../tracin/factors.ts";
import { emitQuery, emitScores, type QueryPart, queryParts } from "../tracin/forms.ts";
import type { Forward } from "../tracin/forward.ts";
import { gradientSize } from "./sketch.ts";
import { wholeGradient } from "./whole-gradient.ts";

/** A tensor that is kept of each example: [...shape]. */
export interface StoredTensor {
  readonly name: string;
  readonly dtype: "float32" | "int64";
  readonly shape: Shape;
}

/**
 * What is kept of a group's gradient so that its products stay exact: activations and output gradients, or the gradient
 * itself where it has fewer numbers.
 */
export type StoredGroup = SiteFactors;

/** Chooses what is kept of each group. */
export function storedGroups(groups: readonly SiteFactors[]): readonly StoredGroup[] {
  return groups.map((factors) => {
    const size = gradientSize(factors);
    return factorFloats(factors) < size ? factors : { kind: "vector", value: "", size };
  });
}

function factorFloats(factors: SiteFactors): number {
  const ofOuter = ({ u, delta, groups }: Outer) =>
    groups * u.positions * (u.features + delta.features);
  // A row's number takes as much as two floats.
  const ofRows = ({ delta }: Rows) => delta.positions * (delta.features + 2);
  switch (factors.kind) {
    case "vector":
      return factors.size;
    case "rows":
      return ofRows(factors);
    case "outer":
      return ofOuter(factors);
    case "tied":
      return ofRows(factors.rows) + ofOuter(factors.outer);
  }
}

/** The tensors of a group, in order. */
export function storedTensors(group: number, stored: StoredGroup): readonly StoredTensor[] {
  const tensor = (
    name: string,
    shape: Shape,
    dtype: StoredTensor["dtype"] = "float32",
  ): StoredTensor => ({ name: `${group}.${name}`, dtype, shape });
  const ofOuter = ({ u, delta, groups }: Outer) => [
    tensor("input", [groups, u.positions, u.features]),
    tensor("delta", [groups, delta.positions, delta.features]),
  ];
  const ofRows = ({ delta }: Rows) => [
    tensor("row", [delta.positions], "int64"),
    tensor("rowDelta", [delta.positions, delta.features]),
  ];
  switch (stored.kind) {
    case "vector":
      return [tensor("gradient", [stored.size])];
    case "outer":
      return ofOuter(stored);
    case "rows":
      return ofRows(stored);
    case "tied":
      return [...ofRows(stored.rows), ...ofOuter(stored.outer)];
  }
}

/** The values of a group's tensors, [batch, ...], in the order of {@link storedTensors}. */
export function emitStored(
  forward: Forward,
  factors: SiteFactors,
  stored: StoredGroup,
): readonly string[] {
  const { builder, batch } = forward;
  if (stored.kind === "vector") {
    return [wholeGradient(forward, factors)];
  }
  const ofOuter = ({ u, delta, groups }: Outer) =>
    [u, delta].map((factor) =>
      builder.reshape(positionsFirst(builder, factor), [
        batch,
        groups,
        factor.positions,
        factor.features,
      ]),
    );
  const ofRows = (rows: Rows) => [rows.ids, positionsFirst(builder, rows.delta)];
  switch (factors.kind) {
    case "vector":
      return [factors.value];
    case "outer":
      return ofOuter(factors);
    case "rows":
      return ofRows(factors);
    case "tied":
      return [...ofRows(factors.rows), ...ofOuter(factors.outer)];
  }
}

/** How products with a stored group are computed: from the factors alone, except for sums of queries. */
function storedForm(stored: StoredGroup, question: Omit<QuestionSize, "queryFloats">): FormChoice {
  return chooseForms(stored, { ...question, queryFloats: 0 });
}

/** Appends the query's side of a group: its parts, [queries, ...] (one query for a sum of them). */
export function emitStoredQuery(
  forward: Forward,
  group: number,
  factors: SiteFactors,
  stored: StoredGroup,
  aggregate: boolean,
): readonly { readonly part: QueryPart; readonly value: string }[] {
  const { builder, batch } = forward;
  const own: SiteFactors =
    stored.kind === "vector"
      ? { ...stored, value: wholeGradient(forward, factors) }
      : positionsInFront(builder, factors);
  const form = storedForm(own, { queries: batch, aggregate });
  return emitQuery(builder, group, own, form, batch, aggregate);
}

/** Factors in the layout in which they are stored. */
function positionsInFront(builder: GraphBuilder, factors: SiteFactors): SiteFactors {
  const front = (factor: Outer["u"]) =>
    ({ ...factor, layout: "PF", value: positionsFirst(builder, factor) }) as const;
  const ofOuter = (outer: Outer): Outer => ({
    ...outer,
    u: front(outer.u),
    delta: front(outer.delta),
  });
  const ofRows = (rows: Rows): Rows => ({ ...rows, delta: front(rows.delta) });
  switch (factors.kind) {
    case "vector":
      return factors;
    case "outer":
      return ofOuter(factors);
    case "rows":
      return ofRows(factors);
    case "tied":
      return { ...factors, rows: ofRows(factors.rows), outer: ofOuter(factors.outer) };
  }
}

/** Names of the query parts of a group that carry its weight: one for each product that the group is the sum of. */
export function weighedParts(
  group: number,
  stored: StoredGroup,
  question: Omit<QuestionSize, "queryFloats">,
): readonly string[] {
  const names = queryParts(group, stored, storedForm(stored, question)).map(({ name }) => name);
  const half = names.length / 2;
  return stored.kind === "tied" && names.length > 1
    ? names.filter((_, index) => (index + 1) % half === 0)
    : names.slice(-1);
}

/** Appends the scores [rows, queries] of stored examples, whose tensors become inputs of the graph. */
export function emitStoredScores(
  builder: GraphBuilder,
  group: number,
  stored: StoredGroup,
  rows: number,
  question: Omit<QuestionSize, "queryFloats">,
): string {
  const inputs = storedTensors(group, stored).map(({ name, dtype, shape }) =>
    builder.input({ name, dtype, shape: [rows, ...shape] }),
  );
  const outer = (like: Outer, [u = "", delta = ""]: readonly string[]): Outer => ({
    ...like,
    u: factorOf(builder, like.u, u, rows * like.groups),
    delta: factorOf(builder, like.delta, delta, rows * like.groups),
  });
  const table = (like: Rows, [ids = "", delta = ""]: readonly string[]): Rows => ({
    ...like,
    ids,
    delta: factorOf(builder, like.delta, delta, rows),
  });
  const factors = ((): SiteFactors => {
    switch (stored.kind) {
      case "vector":
        return { ...stored, value: inputs[0] ?? "" };
      case "outer":
        return outer(stored, inputs);
      case "rows":
        return table(stored, inputs);
      case "tied":
        return {
          ...stored,
          rows: table(stored.rows, inputs),
          outer: outer(stored.outer, inputs.slice(2)),
        };
    }
  })();
  const form = storedForm(stored, question);
  return emitScores(builder, group, factors, form, rows, question.queries, []);
}

function factorOf(builder: GraphBuilder, like: Outer["u"], value: string, batch: number) {
  const { positions, features } = like;
  return {
    ...like,
    layout: "PF",
    value: builder.reshape(value, [batch, positions, features]),
  } as const;
}
