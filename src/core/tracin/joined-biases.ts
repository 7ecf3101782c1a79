import type { SiteFactors } from "./factors.ts";
import type { SiteGroup } from "./layout.ts";
import type { GroupScale } from "./scaling.ts";

/** One group of sites with its gradient. */
export interface DifferentiatedGroup {
  readonly group: SiteGroup;
  readonly factors: SiteFactors;
  /** How its elements weigh, where parameters do not all weigh the same. */
  readonly scale: GroupScale | undefined;
}

/**
 * Joins the bias of a dense layer to its weight where both have one position and weigh the same:
 * (x.x' + 1)(delta.delta').
 */
export function withBiases(groups: readonly DifferentiatedGroup[]): readonly DifferentiatedGroup[] {
  const nodeOf = (group: SiteGroup) => (group.kind === "single" ? group.site.node.name : undefined);
  const joined = new Set<number>();
  const withBias = groups.map(({ group, factors, scale }) => {
    if (factors.kind !== "outer" || factors.u.positions !== 1 || factors.groups !== 1) {
      return { group, factors, scale };
    }
    const isUnscaled =
      group.kind === "single" && group.site.kind === "dense" && group.site.scale === 1;
    const bias = groups.findIndex(
      (other) =>
        isUnscaled &&
        other.group.kind === "single" &&
        other.group.site.kind === "bias" &&
        other.group.site.scale === 1 &&
        nodeOf(other.group) === nodeOf(group) &&
        isOneScale(scale, other.scale),
    );
    if (bias === -1) {
      return { group, factors, scale };
    }
    joined.add(bias);
    return { group, factors: { ...factors, bias: true }, scale };
  });
  return withBias.filter((_, index) => !joined.has(index));
}

function isOneScale(a: GroupScale | undefined, b: GroupScale | undefined): boolean {
  return a === undefined || (a.kind === "one" && b?.kind === "one" && a.value === b.value);
}
