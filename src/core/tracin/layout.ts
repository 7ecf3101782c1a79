import type { Engine } from "../engines/engine.ts";
import { sameShape, sizeOf } from "../graph/tensor.ts";
import type { Forward } from "./forward.ts";
import type { Site } from "./sites.ts";
import { makersOf, trace, type View, viewOf } from "./views.ts";

/**
 * Sites whose parameters do not overlap with any other site's: the inner product of gradients is the sum over
 * them. `merged` sites share one weight (or hold the same elements in the same layout) and add their gradients before the
 * product (positions are joined); a `tied` table is looked up at some of them and multiplied with at others; `pulledBack`
 * sites share parameters in different layouts and are summed element by element; the weights of `computed` ones are made
 * of the parameters by arithmetic.
 */
export type SiteGroup = {
  /** Names of the counted parameters that it holds. */
  readonly parameters: readonly string[];
} & (
  | { readonly kind: "single"; readonly site: Site }
  | {
      readonly kind: "merged" | "tied";
      readonly sites: readonly Site[];
      /**
       * For each site, whether inputs and outputs change places: where it has the matrix turned over against the first
       * site or, in a tied table [rows, features], where inputs lie along the features.
       */
      readonly turned: readonly boolean[];
    }
  | {
      readonly kind: "pulledBack";
      readonly uses: readonly TracedUse[];
      /** Number of parameter elements of the group; the parameters' elements follow each other in their order. */
      readonly size: number;
    }
  | { readonly kind: "computed"; readonly uses: readonly Use[]; readonly size: number }
);

/** The sites of a group. */
export function sitesOf(group: SiteGroup): readonly Site[] {
  switch (group.kind) {
    case "single":
      return [group.site];
    case "pulledBack":
    case "computed":
      return group.uses.flatMap(({ sites }) => sites);
    default:
      return group.sites;
  }
}

/**
 * Groups sites by the parameters that they share.
 *
 * @param reference the double-precision engine, which carries element numbers exactly
 */
