import { differentiate } from "../autodiff/differentiate.ts";
import type { Engine } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { shareEqual } from "../graph/share.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { FormChoice, FormChooser, QuestionSize } from "./cost.ts";
import { factorShape } from "./factors.ts";
import {
  emitQuery,
  emitScores,
  emitSelf,
  type QueryPart,
  queryInputs,
  queryParts,
} from "./forms.ts";
import { buildForward, type Forward, type ForwardOptions } from "./forward.ts";
import { groupFactors } from "./gradients.ts";
import { heldFloats } from "./held.ts";
import { invariantValues, type Keepable, splitInvariant } from "./invariant.ts";
import { type DifferentiatedGroup, withBiases } from "./joined-biases.ts";
import { groupSites } from "./layout.ts";
import { emitLoss, emitMargin, emitOutput, identity, outputs } from "./outputs.ts";
import { splitPhases } from "./phases.ts";
import { emitScaledSelf, scaleQuery } from "./scaled.ts";
import { ScaleInputs } from "./scaling.ts";
import { tapOf } from "./sites.ts";
import { splitDerived } from "./turned.ts";

/** One group of sites as compiled. */
export interface CompiledGroup extends DifferentiatedGroup {
  readonly form: FormChoice;
}

/** A question as one graph, with what its caller must know to feed it. */
export interface Question {
  readonly graph: Graph;
  /** What `graph` is fed beside the weights of a checkpoint, made of them; the queries' side is fed the same. */
  readonly derived: Graph | undefined;
  /** The graph in two: what is the same at every checkpoint, if there is anything, and the rest. */
  readonly split: { readonly once: Graph; readonly rest: Graph } | undefined;
  readonly groups: readonly CompiledGroup[];
  /** Floats that a batch needs per example, roughly: forward and backward values and the forms' own. */
  readonly floatsPerExample: number;
  /** Floats of the queries' parts, all queries together. */
  readonly queryFloats: number;
  /** Floats of what `derived` makes. */
  readonly derivedFloats: number;
  /** Floats per example that are held at the same time, roughly. */
  readonly heldFloats: number;
  /** Multiply-adds per example of the scores and self-influence (the model itself not counted). */
  readonly cost: number;
}

interface Differentiated {
  readonly forward: Forward;
  readonly groups: readonly DifferentiatedGroup[];
}

/** Only loss and prediction, position by position where there are positions: no gradient. */
export function compileForward(options: ForwardOptions): Graph {
  const forward = buildForward(options);
  const { builder, batch, loss } = forward;
  emitLoss(forward);
  const positions = loss.positions?.();
  if (positions !== undefined) {
    const shape = [batch, positions.width];
    emitOutput(builder, positions.loss, outputs.positionLoss, shape);
    emitOutput(builder, positions.predicted, outputs.positionPrediction, shape);
  }
  return builder.build();
}

/** The training side: scores on `size.queries` queries, self-influence, loss and prediction of a batch. */
export async function compileScores(
  options: ForwardOptions,
  size: QuestionSize,
  choose: FormChooser,
  reference: Engine,
): Promise<Question> {
  const { forward, groups } = await differentiated(options, size.aggregate, reference);
  const { builder, batch } = forward;
  const compiled = groups.map(
    ({ group, factors, scale }): CompiledGroup => ({
      group,
      factors,
      scale,
      form: choose(factors, { ...size, elementwise: scale?.kind === "each" }),
    }),
  );
  const keepable: Keepable[] = compiled.flatMap(({ factors }) =>
    factors.kind === "outer" && factors.isKept
      ? [{ value: factors.u.value, shape: factorShape(factors.u, batch), isDear: true }]
      : [],
  );
  const selfOf = (compiledGroup: CompiledGroup): string =>
    compiledGroup.scale === undefined
      ? emitSelf(builder, compiledGroup.factors, compiledGroup.form, batch, keepable)
      : emitScaledSelf(forward, { ...compiledGroup, scale: compiledGroup.scale }, keepable);
  if (size.queries === 0) {
    emitOutput(builder, sum(builder, compiled.map(selfOf)), outputs.self, [batch]);
  } else {
    // Both numbers of a group in one value: an engine that goes back from the outputs then is done with a group, and with
    // its examples' gradients, before it comes to the next one.
    const rows = compiled.map((group, index) => {
      const { factors, form } = group;
      const scores = emitScores(builder, index, factors, form, batch, size.queries, keepable);
      const self = builder.reshape(selfOf(group), [batch, 1]);
      return builder.op("Concat", [scores, self], { axis: 1 });
    });
    const [scores = "", self = ""] = builder.ops(
      "Split",
      [sum(builder, rows), builder.ints([size.queries, 1])],
      2,
      { axis: 1 },
    );
    emitOutput(builder, scores, outputs.scores, [batch, size.queries]);
    emitOutput(builder, builder.reshape(self, [batch]), outputs.self, [batch]);
  }
  emitLoss(forward);
  emitMargin(forward);
  const held = heldFloats(forward);
  const formFloats = compiled.reduce((total, { form }) => total + form.memory, 0);
  splitPhases(builder, forward.type);
  const { graph, derived, derivedFloats } = splitDerived(forward, options);
  const invariant = invariantOf(graph, options, compiled);
  const inputs = options.probed.graph.inputs.map(({ name }) => sizeOf(forward.type(name).shape));
  // What is larger than the examples themselves is dearer to read again than to compute.
  const mostFloats = inputs.reduce((total, floats) => total + floats, 0);
  const split = splitInvariant(graph, invariant, keepable, mostFloats);
  return {
    graph: shareEqual(graph),
    derived,
    split: split && { once: shareEqual(split.once), rest: shareEqual(split.rest) },
    groups: compiled,
    // Inputs have no gradient.
    floatsPerExample:
      2 * forward.floatsPerExample -
      mostFloats / batch +
      forward.loss.floatsPerExample +
      formFloats,
    queryFloats: compiled
      .flatMap(({ factors, form }, index) => queryParts(index, factors, form))
      .reduce((total, part) => total + size.queries * sizeOf(part.shape), 0),
    derivedFloats,
    heldFloats: held + Math.max(...compiled.map(({ form }) => form.memory)),
    cost: compiled.reduce((total, { form }) => total + form.cost, 0),
  };
}

