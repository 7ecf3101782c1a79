import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import { float32, int64 } from "../graph/tensor.ts";
import { pullBackComputed } from "./computed.ts";
import {
  type Factor,
  featuresFirst,
  positionsFirst,
  type SiteFactors,
  siteFactors,
} from "./factors.ts";
import type { Forward } from "./forward.ts";
import type { SiteGroup, Use } from "./layout.ts";
import { type Site, tapOf } from "./sites.ts";

/**
 * The factors of a group's gradient: those of its site, or the sum over its sites.
 * `undefined` when the loss does not depend on any of them.
 *
 * @param gradients gradient of the loss with respect to each tap
 */
export function groupFactors(
  forward: Forward,
  group: SiteGroup,
  gradients: ReadonlyMap<string, string>,
): SiteFactors | undefined {
  if (group.kind === "single") {
    return factorsAt(forward, group.site, gradients);
  }
  const { builder, batch } = forward;
  if (group.kind !== "pulledBack" && group.kind !== "computed") {
    const all = group.sites.flatMap((site, index) => {
      const factors = factorsAt(forward, site, gradients);
      return factors === undefined ? [] : [group.turned[index] ? turned(factors) : factors];
    });
    return joined(builder, all);
  }
  /** The gradient of a use's weight, [batch, elements]. */
  const stored = ({ sites }: Use): string | undefined => {
    const [first] = sites;
    const factors = joined(
      builder,
      sites.flatMap((site) => factorsAt(forward, site, gradients) ?? []),
    );
    return first && factors && storedGradient(forward, first, factors);
  };
  if (group.kind === "computed") {
    return computedFactors(forward, group, stored);
  }
  const values = group.uses.flatMap((use) => {
    const value = stored(use);
    return value === undefined ? [] : [pullBack(builder, value, use.elements, group.size, batch)];
  });
  return values.length === 0
    ? undefined
    : { kind: "vector", value: sum(builder, values), size: group.size };
}

/** The gradients of weights that arithmetic makes, pulled back to the parameters. */
function computedFactors(
  forward: Forward,
  group: Extract<SiteGroup, { kind: "computed" }>,
  stored: (use: Use) => string | undefined,
): SiteFactors | undefined {
  const weights = new Map<string, string>();
  for (const use of group.uses) {
    const value = stored(use);
    const known = weights.get(use.weight);
    if (value !== undefined) {
      weights.set(use.weight, known === undefined ? value : forward.builder.add2(known, value));
    }
  }
  if (weights.size === 0) {
    return undefined;
  }
  const { value, floatsPerExample } = pullBackComputed(forward, weights, group.parameters);
  return { kind: "vector", value, size: group.size, floatsPerExample };
}

function factorsAt(
  forward: Forward,
  site: Site,
  gradients: ReadonlyMap<string, string>,
): SiteFactors | undefined {
  const gradient = gradients.get(tapOf(site));
  return gradient === undefined ? undefined : siteFactors(forward, site, gradient);
}

/** The factors of a matrix as those of its transpose. */
function turned(factors: SiteFactors): SiteFactors {
  return factors.kind === "outer"
    ? { ...factors, u: factors.delta, delta: factors.u, isKept: false }
    : factors;
}

/** Several uses of one weight as one: positions are joined, vectors added. */
function joined(builder: GraphBuilder, all: readonly SiteFactors[]): SiteFactors | undefined {
  const outers = all.filter((factors) => factors.kind === "outer");
  const rows = all.filter((factors) => factors.kind === "rows");
  const vectors = all.filter((factors) => factors.kind === "vector");
  const [outer] = outers;
  const product = outer && {
    ...outer,
    u: joinPositions(
      builder,
      outers.map(({ u }) => u),
    ),
    delta: joinPositions(
      builder,
      outers.map(({ delta }) => delta),
    ),
    isKept: outers.every(({ isKept = false }) => isKept),
  };
  const [row] = rows;
  const lookup = row && {
    ...row,
    ids:
      rows.length === 1
        ? row.ids
        : builder.op(
            "Concat",
            rows.map(({ ids }) => ids),
            { axis: 1 },
          ),
    delta: joinPositions(
      builder,
      rows.map(({ delta }) => delta),
    ),
  };
  if (product !== undefined && lookup !== undefined) {
    // Positions first, so that a query's gradient is laid out like the table.
    const first = (factor: Factor): Factor => ({
      ...factor,
      value: positionsFirst(builder, factor),
      layout: "PF",
    });
    const outer = { ...product, u: first(product.u), delta: first(product.delta) };
    return { kind: "tied", outer, rows: lookup };
  }
  const [vector] = vectors;
  return (
    product ??
    lookup ??
    (vector && {
      ...vector,
      value: sum(
        builder,
        vectors.map(({ value }) => value),
      ),
    })
  );
}

