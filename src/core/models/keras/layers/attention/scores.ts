import { float32 } from "../../../../graph/tensor.ts";
import type { LayerContext } from "../../layer.ts";
import { both, maskAsFloat, unsqueeze } from "../../masks.ts";

/** Taken from the score of a masked pair: its weight becomes 0 (float32 keeps no digit of the score beside it). */
const masked = 1e9;

/** The masks that attention knows, each bool. */
export interface AttentionMasks {
  /** [batch, queries] */
  readonly query?: string | undefined;
  /** [batch, keys] */
  readonly value?: string | undefined;
  /** [batch, keys] */
  readonly key?: string | undefined;
  /** [batch, queries, keys] or more axes in between. */
  readonly pairs?: string | undefined;
}

/** All masks as one; undefined where there is none. */
export function pairMask(
  { builder }: LayerContext,
  { query, value, key, pairs }: AttentionMasks,
): string | undefined {
  const of = (mask: string | undefined, axis: number) => mask && unsqueeze(builder, mask, [axis]);
  return both(builder, of(query, 2), of(value, 1), of(key, 1), pairs);
}

/** Which pairs of [queries, keys] count whatever the data. */
export interface PairRule {
  readonly queries: number;
  readonly keys: number;
  /** No query sees a key behind it. */
  readonly causal: boolean;
  /** No query sees a key this far away or farther. */
  readonly window?: number | undefined;
  /** Number of axes of the scores. */
  readonly rank: number;
}

/** Float32, 1 where a pair counts, in a shape that broadcasts to the scores; undefined where all do. */
export function keptPairs(
  context: LayerContext,
  mask: string | undefined,
  maskRank: number,
  rule: PairRule,
): string | undefined {
  const { builder } = context;
  const constant = rule.causal || rule.window !== undefined ? ruled(context, rule) : undefined;
  if (mask === undefined) {
    return constant;
  }
  // Axes of heads stand between the batch and the pairs.
  const missing = Math.max(0, rule.rank - maskRank);
  const axes = Array.from({ length: missing }, (_, index) => index + Math.min(1, maskRank - 2));
  const kept = unsqueeze(builder, maskAsFloat(builder, mask), axes);
  return constant === undefined ? kept : builder.mul(kept, constant);
}

function ruled({ builder }: LayerContext, { queries, keys, causal, window }: PairRule): string {
  const counts = Float32Array.from({ length: queries * keys }, (_, index) => {
    const [query, key] = [Math.floor(index / keys), index % keys];
    const isBehind = causal && key > query;
    const isFar = window !== undefined && Math.abs(query - key) >= window;
    return isBehind || isFar ? 0 : 1;
  });
  return builder.constant(float32([queries, keys], counts));
}

/**
 * What happens to a query that sees no key at all; everywhere else the three agree. `lowered`: equal weights, whose
 * gradient still reaches the scores. `replaced`: equal weights without such a gradient. `zeroed`: no weights.
 */
export type Unseen = "lowered" | "replaced" | "zeroed";

/** Weights of the keys: softmax of the scores over the last axis, pairs that do not count left out. */
export function attentionWeights(
  { builder }: LayerContext,
  scores: string,
  { kept, unseen }: { readonly kept: string | undefined; readonly unseen: Unseen },
): string {
  if (kept === undefined) {
    return builder.op("Softmax", [scores], { axis: -1 });
  }
  const lowered = builder.mul(builder.sub(kept, builder.scalar(1)), builder.scalar(masked));
  const left = unseen === "lowered" ? scores : builder.mul(scores, kept);
  const weights = builder.op("Softmax", [builder.add2(left, lowered)], { axis: -1 });
  return unseen === "zeroed" ? builder.mul(weights, kept) : weights;
}
