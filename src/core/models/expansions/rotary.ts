import { intAttribute, type Node } from "../../graph/graph.ts";
import { Expander, type Expansion } from "./expansion.ts";

/**
 * Rotary position embedding (operator set 23): pairs of numbers of each position are turned by the angles of that position,
 * (a, b) -> (a cos - b sin, a sin + b cos). x is [batch, heads, positions, size] or [batch, positions, heads * size]; a pair is one number of each half, or
 * two neighbours (`interleaved`).
 */
export function rotaryEmbedding(expansion: Expansion): readonly Node[] {
  const { node, sizes, fail } = expansion;
  const nodes = new Expander(expansion);
  const [x = "", cosCache = "", sinCache = "", positions = ""] = node.inputs;
  const whole = sizes(x);
  const isFlat = whole.length === 3;
  const heads = isFlat ? intAttribute(node, "num_heads", 0) : (whole[1] ?? 0);
  const width = whole.at(-1) ?? 0;
  if (isFlat && (heads <= 0 || width % heads !== 0)) {
    return fail(`${width} numbers at a position are not divided into ${heads} heads.`);
  }
  const size = isFlat ? width / heads : width;
  const turned = intAttribute(node, "rotary_embedding_dim", 0) || size;
  const half = turned / 2;
  if (!Number.isInteger(half) || turned > size) {
    return fail(`${turned} of ${size} numbers cannot be turned in pairs.`);
  }
  // The heads are axis 2 of a flat input that was split, else axis 1.
  const split = isFlat ? [whole[0], whole[1], heads, size] : whole;
  const value = isFlat ? nodes.reshape(x, split) : x;
  const angles = (cache: string): string => {
    const rows = positions === "" ? cache : nodes.apply("Gather", [cache, positions]);
    return nodes.unsqueeze(rows, isFlat ? 2 : 1);
  };
  const [cos, sin] = [angles(cosCache), angles(sinCache)];
  const moving = turned === size ? value : nodes.slice(value, 3, 0, turned);
  const isInterleaved = intAttribute(node, "interleaved", 0) !== 0;
  const pairs = isInterleaved ? nodes.reshape(moving, [...split.slice(0, 3), half, 2]) : moving;
  const part = (index: number): string =>
    isInterleaved
      ? nodes.at(pairs, 4, index)
      : nodes.slice(moving, 3, index * half, (index + 1) * half);
  const [a, b] = [part(0), part(1)];
  const product = (left: string, right: string): string => nodes.apply("Mul", [left, right]);
  const real = nodes.apply("Sub", [product(a, cos), product(b, sin)]);
  const imaginary = nodes.apply("Add", [product(a, sin), product(b, cos)]);
  const joined = isInterleaved
    ? nodes.reshape(nodes.concat([nodes.unsqueeze(real, 4), nodes.unsqueeze(imaginary, 4)], 4), [
        ...split.slice(0, 3),
        turned,
      ])
    : nodes.concat([real, imaginary], 3);
  const result =
    turned === size ? joined : nodes.concat([joined, nodes.slice(value, 3, turned, size)], 3);
  return nodes.end("Identity", [isFlat ? nodes.reshape(result, whole) : result]);
}
