import type { Engine } from "../engines/engine.ts";
import { TracInError } from "../errors.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { sizeOf, type Tensor } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";
import { layerOf } from "./layers.ts";
import type { Site } from "./sites.ts";

/**
 * Sites whose parameters do not overlap with any other site's: the inner product of gradients is the sum over
 * them. `merged` sites share one weight (or two that hold the same elements in the same order) and add their gradients
 * before the product (positions are joined); `pulledBack` sites share parameters in different layouts and are summed
 * element by element.
 */
export type SiteGroup = {
  /** Names of the counted parameters that it holds. */
  readonly parameters: readonly string[];
} & (
  | { readonly kind: "single"; readonly site: Site }
  | { readonly kind: "merged"; readonly sites: readonly Site[] }
  | {
      readonly kind: "pulledBack";
      readonly uses: readonly Use[];
      /** Number of parameter elements of the group; the parameters' elements follow each other in their order. */
      readonly size: number;
    }
);

/** Sites whose weights hold the same parameter elements in the same layout. */
export interface Use {
  readonly sites: readonly Site[];
  /** The parameter element (0 to size - 1) of each weight element; -1 where none counts. */
  readonly elements: Int32Array;
}

/** The sites of a group. */
export function sitesOf(group: SiteGroup): readonly Site[] {
  switch (group.kind) {
    case "single":
      return [group.site];
    case "merged":
      return group.sites;
    case "pulledBack":
      return group.uses.flatMap(({ sites }) => sites);
  }
}

/** Operators that only move elements, keeping every one of them once. */
const bijective = new Set(["Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"]);
/** Operators that move, drop or repeat elements. */
const moving = new Set([...bijective, "Split", "Slice", "Gather", "Concat", "Expand", "Cast"]);

/**
 * Groups sites by the parameters that they share.
 *
 * @param reference the double-precision engine, which carries element numbers exactly
 * @throws kind `model` when a weight is computed from parameters by arithmetic (weight normalisation)
 */