/** Values of the training side that are the same at every checkpoint; a query's inputs are where the examples' are. */
function invariantOf(
  graph: Graph,
  options: ForwardOptions,
  groups: readonly CompiledGroup[],
): ReadonlySet<string> {
  const weights = new Set(options.weights);
  const queries = new Set(
    groups.flatMap(({ factors, form }, index) =>
      queryParts(index, factors, form).map(({ name }) => name),
    ),
  );
  const data = new Set(options.probed.graph.inputs.map(({ name }) => name));
  const own = invariantValues(graph, data, weights);
  for (const [index, { factors }] of groups.entries()) {
    const part = queryInputs(index);
    if (factors.kind === "outer" && own.has(factors.u.value) && queries.has(part)) {
      data.add(part);
    }
  }
  return invariantValues(graph, data, weights);
}

/** The query side for the forms that the training side chose; see {@link QueryPart} for the outputs. */
export async function compileQueries(
  options: ForwardOptions,
  forms: readonly FormChoice[],
  aggregate: boolean,
  reference: Engine,
): Promise<{ graph: Graph; parts: readonly QueryPart[] }> {
  const { forward, groups } = await differentiated(options, aggregate, reference);
  const { builder, batch } = forward;
  const parts: QueryPart[] = [];
  groups.forEach(({ group, factors, scale }, index) => {
    const form = forms[index] as FormChoice;
    const emitted = emitQuery(builder, index, factors, form, batch, aggregate);
    const values = emitted.map(({ value }) => value);
    const scaled =
      scale === undefined ? values : scaleQuery(forward, { group, factors, form, scale }, values);
    emitted.forEach(({ part }, place) => {
      parts.push(part);
      const rows = aggregate ? 1 : batch;
      builder.add(identity(scaled[place] as string, part.name));
      builder.output({ name: part.name, dtype: part.dtype, shape: [rows, ...part.shape] });
    });
  });
  emitLoss(forward);
  return { graph: shareEqual(splitDerived(forward, options).graph), parts };
}

/**
 * Loss, prediction and whatever `emit` makes of the gradients of a batch. Every group of sites is by itself, and weighs
 * like the others.
 *
 * @returns the graph and what `emit` has returned
 */
export async function compileGradients<Result>(
  options: ForwardOptions,
  reference: Engine,
  emit: (forward: Forward, groups: readonly DifferentiatedGroup[]) => Result,
): Promise<{ readonly graph: Graph; readonly result: Result }> {
  const unscaled = { ...options, scaling: undefined };
  const { forward, groups } = await differentiated(unscaled, true, reference);
  const result = emit(forward, groups);
  emitLoss(forward);
  return { graph: forward.builder.build(), result };
}

async function differentiated(
  options: ForwardOptions,
  aggregate: boolean,
  reference: Engine,
): Promise<Differentiated> {
  const forward = buildForward(options);
  const { builder, graph, sites, loss } = forward;
  const gradients = differentiate(
    builder,
    graph,
    forward.type,
    new Map([[loss.output, loss.seed]]),
    sites.map(tapOf),
  );
  const all = await groupSites(forward, sites, options.counted, reference);
  const scales = options.scaling && new ScaleInputs(forward, options.scaling);
  const groups = all.flatMap((group): DifferentiatedGroup[] => {
    const factors = groupFactors(forward, group, gradients);
    return factors === undefined ? [] : [{ group, factors, scale: scales?.of(group) }];
  });
  if (groups.length === 0) {
    throw new TracInError(
      "config",
      "The loss does not depend on any of the parameters that count.",
      {},
      `Change "layers" or "loss.output" in tracin.json. What counts: ${[...options.counted].join(", ")}.`,
    );
  }
  // An aggregate has no factors to which a bias could be joined.
  return { forward, groups: aggregate ? groups : withBiases(groups) };
}

function sum(builder: GraphBuilder, values: readonly string[]): string {
  return values.reduce((a, b) => builder.add2(a, b));
}
