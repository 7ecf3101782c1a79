import { differentiate } from "../autodiff/differentiate.ts";
import type { Engine } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { FormChoice, FormChooser, QuestionSize } from "./cost.ts";
import type { SiteFactors } from "./factors.ts";
import { emitQuery, emitScores, emitSelf, type QueryPart } from "./forms.ts";
import { buildForward, type Forward, type ForwardOptions } from "./forward.ts";
import { groupFactors } from "./gradients.ts";
import { groupSites, type SiteGroup } from "./layout.ts";
import { tapOf } from "./sites.ts";

/** Names of the outputs of a compiled question. */
export const outputs = {
  /** [batch, queries] gradient products, not weighted. */
  scores: "tracin.scores",
  /** [batch] squared gradient norms, not weighted. */
  self: "tracin.self",
  /** [batch] */
  loss: "tracin.loss",
  /** [batch, outputs] */
  prediction: "tracin.prediction",
} as const;

/** One group of sites as compiled. */
export interface CompiledGroup {
  readonly group: SiteGroup;
  readonly factors: SiteFactors;
  readonly form: FormChoice;
}

/** A question as one graph, with what its caller must know to feed it. */
export interface Question {
  readonly graph: Graph;
  readonly groups: readonly CompiledGroup[];
  /** Floats that a batch needs per example, roughly: forward and backward values and the forms' own. */
  readonly floatsPerExample: number;
  /** Multiply-adds per example of the scores and self-influence (the model itself not counted). */
  readonly cost: number;
}

interface Differentiated {
  readonly forward: Forward;
  readonly groups: readonly { group: SiteGroup; factors: SiteFactors }[];
}

/** Only loss and prediction: no gradient. */
export function compileForward(options: ForwardOptions): Graph {
  const forward = buildForward(options);
  emitLoss(forward);
  return forward.builder.build();
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
    ({ group, factors }): CompiledGroup => ({
      group,
      factors,
      form: choose(factors, size),
    }),
  );
  if (size.queries > 0) {
    const scores = compiled.map(({ factors, form }, index) =>
      emitScores(builder, index, factors, form, batch, size.queries),
    );
    emitOutput(builder, sum(builder, scores), outputs.scores, [batch, size.queries]);
  }
  const norms = compiled.map(({ factors, form }) => emitSelf(builder, factors, form, batch));
  emitOutput(builder, sum(builder, norms), outputs.self, [batch]);
  emitLoss(forward);
  const formFloats = compiled.reduce((total, { form }) => total + form.memory, 0);
  return {
    graph: builder.build(),
    groups: compiled,
    floatsPerExample: 2 * forward.floatsPerExample + formFloats,
    cost: compiled.reduce((total, { form }) => total + form.cost, 0),
  };
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
  groups.forEach(({ factors }, index) => {
    const form = forms[index] as FormChoice;
    for (const { part, value } of emitQuery(builder, index, factors, form, batch, aggregate)) {
      parts.push(part);
      const rows = aggregate ? 1 : batch;
      builder.add(identity(value, part.name));
      builder.output({ name: part.name, dtype: part.dtype, shape: [rows, ...part.shape] });
    }
  });
  emitLoss(forward);
  return { graph: builder.build(), parts };
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
  const groups = all.flatMap((group) => {
    const factors = groupFactors(forward, group, gradients);
    return factors === undefined ? [] : [{ group, factors }];
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

/** Joins the bias of a dense layer to its weight where both have one position: (x.x' + 1)(delta.delta'). */
function withBiases(
  groups: readonly { group: SiteGroup; factors: SiteFactors }[],
): readonly { group: SiteGroup; factors: SiteFactors }[] {
  const nodeOf = (group: SiteGroup) => (group.kind === "single" ? group.site.node.name : undefined);
  const joined = new Set<number>();
  const withBias = groups.map(({ group, factors }) => {
    if (factors.kind !== "outer" || factors.u.positions !== 1 || factors.groups !== 1) {
      return { group, factors };
    }
    const isUnscaled =
      group.kind === "single" && group.site.kind === "dense" && group.site.scale === 1;
    const bias = groups.findIndex(
      (other) =>
        isUnscaled &&
        other.group.kind === "single" &&
        other.group.site.kind === "bias" &&
        other.group.site.scale === 1 &&
        nodeOf(other.group) === nodeOf(group),
    );
    if (bias === -1) {
      return { group, factors };
    }
    joined.add(bias);
    return { group, factors: { ...factors, bias: true } };
  });
  return withBias.filter((_, index) => !joined.has(index));
}

function emitLoss(forward: Forward): void {
  const { builder, batch, loss } = forward;
  const { shape } = forward.type(loss.output);
  emitOutput(builder, loss.loss, outputs.loss, [batch]);
  emitOutput(builder, loss.prediction, outputs.prediction, [batch, sizeOf(shape) / batch]);
}

function emitOutput(
  builder: GraphBuilder,
  value: string,
  name: string,
  shape: readonly number[],
): void {
  builder.add(identity(value, name));
  builder.output({ name, dtype: "float32", shape });
}

function identity(value: string, name: string) {
  return { op: "Identity", name, inputs: [value], outputs: [name], attributes: {} };
}

function sum(builder: GraphBuilder, values: readonly string[]): string {
  return values.reduce((a, b) => builder.add2(a, b));
}
