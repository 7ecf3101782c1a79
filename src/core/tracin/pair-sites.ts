import type { Graph } from "../graph/graph.ts";
import { sizeOf } from "../graph/tensor.ts";
import { type Outer, positionsFirst, type Rows, type SiteFactors, type Tied } from "./factors.ts";
import type { Forward } from "./forward.ts";
import { invariantValues } from "./invariant.ts";
import type { DifferentiatedGroup } from "./joined-biases.ts";
import type { ModelOptions } from "./programs.ts";
import type { Site } from "./sites.ts";

/** Names of the outputs of a graph that is made for one pair of examples; [groups, positions, features] each. */
export const pairOutputs = {
  firstInput: "tracin.firstInput",
  firstDelta: "tracin.firstDelta",
  tiedInput: "tracin.tiedInput",
  tiedDelta: "tracin.tiedDelta",
  lastInput: "tracin.lastInput",
  lastDelta: "tracin.lastDelta",
} as const;

/** How the places of an example lie: tokens of a model input, positions in one or two dimensions, or elements of an input. */
type Places =
  | { readonly kind: "tokens"; readonly input: string }
  | { readonly kind: "grid"; readonly height: number; readonly width: number }
  /** Positions of a volume, slice by slice. */
  | {
      readonly kind: "volume";
      readonly depth: number;
      readonly height: number;
      readonly width: number;
    }
  /** Positions of a sequence. */
  | { readonly kind: "series"; readonly length: number }
  /** Elements of a model input of some shape, without the batch axis. */
  | { readonly kind: "elements"; readonly input: string; readonly shape: readonly number[] };

/** The first layer, as it is split. */
export interface PairTap {
  readonly parameter: string;
  readonly places: Places;
  readonly factors: Outer | Rows;
  /** Where the table is the output layer too, its factors there. */
  readonly tied: Outer | undefined;
  /** Whether its inputs are row numbers or values. */
  readonly input: "ids" | "values";
  readonly positions: number;
  /** Of one group. */
  readonly features: number;
  readonly outputs: number;
  readonly groups: number;
}

/** The layers that are looked at for one pair. */
export interface PairSites {
  readonly first: PairTap | undefined;
  /** Why there is no `first`. */
  readonly reason: string | undefined;
  readonly last: { readonly parameter: string; readonly factors: Outer } | undefined;
}

/** Finds the layer that reads the model's input, and the last layer where that is dense, with one position. */
export function pairSites(
  forward: Forward,
  groups: readonly DifferentiatedGroup[],
  model: ModelOptions,
): PairSites {
  // Biases and norms are no layers of their own.
  const last = groups.findLast(({ factors }) => factors.kind !== "vector");
  return {
    ...firstSite(forward, groups, model),
    last:
      last?.group.kind === "single" &&
      last.group.site.kind === "dense" &&
      last.factors.kind === "outer" &&
      last.factors.u.positions === 1
        ? { parameter: parameterOf(last), factors: last.factors }
        : undefined,
  };
}

function firstSite(
  forward: Forward,
  groups: readonly DifferentiatedGroup[],
  model: ModelOptions,
): Pick<PairSites, "first" | "reason"> {
  if (model.scaling !== undefined) {
    const reason = "Parameters do not all weigh the same here (rates of groups, or step sizes).";
    return { first: undefined, reason };
  }
  const graph: Graph = {
    ...model.probed.graph,
    nodes: forward.builder.nodes,
    initializers: forward.builder.initializers,
  };
  const weights = new Set(model.weights);
  const inputs = new Set(model.probed.graph.inputs.map(({ name }) => name));
  const ofData = invariantValues(graph, inputs, weights);
  const ofNothing = invariantValues(graph, new Set(), weights);
  const reads = (value: string) => ofData.has(value) && !ofNothing.has(value);
  for (const entry of groups) {
    const { group, factors } = entry;
    const site =
      group.kind === "single"
        ? group.site
        : group.kind === "tied"
          ? group.sites.find(({ kind }) => kind === "embedding")
          : undefined;
    const value = site && inputOf(site);
    if (site === undefined || value === undefined || !reads(value)) {
      continue;
    }
    const places = placesOf(forward, site, factors, graph, inputs);
    if (places === undefined || factors.kind === "vector") {
      continue;
    }
    return { first: tapOfSite(parameterOf(entry), places, factors), reason: undefined };
  }
  const reason = "No layer reads an image, a text or the columns of a row directly.";
  return { first: undefined, reason };
}

