import type { KerasTensor, LayerContext, LayerFamily } from "../../layer.ts";
import { asBool, unsqueeze } from "../../masks.ts";
import { tensorsIn } from "../../references.ts";
import { checkKeywords } from "../../shapes.ts";
import { flagArgument, integersOf, tensorArgument } from "./arguments.ts";
import { type AttentionAxes, fromHeads, positionsOf, range, sizesOf, toHeads } from "./heads.ts";
import { attentionWeights, keptPairs, pairMask, type Unseen } from "./scores.ts";

/** Attention with several heads, each with projections of its own. */
export const multiHeadAttention: LayerFamily = {
  MultiHeadAttention: (context) => {
    const { layer } = context;
    layer.ignore("query_shape", "key_shape", "value_shape");
    const heads = layer.int("num_heads");
    const keySize = layer.int("key_dim");
    const results = attend(context, {
      heads,
      keyHeads: heads,
      keySize,
      valueSize: layer.int("value_dim", keySize),
    });
    if (context.minor >= 8) {
      // Since Keras 3.8 the layer takes the masks off the values that it is called with.
      tensorsIn([...context.call.args, ...Object.values(context.call.kwargs)]).forEach((tensor) => {
        context.dropMask(tensor);
      });
    }
    return results;
  },

  /** Groups of queries share a head of keys and values. */
  GroupQueryAttention: (context) => {
    const { layer } = context;
    const size = layer.int("head_dim");
    const [heads, keyHeads] = [layer.int("num_query_heads"), layer.int("num_key_value_heads")];
    if (heads % keyHeads !== 0) {
      throw context.error(
        `${heads} heads of queries cannot share ${keyHeads} heads of keys.`,
        "Save the model again with Keras.",
      );
    }
    return attend(context, { heads, keyHeads, keySize: size, valueSize: size });
  },
};

interface Heads {
  readonly heads: number;
  /** Heads of keys and values; each serves `heads / keyHeads` heads of queries that follow each other. */
  readonly keyHeads: number;
  readonly keySize: number;
  readonly valueSize: number;
}

const keywords = [
  "query",
  "value",
  "key",
  "query_mask",
  "value_mask",
  "key_mask",
  "attention_mask",
  "return_attention_scores",
  "use_causal_mask",
];

/** softmax(q k' / sqrt(size)) v for every head, projected; then the weights, where the call wants them. */
function attend(
  context: LayerContext,
  { heads, keyHeads, keySize, valueSize }: Heads,
): readonly KerasTensor[] {
  const { builder, layer } = context;
  layer.ignore("dropout", "flash_attention");
  checkKeywords(context, keywords);
  const { query, value, key } = inputsOf(context);
  const axes = axesOf(context, query);
  const shared = heads / keyHeads;
  const q = toHeads(context, query, "query", axes, { heads, size: keySize });
  const k = toHeads(context, key ?? value, "key", axes, { heads: keyHeads, size: keySize });
  const gate = layer.bool("use_gate", false)
    ? toHeads(context, query, "gate", axes, { heads, size: valueSize })
    : undefined;
  const v = toHeads(context, value, "value", axes, { heads: keyHeads, size: valueSize });
  const others = sizesOf(context, query, axes.others);
  const [queries, keys] = [query, value].map((x) => positionsOf(context, x, axes)) as [
    number,
    number,
  ];
  /** [..., heads, rows, columns] with the heads in groups, and back. */
  const grouped = (x: string, rows: number, columns: number) =>
    shared === 1 ? x : builder.reshape(x, [-1, ...others, keyHeads, shared, rows, columns]);
  const joined = (x: string, rows: number, columns: number) =>
    shared === 1 ? x : builder.reshape(x, [-1, ...others, heads, rows, columns]);
  const forAll = (x: string) =>
    shared === 1 ? x : unsqueeze(builder, x, [axes.others.length + 2]);

  const scaled = builder.mul(q, builder.scalar(1 / Math.sqrt(keySize)));
  const rank = axes.others.length + 4;
  const turned = builder.transpose(k, [...range(0, rank - 2), rank - 1, rank - 2]);
  const scores = builder.matmul(grouped(scaled, queries, keySize), forAll(turned));
  const weights = attentionWeights(context, joined(scores, queries, keys), {
    kept: keptOf(context, { query, value, key }, { queries, keys, rank }),
    unseen: unseenOf(context, query),
  });
  const mixed = joined(
    builder.matmul(grouped(weights, queries, keys), forAll(v)),
    queries,
    valueSize,
  );
  const gated = gate === undefined ? mixed : builder.mul(mixed, builder.op("Sigmoid", [gate]));
  const output = fromHeads(context, gated, query, axes, {
    heads,
    size: valueSize,
    outputs: integersOf(context, "output_shape") ?? [context.size(query, query.shape.length - 1)],
  });
  const result = query.mask === undefined ? output : { ...output, mask: query.mask };
  if (!flagArgument(context, "return_attention_scores", context.version === 3 ? 7 : 4)) {
    return [result];
  }
  const [from, to] = [query, value].map((x) => sizesOf(context, x, axes.attended));
  const shape = [...others, heads, ...(from ?? []), ...(to ?? [])];
  const returned = axes.attended.length === 1 ? weights : builder.reshape(weights, [-1, ...shape]);
  return [result, context.tensor(returned, [null, ...shape])];
}