export async function groupSites(
  forward: Forward,
  sites: readonly Site[],
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<readonly SiteGroup[]> {
  const makers = makersOf(forward);
  const views = new Map<string, View>();
  const uses = new Map<string, Use>();
  for (const site of sites) {
    const view = views.get(site.weight) ?? viewOf(forward, makers, site.weight, counted);
    views.set(site.weight, view);
    const key = `${likeness(site)} ${site.weight}`;
    const known = uses.get(key);
    const { weight } = site;
    uses.set(key, {
      weight,
      view,
      likeness: likeness(site),
      sites: [...(known?.sites ?? []), site],
    });
  }
  const groups: SiteGroup[] = [];
  for (const members of connected([...uses.values()])) {
    groups.push(...(await groupsOf(forward, members, counted, reference)));
  }
  return groups;
}

/** Sites of one weight whose factors are alike, so that they can be joined. */
export interface Use {
  readonly weight: string;
  readonly likeness: string;
  readonly view: View;
  readonly sites: readonly Site[];
}

/** Sites of a weight with the same answer have factors of the same kind in the same layout. */
function likeness(site: Site): string {
  switch (site.kind) {
    case "dense":
      return `dense ${site.order}`;
    case "convolution":
      return site.transposed ? "transposed convolution" : "convolution";
    case "embedding":
      return "embedding";
    default:
      return "vector";
  }
}

/** Uses that share a parameter, directly or through others, in graph order. */
function connected(uses: readonly Use[]): readonly (readonly Use[])[] {
  let groups: { uses: Use[]; parameters: Set<string> }[] = [];
  for (const use of uses) {
    const { parameters } = use.view;
    const touching = groups.filter((group) =>
      parameters.some((name) => group.parameters.has(name)),
    );
    const joined = {
      uses: [...touching.flatMap((group) => group.uses), use],
      parameters: new Set([...touching.flatMap((group) => [...group.parameters]), ...parameters]),
    };
    groups = [...groups.filter((group) => !touching.includes(group)), joined];
  }
  return groups.map((group) => group.uses);
}

async function groupsOf(
  forward: Forward,
  uses: readonly Use[],
  counted: ReadonlySet<string>,
  reference: Engine,
): Promise<readonly SiteGroup[]> {
  const parameters = [...new Set(uses.flatMap(({ view }) => view.parameters))];
  const [first] = uses;
  if (uses.length === 1 && first?.view.isWhole) {
    return [groupOf(first)];
  }
  const matrix = matrixGroup(uses, parameters);
  if (matrix !== undefined) {
    return [matrix];
  }
  const offsets = new Map<string, number>();
  let size = 0;
  for (const name of parameters) {
    offsets.set(name, size);
    size += sizeOf(forward.type(name).shape);
  }
  if (uses.some(({ view }) => view.isComputed)) {
    return [{ kind: "computed", uses, parameters, size }];
  }
  const traced: TracedUse[] = [];
  for (const use of uses) {
    const elements = await trace(forward, use.weight, use.view, offsets, counted, reference);
    const known = traced.find((other) => holdsSame(forward, other, { ...use, elements }));
    if (known === undefined) {
      traced.push({ ...use, elements });
    } else {
      traced.splice(traced.indexOf(known), 1, { ...known, sites: [...known.sites, ...use.sites] });
    }
  }
  return isDisjoint(traced, size)
    ? traced.map(groupOf)
    : [{ kind: "pulledBack", uses: traced, parameters, size }];
}

interface TracedUse extends Use {
  /** The parameter element (0 to size - 1) of each weight element; -1 where none counts. */
  readonly elements: Int32Array;
}

/** True for two weights that hold the same elements in the same layout: a weight that is cut out anew for every time step. */
function holdsSame(forward: Forward, a: TracedUse, b: TracedUse): boolean {
  return (
    a.likeness === b.likeness &&
    sameShape(forward.type(a.weight).shape, forward.type(b.weight).shape) &&
    a.elements.every((element, index) => element === b.elements[index])
  );
}

/** The group of a weight that shares its parameters' elements with no other. */
function groupOf({ sites, view: { parameters } }: Use): SiteGroup {
  const [site] = sites;
  return sites.length === 1 && site !== undefined
    ? { kind: "single", site, parameters }
    : { kind: "merged", sites, turned: sites.map(() => false), parameters };
}

/** Products with one matrix, as it is stored or turned over, and lookups of its rows: their factors can be joined. */
function matrixGroup(uses: readonly Use[], parameters: readonly string[]): SiteGroup | undefined {
  const isProduct = ({ view, sites }: Use) =>
    view.matrix !== undefined && sites.every(({ kind }) => kind === "dense");
  const isLookup = ({ view, sites }: Use) =>
    view.matrix === "stored" && sites.every(({ kind }) => kind === "embedding");
  if (!uses.every((use) => isProduct(use) || isLookup(use))) {
    return undefined;
  }
  const placed = uses.flatMap(({ view, sites }) =>
    sites.map((site) => ({
      site,
      isAlongRows:
        site.kind === "dense" && (site.order === "out-in") === (view.matrix === "stored"),
    })),
  );
  const isTied = uses.some(isLookup);
  return {
    kind: isTied ? "tied" : "merged",
    sites: placed.map(({ site }) => site),
    turned: placed.map(
      ({ site, isAlongRows }) =>
        site.kind === "dense" && isAlongRows !== (!isTied && placed[0]?.isAlongRows === true),
    ),
    parameters,
  };
}

/** True when every element counts and none appears twice: then the product of weights is the product of parameters. */
function isDisjoint(parts: readonly { readonly elements: Int32Array }[], size: number): boolean {
  const seen = new Uint8Array(size);
  return parts.every(({ elements }) =>
    elements.every((element) => {
      if (element < 0 || seen[element] === 1) {
        return false;
      }
      seen[element] = 1;
      return true;
    }),
  );
}
