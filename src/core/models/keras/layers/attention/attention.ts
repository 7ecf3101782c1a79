import type { KerasTensor, LayerContext, LayerFamily } from "../../layer.ts";
import { maskAsFloat, unsqueeze } from "../../masks.ts";
import { isTensor, tensorsIn } from "../../references.ts";
import { checkKeywords } from "../../shapes.ts";
import { flagArgument } from "./arguments.ts";
import { range } from "./heads.ts";
import { attentionWeights, keptPairs, pairMask } from "./scores.ts";

/** Attention without projections: on [query, value] or [query, value, key]. */
export const attention: LayerFamily = {
  /** Scores: the product of query and key, or the sum of tanh(query + key); both with a trained scale. */
  Attention: (context) => {
    const { builder, layer } = context;
    const scale = layer.bool("use_scale", false) ? context.weight("scale", []) : undefined;
    const mode = layer.choice("score_mode", ["dot", "concat"], "dot");
    const weight = mode === "concat" ? context.weight("concat_score_weight", []) : undefined;
    const scaled = (value: string) => (scale === undefined ? value : builder.mul(value, scale));
    return attend(context, (query, key, rank) => {
      if (weight === undefined) {
        const turned = builder.transpose(key, [...range(0, rank - 2), rank - 1, rank - 2]);
        return scaled(builder.matmul(query, turned));
      }
      const tanh = builder.op("Tanh", [scaled(pairSum(context, query, key, rank))]);
      return builder.mul(builder.reduceSum(tanh, [rank]), weight);
    });
  },

  /** Scores: the sum of scale * tanh(query + key). */
  AdditiveAttention: (context, [query]) => {
    const { builder, layer } = context;
    layer.ignore("score_mode");
    const isScaled = layer.bool("use_scale", true);
    const width = query === undefined ? 1 : context.size(query, query.shape.length - 1);
    const scale = isScaled ? context.weight("scale", [width]) : undefined;
    return attend(context, (q, k, rank) => {
      const tanh = builder.op("Tanh", [pairSum(context, q, k, rank)]);
      const terms = scale === undefined ? tanh : builder.mul(tanh, scale);
      return builder.reduceSum(terms, [rank]);
    });
  },
};

/** query + key for every pair: [..., queries, keys, features]. */
function pairSum({ builder }: LayerContext, query: string, key: string, rank: number): string {
  return builder.add2(unsqueeze(builder, query, [rank - 1]), unsqueeze(builder, key, [rank - 2]));
}

function attend(
  context: LayerContext,
  scoresOf: (query: string, key: string, rank: number) => string,
): readonly KerasTensor[] {
  const { builder, layer, call } = context;
  layer.ignore("dropout");
  checkKeywords(context, ["inputs", "mask", "return_attention_scores", "use_causal_mask"]);
  const [query, value, key = value] = tensorsIn(call.args[0] ?? call.kwargs["inputs"]);
  if (query === undefined || value === undefined || key === undefined) {
    throw context.error(
      "The layer is not called with [query, value] or [query, value, key].",
      "Save the model again with Keras.",
    );
  }
  const { queryMask, valueMask } = masksOf(context, query, value);
  const rank = query.shape.length;
  if (rank !== 3 && (queryMask ?? valueMask) !== undefined) {
    throw context.error(
      "Masks of attention over values with more than one axis of positions are not read.",
      "Remove the mask, or put the positions on one axis, and save the model again.",
    );
  }
  const [queries, keys] = [context.size(query, rank - 2), context.size(key, rank - 2)];
  const causal = layer.bool("causal", false) || flagArgument(context, "use_causal_mask", 4);
  const scores = scoresOf(context.plain(query), context.plain(key), rank);
  const weights = attentionWeights(context, scores, {
    kept: keptPairs(context, pairMask(context, { value: valueMask }), 3, {
      queries,
      keys,
      causal,
      rank,
    }),
    unseen: "lowered",
  });
  const mixed = builder.matmul(weights, context.plain(value));
  const output =
    queryMask === undefined
      ? mixed
      : builder.mul(mixed, unsqueeze(builder, maskAsFloat(builder, queryMask), [2]));
  const lead = query.shape.slice(0, -1);
  const width = context.size(value, value.shape.length - 1);
  const result = context.tensor(output, [...lead, width], { mask: queryMask });
  return flagArgument(context, "return_attention_scores", 3)
    ? [result, context.tensor(weights, [...lead, keys])]
    : [result];
}

/** The masks of query and value: those of the argument `mask`, or those that come with the tensors. */
function masksOf({ call }: LayerContext, query: KerasTensor, value: KerasTensor) {
  const given = call.kwargs["mask"];
  if (Array.isArray(given)) {
    const [queryMask, valueMask] = given.map((mask) => (isTensor(mask) ? mask.value : undefined));
    return { queryMask, valueMask };
  }
  return { queryMask: query.mask, valueMask: value.mask };
}