function inputsOf(context: LayerContext) {
  const query = tensorArgument(context, "query", 0);
  const value = tensorArgument(context, "value", 1);
  if (query === undefined || value === undefined) {
    throw context.error(
      "The layer is called without a query or without a value.",
      "Save the model again with Keras.",
    );
  }
  return { query, value, key: tensorArgument(context, "key", 2) };
}

/** See {@link Unseen}: Keras has changed it several times. */
function unseenOf(context: LayerContext, query: KerasTensor): Unseen {
  const { layer, minor } = context;
  const isRobust = layer.bool("softmax_robust_masking", false);
  const isFused =
    minor >= 7 &&
    layer.number("dropout", 0) === 0 &&
    query.shape.length === 3 &&
    !flagArgument(context, "return_attention_scores", context.version === 3 ? 7 : 4);
  if (isFused || isRobust || minor === 13) {
    return "replaced";
  }
  return minor >= 14 ? "zeroed" : "lowered";
}

/** The axes that are attended over: all between batch and features unless told. */
function axesOf(context: LayerContext, query: KerasTensor): AttentionAxes {
  const rank = query.shape.length;
  const middle = range(1, rank - 1);
  const given = integersOf(context, "attention_axes")?.map((axis) =>
    axis < 0 ? axis + rank : axis,
  );
  const attended = given ?? middle;
  if (attended.length === 0 || !attended.every((axis) => middle.includes(axis))) {
    throw context.error(
      `The layer cannot attend over the axes ${attended.join(", ")} of a value with ${rank} axes.`,
      "Save the model again with Keras.",
    );
  }
  return { attended, others: middle.filter((axis) => !attended.includes(axis)) };
}

/** 1 where a query may see a key; undefined where all may see all. */
function keptOf(
  context: LayerContext,
  { query, value, key }: ReturnType<typeof inputsOf>,
  sizes: { readonly queries: number; readonly keys: number; readonly rank: number },
): string | undefined {
  const { layer, builder } = context;
  const given = tensorArgument(context, "attention_mask", context.version === 3 ? 6 : 3);
  const causal = flagArgument(context, "use_causal_mask", context.version === 3 ? 9 : 6);
  const window =
    layer.raw("sliding_window") === undefined ? undefined : layer.int("sliding_window");
  const mask = pairMask(context, {
    query: query.mask,
    value: tensorArgument(context, "value_mask")?.value ?? value.mask,
    key: key && (tensorArgument(context, "key_mask")?.value ?? key.mask),
    pairs: given && asBool(builder, context.plain(given)),
  });
  const isPlain = query.shape.length === 3;
  if (!isPlain && (mask !== undefined || causal || window !== undefined)) {
    throw context.error(
      "Masks of attention over values with more than one axis of positions are not read.",
      "Remove the mask, or put the positions on one axis, and save the model again.",
    );
  }
  return keptPairs(context, mask, given?.shape.length ?? 3, { causal, window, ...sizes });
}
