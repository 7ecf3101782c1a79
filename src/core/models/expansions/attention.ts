import { floatAttribute, intAttribute, type Node } from "../../graph/graph.ts";
import { float32 } from "../../graph/tensor.ts";
import { int } from "../conversion.ts";
import { Expander, type Expansion, type Size } from "./expansion.ts";

/** What is added to the score of a place that is left out: its exponential is 0, and rounding leaves nothing of a score. */
const leftOut = -1e30;

/** One of query, key and value as [batch, heads, positions, size]. */
interface Heads {
  readonly value: string;
  readonly batch: Size;
  readonly heads: number;
  readonly positions: number;
  readonly size: number;
}

/**
 * Scaled dot product attention (operator sets 23 to 25): softmax(c tanh(s Q K^T / c) + bias) V, where the bias leaves out what the mask, causality
 * and the window do. A query all of whose places are left out gets zeros. Several query heads may share one of key and value.
 */
export function attention(expansion: Expansion): readonly Node[] {
  const { node, fail } = expansion;
  const [q = "", k = "", v = "", mask = "", ...cache] = node.inputs;
  if (cache.some((name) => name !== "") || node.outputs.slice(1).some(expansion.isUsed)) {
    return fail(
      "Attention with a cache of keys and values, or with its scores as an output, is not supported.",
      "Export the model without a cache (use_cache=False), as it was trained.",
    );
  }
  const nodes = new Expander(expansion);
  const end = (value: string): readonly Node[] => [
    ...nodes.made(),
    {
      op: "Identity",
      name: node.name,
      inputs: [value],
      outputs: node.outputs.slice(0, 1),
      attributes: {},
    },
  ];
  const query = headsOf(nodes, q, "q_num_heads");
  const key = headsOf(nodes, k, "kv_num_heads");
  const value = headsOf(nodes, v, "kv_num_heads");
  const shared = query.heads / key.heads;
  if (!Number.isInteger(shared) || key.heads !== value.heads) {
    return fail(
      `${query.heads} heads of queries do not share ${key.heads} of keys and ${value.heads} of values.`,
    );
  }
  const scale = floatAttribute(node, "scale", 1 / Math.sqrt(query.size));
  const scaled = nodes.apply("Mul", [query.value, nodes.scalar("scale", scale)]);
  // [batch, heads of keys, queries that share one, positions, size]
  const grouped = (heads: Heads, held: string, size: number): string =>
    nodes.reshape(held, [heads.batch, key.heads, shared, heads.positions, size]);
  const single = (held: string): string => nodes.unsqueeze(held, 2);
  const turned = nodes.transpose(single(key.value), [0, 1, 2, 4, 3]);
  const products = nodes.apply("MatMul", [grouped(query, scaled, query.size), turned]);
  const scores = capped(
    nodes,
    nodes.reshape(products, [query.batch, query.heads, query.positions, key.positions]),
  );
  const { bias, mayLeaveOutAll } = biasOf(nodes, mask, query.positions, key.positions);
  const biased = bias === undefined ? scores : nodes.apply("Add", [scores, bias]);
  const weights = nodes.apply("Softmax", [biased], { axis: int(-1) });
  const sums = nodes.apply("MatMul", [grouped(query, weights, key.positions), single(value.value)]);
  let result = nodes.reshape(sums, [query.batch, query.heads, query.positions, value.size]);
  if (bias !== undefined && mayLeaveOutAll) {
    result = nodes.apply("Mul", [result, hasPlace(nodes, bias)]);
  }
  if (expansion.sizes(q).length === 4) {
    return end(result);
  }
  const merged = nodes.reshape(nodes.transpose(result, [0, 2, 1, 3]), [
    query.batch,
    query.positions,
    query.heads * value.size,
  ]);
  return end(merged);
}

/** [batch, heads, positions, size], from that or from [batch, positions, heads * size]. */
function headsOf(nodes: Expander, value: string, attribute: string): Heads {
  const { node, sizes, fail } = nodes.expansion;
  const [batch, ...others] = sizes(value);
  if (others.some((size) => size === undefined)) {
    return fail("The length of a sequence is not fixed by the data.");
  }
  const known = others.map((size) => size ?? 0);
  if (known.length === 3) {
    const [heads = 0, positions = 0, size = 0] = known;
    return { value, batch, heads, positions, size };
  }
  const [positions = 0, width = 0] = known;
  const heads = intAttribute(node, attribute, 0);
  if (known.length !== 2 || heads <= 0 || width % heads !== 0) {
    return fail(`${width} numbers at a position are not divided into ${heads} heads.`);
  }
  const size = width / heads;
  const split = nodes.reshape(value, [batch, positions, heads, size]);
  return { value: nodes.transpose(split, [0, 2, 1, 3]), batch, heads, positions, size };
}

function capped(nodes: Expander, scores: string): string {
  const cap = floatAttribute(nodes.expansion.node, "softcap", 0);
  if (cap === 0) {
    return scores;
  }
  const bound = nodes.scalar("softcap", cap);
  return nodes.apply("Mul", [nodes.apply("Tanh", [nodes.apply("Div", [scores, bound])]), bound]);
}

/** What is added to the scores [queries, keys], and whether it may leave out all places of a query. */
function biasOf(
  nodes: Expander,
  mask: string,
  queries: number,
  keys: number,
): { readonly bias: string | undefined; readonly mayLeaveOutAll: boolean } {
  const { node, sizes, dtype, fail, add } = nodes.expansion;
  const isCausal = intAttribute(node, "is_causal", 0) !== 0;
  const left = intAttribute(node, "left_window_size", -1);
  const right = intAttribute(node, "right_window_size", -1);
  const places = Array.from({ length: queries * keys }, (_, index) => {
    const ahead = (index % keys) - Math.floor(index / keys);
    const isSeen =
      !(isCausal && ahead > 0) && !(left >= 0 && -ahead > left) && !(right >= 0 && ahead > right);
    return isSeen ? 0 : leftOut;
  });
  const order = places.some((place) => place !== 0)
    ? add("order", float32([queries, keys], places))
    : undefined;
  if (mask === "") {
    // Without a window every query sees the first key.
    return { bias: order, mayLeaveOutAll: left >= 0 || right >= 0 };
  }
  if (![1, keys].includes(sizes(mask).at(-1) ?? 0)) {
    return fail(`The mask does not have the ${keys} keys as its last axis.`);
  }
  let given: string;
  if (dtype(mask) === "bool") {
    const seen = nodes.apply("Cast", [mask], { to: int(1) });
    const unseen = nodes.apply("Sub", [seen, nodes.scalar("one", 1)]);
    given = nodes.apply("Mul", [unseen, nodes.scalar("leftOut", -leftOut)]);
  } else {
    // Minus infinity would give not-a-number where it is all that there is.
    given = nodes.apply("Max", [mask, nodes.scalar("bound", leftOut)]);
  }
  const bias = order === undefined ? given : nodes.apply("Add", [given, order]);
  return { bias, mayLeaveOutAll: true };
}

/** 1 where a query has a place that is not left out, else 0; [..., 1]. */
function hasPlace(nodes: Expander, bias: string): string {
  const largest = nodes.apply("ReduceMax", [bias, nodes.ints("last", [-1])], { keepdims: int(1) });
  const isPlace = nodes.apply("Greater", [largest, nodes.scalar("half", leftOut / 2)]);
  return nodes.apply("Cast", [isPlace], { to: int(1) });
}