export async function groupSites(
  forward: Forward,
  sites: readonly Site[],
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<readonly SiteGroup[]> {
  const views = new Map<string, View>();
  for (const site of sites) {
    if (!views.has(site.weight)) {
      views.set(site.weight, viewOf(forward, site.weight, counted));
    }
  }
  const groups: SiteGroup[] = [];
  for (const members of connected(sites, views)) {
    groups.push(...(await groupsOf(forward, members, views, counted, reference)));
  }
  return groups;
}

interface View {
  /** Parameter-only nodes that make the weight, in graph order. */
  readonly nodes: readonly Node[];
  /** Counted parameters that it holds. */
  readonly parameters: readonly string[];
  /** True when it is one parameter with its elements at most rearranged. */
  readonly isWhole: boolean;
}

/** The nodes that lead from parameters to a site's weight, in graph order. */
export function weightNodes(forward: Forward, weight: string): readonly Node[] {
  return nodesBefore(forward, weight).nodes.filter((node) =>
    node.inputs.some((input) => forward.carriers.has(input)),
  );
}

/** The nodes that a value depends on, in graph order, and all values on the way. */
function nodesBefore(
  forward: Forward,
  value: string,
): { readonly nodes: readonly Node[]; readonly needed: ReadonlySet<string> } {
  const needed = new Set([value]);
  const nodes: Node[] = [];
  for (const node of forward.graph.nodes.toReversed()) {
    if (node.outputs.some((output) => needed.has(output))) {
      nodes.unshift(node);
      for (const input of node.inputs) {
        needed.add(input);
      }
    }
  }
  return { nodes, needed };
}

function viewOf(forward: Forward, weight: string, counted: ReadonlySet<string>): View {
  const { nodes, needed } = nodesBefore(forward, weight);
  const parameters = [...needed].filter((name) => counted.has(name));
  for (const node of nodes) {
    const carried = node.inputs.find((input) => forward.carriers.has(input));
    if (carried !== undefined && !moving.has(node.op)) {
      throw new TracInError(
        "model",
        `The weight "${weight}" is computed from the parameters ${parameters.join(", ")} by the operator ${node.op}; only rearranging operators are supported there.`,
        { node: node.name, layer: layerOf(parameters[0] ?? weight) },
        'Export the model with the computed weight as parameter, or leave the layer out with "layers" in tracin.json.',
      );
    }
  }
  const carrying = nodes.filter((node) => node.inputs.some((input) => forward.carriers.has(input)));
  const isWhole = parameters.length === 1 && carrying.every((node) => bijective.has(node.op));
  return { nodes, parameters, isWhole };
}

/** Sites that share a parameter, directly or through others, in graph order. */
function connected(sites: readonly Site[], views: ReadonlyMap<string, View>): Site[][] {
  const groups: { sites: Site[]; parameters: Set<string> }[] = [];
  for (const site of sites) {
    const parameters = new Set(views.get(site.weight)?.parameters);
    const touching = groups.filter((group) =>
      [...parameters].some((name) => group.parameters.has(name)),
    );
    const joined = {
      sites: [...touching.flatMap((group) => group.sites), site],
      parameters: new Set([...touching.flatMap((group) => [...group.parameters]), ...parameters]),
    };
    const rest = groups.filter((group) => !touching.includes(group));
    groups.splice(0, groups.length, ...rest, joined);
  }
  return groups.map((group) => group.sites);
}

async function groupsOf(
  forward: Forward,
  sites: readonly Site[],
  views: ReadonlyMap<string, View>,
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<readonly SiteGroup[]> {
  const first = sites[0] as Site;
  const isWhole = sites.every((site) => views.get(site.weight)?.isWhole);
  const parametersOf = (some: readonly Site[]): readonly string[] => [
    ...new Set(some.flatMap((site) => views.get(site.weight)?.parameters ?? [])),
  ];
  const together = (some: readonly Site[]): SiteGroup => {
    const [site] = some;
    const parameters = parametersOf(some);
    return some.length === 1 && site !== undefined
      ? { kind: "single", site, parameters }
      : { kind: "merged", sites: some, parameters };
  };
  const isAlike = sites.every(
    (site) => site.weight === first.weight && layoutOf(site) === layoutOf(first),
  );
  if (isWhole && isAlike) {
    return [together(sites)];
  }
  const names = parametersOf(sites);
  const offsets = new Map<string, number>();
  let size = 0;
  for (const name of names) {
    offsets.set(name, size);
    size += sizeOf(forward.type(name).shape);
  }
  const elements = new Map<string, Int32Array>();
  for (const weight of new Set(sites.map((site) => site.weight))) {
    const view = views.get(weight) as View;
    elements.set(weight, await trace(forward, weight, view, offsets, counted, reference));
  }
  const uses = usesOf(forward, sites, elements);
  if (isDisjoint(uses, size)) {
    return uses.map((use) => together(use.sites));
  }
  return [{ kind: "pulledBack", uses, parameters: names, size }];
}

/** What must be equal for the factors of two sites of one weight to be joined. */
function layoutOf(site: Site): string {
  return site.kind === "dense" ? `dense ${site.order}` : site.kind;
}

/** The sites by what they hold: a recurrent layer uses its weights once for each time step. */
function usesOf(
  forward: Forward,
  sites: readonly Site[],
  elements: ReadonlyMap<string, Int32Array>,
): readonly Use[] {
  const uses: { readonly sites: Site[]; readonly elements: Int32Array; readonly key: string }[] =
    [];
  for (const site of sites) {
    const held = elements.get(site.weight) as Int32Array;
    const key = `${layoutOf(site)} ${forward.type(site.weight).shape.join()}`;
    const known = uses.find((use) => use.key === key && isSame(use.elements, held));
    if (known) {
      known.sites.push(site);
    } else {
      uses.push({ sites: [site], elements: held, key });
    }
  }
  return uses;
}

function isSame(a: Int32Array, b: Int32Array): boolean {
  return a === b || (a.length === b.length && a.every((element, index) => element === b[index]));
}

/** True when every element counts and none appears twice: then the product of weights is the product of parameters. */
function isDisjoint(uses: readonly Use[], size: number): boolean {
  const seen = new Uint8Array(size);
  return uses.every(({ elements }) =>
    elements.every((element) => {
      if (element < 0 || seen[element] === 1) {
        return false;
      }
      seen[element] = 1;
      return true;
    }),
  );
}

/** Runs the parameter-only nodes on element numbers to learn which parameter element each weight element is. */
async function trace(
  forward: Forward,
  weight: string,
  view: View,
  offsets: ReadonlyMap<string, number>,
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<Int32Array> {
  const { shape } = forward.type(weight);
  const numbered = (name: string): Tensor => {
    const parameterShape = forward.type(name).shape;
    const offset = offsets.get(name);
    const data = new Float64Array(sizeOf(parameterShape));
    if (offset !== undefined && counted.has(name)) {
      for (let index = 0; index < data.length; index++) {
        data[index] = offset + index + 1;
      }
    }
    return { dtype: "float64", shape: parameterShape, data };
  };
  if (view.nodes.length === 0) {
    return toElements(numbered(weight));
  }
  const initializers = new Map<string, Tensor>();
  for (const name of view.nodes.flatMap((node) => node.inputs)) {
    const constant = forward.graph.initializers.get(name);
    const isWeight = forward.carriers.has(name) || constant?.dtype === "float32";
    const isLeaf =
      constant !== undefined || forward.graph.inputs.some((input) => input.name === name);
    if (isLeaf && isWeight) {
      initializers.set(name, numbered(name));
    } else if (constant !== undefined) {
      initializers.set(name, constant);
    }
  }
  const graph: Graph = {
    inputs: [],
    outputs: [{ name: weight, dtype: "float64", shape }],
    nodes: view.nodes,
    initializers,
    opset: forward.graph.opset,
  };
  const program = await reference.compile(graph);
  const values = await program.run(new Map());
  await program.dispose();
  const traced = values.get(weight);
  if (traced === undefined) {
    throw new TracInError("internal", `The layout of "${weight}" could not be followed.`);
  }
  return toElements(traced);
}

function toElements(numbered: Tensor): Int32Array {
  const elements = new Int32Array(numbered.data.length);
  for (let index = 0; index < elements.length; index++) {
    elements[index] = Math.round(Number(numbered.data[index])) - 1;
  }
  return elements;
}