function joinPositions(builder: GraphBuilder, factors: readonly Factor[]): Factor {
  const [first] = factors;
  if (first !== undefined && factors.length === 1) {
    return first;
  }
  const values = factors.map((factor) => positionsFirst(builder, factor));
  return {
    value: builder.op("Concat", values, { axis: 1 }),
    layout: "PF",
    positions: factors.reduce((total, { positions }) => total + positions, 0),
    features: first?.features ?? 0,
  };
}

function sum(builder: GraphBuilder, values: readonly string[]): string {
  const [first = ""] = values;
  return values.length === 1 ? first : builder.op("Sum", values);
}

/** The explicit per-example gradient of an outer product: [batch * groups, outputs, inputs]. */
export function outerGradient(builder: GraphBuilder, u: Factor, delta: Factor): string {
  return builder.matmul(featuresFirst(builder, delta), positionsFirst(builder, u));
}

/** The explicit per-example gradient of a site's weight, [batch, elements], in the order in which the weight is stored. */
function storedGradient(forward: Forward, site: Site, factors: SiteFactors): string {
  const { builder, batch } = forward;
  if (factors.kind === "vector") {
    return factors.value;
  }
  if (factors.kind === "tied") {
    throw new TracInError("internal", "A tied table is a group of its own.");
  }
  const shape = forward.type(site.weight).shape;
  const size = shape.reduce((product, n) => product * n, 1);
  if (factors.kind === "rows") {
    const rows = builder.constant(
      int64(
        [1, factors.rows, 1],
        Array.from({ length: factors.rows }, (_, index) => index),
      ),
    );
    const ids = builder.reshape(factors.ids, [batch, 1, factors.delta.positions]);
    const oneHot = builder.op("Cast", [builder.op("Equal", [ids, rows])], { to: 1 });
    return builder.reshape(builder.matmul(oneHot, positionsFirst(builder, factors.delta)), [
      batch,
      size,
    ]);
  }
  const { u, delta } = factors;
  if (site.kind === "convolution") {
    const [outputs, channels] = shape as [number, number];
    const gradient = outerGradient(builder, u, delta);
    const split = builder.reshape(gradient, [
      batch,
      outputs,
      size / (outputs * channels),
      channels,
    ]);
    return builder.reshape(builder.transpose(split, [0, 1, 3, 2]), [batch, size]);
  }
  const isTransposed = site.kind === "dense" && site.order === "out-in";
  const gradient = isTransposed
    ? outerGradient(builder, u, delta)
    : builder.matmul(featuresFirst(builder, u), positionsFirst(builder, delta));
  return builder.reshape(gradient, [batch, size]);
}

/**
 * A value in the shape of a site's weight, as the matrix that the site's outer product gives:
 * [groups * outputs, inputs]. The way back of {@link storedGradient}.
 */
export function asOuter(forward: Forward, site: Site, value: string): string {
  const { builder } = forward;
  const shape = forward.type(site.weight).shape;
  if (site.kind === "convolution") {
    const [outputs = 1, channels = 1] = shape;
    const taps = shape.slice(2).reduce((product, n) => product * n, 1);
    const split = builder.reshape(value, [outputs, channels, taps]);
    return builder.reshape(builder.transpose(split, [0, 2, 1]), [outputs, taps * channels]);
  }
  return site.kind === "dense" && site.order === "in-out"
    ? builder.transpose(value, [1, 0])
    : value;
}

/** Adds the gradient of weight elements into the parameter elements that they are: [batch, size]. */
function pullBack(
  builder: GraphBuilder,
  gradient: string,
  elements: Int32Array,
  size: number,
  batch: number,
): string {
  const isIdentity =
    elements.length === size && elements.every((element, index) => element === index);
  if (isIdentity) {
    return gradient;
  }
  // Elements that do not count are added into one more place at the end, which is then cut off.
  const indices = Array.from(elements, (element) => (element < 0 ? size : element));
  const zeros = builder.constant(float32([batch, size + 1], new Float32Array(batch * (size + 1))));
  const expanded = builder.op("Expand", [
    builder.constant(int64([1, indices.length], indices)),
    builder.ints([batch, indices.length]),
  ]);
  const summed = builder.op("ScatterElements", [zeros, expanded, gradient], {
    axis: 1,
    reduction: "add",
  });
  return builder.op("Slice", [summed, builder.ints([0]), builder.ints([size]), builder.ints([1])]);
}
