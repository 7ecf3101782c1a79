import { floatAttribute, intAttribute, type Node } from "../../graph/graph.ts";
import { int } from "../conversion.ts";
import { Expander, type Expansion } from "./expansion.ts";

/** (x - mean) / sqrt(variance + epsilon) over the positions of each channel, times scale, plus bias: [batch, channels, ...]. */
export function instanceNormalization(expansion: Expansion): readonly Node[] {
  const { node } = expansion;
  const nodes = new Expander(expansion);
  const [x = "", scale = "", bias = ""] = node.inputs;
  const rank = expansion.sizes(x).length;
  const axes = Array.from({ length: rank - 2 }, (_, index) => index + 2);
  const channel = (value: string): string =>
    nodes.unsqueeze(value, ...axes.map((axis) => axis - 1));
  const scaled = nodes.apply("Mul", [standardised(nodes, x, axes), channel(scale)]);
  return nodes.end("Add", [scaled, channel(bias)]);
}

/**
 * The same over groups of channels. Before operator set 21 scale and bias have an entry for each group, from then on one for
 * each channel (which the conversion to our operator set marks as `per_channel`).
 */
export function groupNormalization(expansion: Expansion): readonly Node[] {
  const { node, fail } = expansion;
  const nodes = new Expander(expansion);
  const [x = "", scale = "", bias = ""] = node.inputs;
  const sizes = expansion.sizes(x);
  const groups = intAttribute(node, "num_groups", 0);
  const channels = sizes[1] ?? 0;
  if (groups <= 0 || channels % groups !== 0) {
    return fail(`${channels} channels are not divided into ${groups} groups.`);
  }
  const inGroups = nodes.apply("Reshape", [x, nodes.ints("groups", [0, groups, -1])]);
  const standard = standardised(nodes, inGroups, [2]);
  const back = (value: string): string => nodes.reshape(value, sizes);
  const axes = sizes.slice(2).map((_, index) => index + 1);
  if (intAttribute(node, "per_channel", 0) === 0) {
    const scaled = nodes.apply("Mul", [standard, nodes.unsqueeze(scale, 1)]);
    const shifted = nodes.apply("Add", [scaled, nodes.unsqueeze(bias, 1)]);
    return nodes.end("Identity", [back(shifted)]);
  }
  const scaled = nodes.apply("Mul", [back(standard), nodes.unsqueeze(scale, ...axes)]);
  return nodes.end("Add", [scaled, nodes.unsqueeze(bias, ...axes)]);
}

/** x / sqrt(mean(x^2) + epsilon) over the axes from `axis` on, times scale (operator set 23). */
export function rmsNormalization(expansion: Expansion): readonly Node[] {
  const { node } = expansion;
  const nodes = new Expander(expansion);
  const [x = "", scale = ""] = node.inputs;
  const rank = expansion.sizes(x).length;
  const axis = intAttribute(node, "axis", -1);
  const first = axis < 0 ? axis + rank : axis;
  const axes = Array.from({ length: rank - first }, (_, index) => first + index);
  const squares = nodes.apply("Mul", [x, x]);
  const mean = nodes.apply("ReduceMean", [squares, nodes.ints("axes", axes)], { keepdims: int(1) });
  const epsilon = nodes.scalar("epsilon", floatAttribute(node, "epsilon", 1e-5));
  const root = nodes.apply("Sqrt", [nodes.apply("Add", [mean, epsilon])]);
  return nodes.end("Mul", [nodes.apply("Div", [x, root]), scale]);
}

function standardised(nodes: Expander, x: string, axes: readonly number[]): string {
  const mean = (value: string): string =>
    nodes.apply("ReduceMean", [value, nodes.ints("axes", axes)], { keepdims: int(1) });
  const centred = nodes.apply("Sub", [x, mean(x)]);
  const variance = mean(nodes.apply("Mul", [centred, centred]));
  const epsilon = nodes.scalar("epsilon", floatAttribute(nodes.expansion.node, "epsilon", 1e-5));
  return nodes.apply("Div", [
    centred,
    nodes.apply("Sqrt", [nodes.apply("Add", [variance, epsilon])]),
  ]);
}
