import type { GraphBuilder } from "../graph/builder.ts";
import { positionsFirst, type SiteFactors } from "../tracin/factors.ts";
import { rowsGradient } from "../tracin/forms/rows.ts";
import { tiedGradient } from "../tracin/forms/tied.ts";
import type { Forward } from "../tracin/forward.ts";
import { outerGradient } from "../tracin/gradients.ts";

/** The gradient of each example, written out: [batch, elements], each row of a matrix followed by `pad` zeros. */
export function wholeGradient(forward: Forward, factors: SiteFactors, pad = 0): string {
  const { builder, batch } = forward;
  switch (factors.kind) {
    case "vector":
      return factors.value;
    case "rows":
      return builder.reshape(rowsGradient(builder, factors, batch, false), [batch, -1]);
    case "tied":
      return builder.reshape(tiedGradient(builder, factors, batch), [batch, -1]);
    case "outer": {
      const { u, delta } = factors;
      if (pad === 0) {
        return builder.reshape(outerGradient(builder, u, delta), [batch, -1]);
      }
      const wide = {
        ...u,
        layout: "PF",
        features: u.features + pad,
        value: zeroPadded(builder, positionsFirst(builder, u), [0, pad], 3),
      } as const;
      return builder.reshape(outerGradient(builder, wide, delta), [batch, -1]);
    }
  }
}

/** A value with zeros before and behind its last axis. */
export function zeroPadded(
  builder: GraphBuilder,
  value: string,
  [before, behind]: readonly [number, number],
  rank = 2,
): string {
  if (before === 0 && behind === 0) {
    return value;
  }
  const none = Array.from({ length: rank - 1 }, () => 0);
  return builder.op("Pad", [value, builder.ints([...none, before, ...none, behind])]);
}