function tapOfSite(parameter: string, places: Places, found: Outer | Rows | Tied): PairTap {
  const factors = found.kind === "tied" ? found.rows : found;
  const { positions, features: outputs } = factors.delta;
  const shared = { parameter, places, factors, positions, outputs };
  return factors.kind === "rows"
    ? {
        ...shared,
        input: "ids",
        features: 1,
        groups: 1,
        tied: found.kind === "tied" ? found.outer : undefined,
      }
    : {
        ...shared,
        input: "values",
        features: factors.u.features,
        groups: factors.groups,
        tied: undefined,
      };
}

function inputOf(site: Site): string | undefined {
  return site.kind === "embedding"
    ? site.ids
    : site.kind === "dense" || site.kind === "convolution"
      ? site.x
      : undefined;
}

function placesOf(
  forward: Forward,
  site: Site,
  factors: SiteFactors,
  graph: Graph,
  inputs: ReadonlySet<string>,
): Places | undefined {
  if (site.kind === "embedding") {
    const input = sourceOf(site.ids, graph, inputs);
    return input === undefined ? undefined : { kind: "tokens", input };
  }
  if (site.kind === "convolution") {
    // A transposed convolution sums over the positions of its input, any other over those of its output.
    const [images, , ...sizes] = forward.type(site.transposed ? site.x : site.y).shape;
    const [a, b, c] = sizes;
    if (images !== 1 || a === undefined || sizes.length > 3) {
      return undefined;
    }
    return b === undefined
      ? { kind: "series", length: a }
      : c === undefined
        ? { kind: "grid", height: a, width: b }
        : { kind: "volume", depth: a, height: b, width: c };
  }
  if (site.kind !== "dense" || factors.kind !== "outer" || factors.u.positions !== 1) {
    return undefined;
  }
  const input = sourceOf(site.x, graph, inputs);
  const shape = input === undefined ? [] : forward.type(input).shape.slice(1);
  return input !== undefined && sizeOf(shape) === factors.u.features
    ? { kind: "elements", input, shape }
    : undefined;
}

/** Operators that leave the elements where they are. */
const keepingOrder = new Set([
  "Flatten",
  "Reshape",
  "Identity",
  "Squeeze",
  "Unsqueeze",
  "Cast",
  "Dropout",
]);

/** The model input whose elements a value holds, in their order. */
function sourceOf(value: string, graph: Graph, inputs: ReadonlySet<string>): string | undefined {
  if (inputs.has(value)) {
    return value;
  }
  const node = graph.nodes.find(({ outputs }) => outputs.includes(value));
  const from = node && keepingOrder.has(node.op) ? node.inputs[0] : undefined;
  return from === undefined ? undefined : sourceOf(from, graph, inputs);
}

function parameterOf({ group }: DifferentiatedGroup): string {
  return group.parameters.join(", ");
}

/** Declares the factors of the layers as outputs of the graph. */
export function tapPair(forward: Forward, { first, last }: PairSites): void {
  const { builder } = forward;
  const emit = (
    value: string,
    name: string,
    shape: readonly number[],
    dtype: "float32" | "int64",
  ) => {
    builder.add({ op: "Identity", name, inputs: [value], outputs: [name], attributes: {} });
    builder.output({ name, dtype, shape });
  };
  const emitOuter = ({ u, delta, groups }: Outer, inputName: string, deltaName: string) => {
    emit(positionsFirst(builder, u), inputName, [groups, u.positions, u.features], "float32");
    emit(
      positionsFirst(builder, delta),
      deltaName,
      [groups, delta.positions, delta.features],
      "float32",
    );
  };
  if (first?.factors.kind === "rows") {
    const { ids, delta } = first.factors;
    const name = pairOutputs.firstDelta;
    emit(ids, pairOutputs.firstInput, [1, delta.positions], "int64");
    emit(positionsFirst(builder, delta), name, [1, delta.positions, delta.features], "float32");
  } else if (first?.factors.kind === "outer") {
    emitOuter(first.factors, pairOutputs.firstInput, pairOutputs.firstDelta);
  }
  if (first?.tied !== undefined) {
    emitOuter(first.tied, pairOutputs.tiedInput, pairOutputs.tiedDelta);
  }
  if (last !== undefined) {
    emitOuter(last.factors, pairOutputs.lastInput, pairOutputs.lastDelta);
  }
}
