import type { Attribute, Node } from "../graph/graph.ts";
import { encodeType } from "../graph/onnx-tensors.ts";
import { int64, type Tensor, toNumbers } from "../graph/tensor.ts";
import type { Observation, Pair } from "./observation.ts";

/** Nodes in other words, with the constants and values that are new. */
export interface Rewritten {
  readonly nodes: readonly Node[];
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly values: Observation;
}

/**
 * The nodes with a few operators said by others, so that what follows need not know them: a Tile that repeats axes of
 * size 1 alone is an Expand, a CastLike a Cast; a MatMul with a vector is one with a matrix of one row or column, and
 * one of two vectors a sum of products.
 */
export function usePlainOperators(nodes: readonly Node[], observation: Observation): Rewritten {
  const constants = new Map<string, Tensor>();
  const values = new Map<string, Pair>();
  const unique = (stem: string): string => {
    let name = stem;
    while (observation.has(name) || values.has(name) || constants.has(name)) {
      name = `${name}_`;
    }
    return name;
  };
  const reshaped = (op: "Squeeze" | "Unsqueeze", input: string, axis: number, output: string) => {
    const axes = unique(`${output}/axes`);
    constants.set(axes, int64([1], [axis]));
    return { op, name: output, inputs: [input, axes], outputs: [output], attributes: {} };
  };
  const plain = nodes.flatMap((node): readonly Node[] => {
    if (node.op === "Tile" && repeatsOnly1(node, observation)) {
      return [{ ...node, op: "Expand" }];
    }
    const like = node.op === "CastLike" ? observation.get(node.outputs[0] ?? "") : undefined;
    if (like !== undefined) {
      const to: Attribute = { type: "int", value: encodeType(like.atTwo.dtype) };
      return [{ ...node, op: "Cast", inputs: node.inputs.slice(0, 1), attributes: { to } }];
    }
    const [output = ""] = node.outputs;
    if (isVectorProduct(node, observation)) {
      const products = unique(`${node.name}/products`);
      const axes = unique(`${products}/axes`);
      values.set(products, observation.get(node.inputs[0] ?? "") as Pair);
      constants.set(axes, int64([1], [0]));
      const keepdims: Attribute = { type: "int", value: 0 };
      return [
        { ...node, op: "Mul", name: products, outputs: [products] },
        { ...node, op: "ReduceSum", inputs: [products, axes], attributes: { keepdims } },
      ];
    }
    const vector = node.op === "MatMul" ? vectorSlot(node, observation) : undefined;
    const result = observation.get(output);
    const operand = node.inputs[vector ?? 0] ?? "";
    const weight = observation.get(operand);
    if (vector === undefined || !result || !weight) {
      return [node];
    }
    // [K] becomes [1, K] on the left and [K, 1] on the right; the result loses that axis again.
    const axis = vector === 0 ? 0 : 1;
    const fromEnd = vector === 0 ? -2 : -1;
    const matrix = unique(`${node.name}/matrix`);
    values.set(matrix, withAxis(weight, axis));
    const product = unique(`${node.name}/product`);
    values.set(product, withAxis(result, fromEnd));
    return [
      reshaped("Unsqueeze", operand, axis, matrix),
      { ...node, inputs: node.inputs.with(vector, matrix), outputs: [product] },
      { ...reshaped("Squeeze", product, fromEnd, output), name: unique(`${node.name}/vector`) },
    ];
  });
  return { nodes: plain, constants, values };
}

function isVectorProduct(node: Node, observation: Observation): boolean {
  const ranks = node.inputs.map((input) => observation.get(input)?.atTwo.shape.length);
  return node.op === "MatMul" && ranks.every((rank) => rank === 1);
}

/** Which operand of a product is a vector, if just one is. */
function vectorSlot(node: Node, observation: Observation): 0 | 1 | undefined {
  const [left, right] = node.inputs.map((input) => observation.get(input)?.atTwo.shape.length);
  if (left === undefined || right === undefined) {
    return undefined;
  }
  return left === 1 && right > 1 ? 0 : left > 1 && right === 1 ? 1 : undefined;
}

function repeatsOnly1(node: Node, observation: Observation): boolean {
  const [input, repeats] = node.inputs.map((name) => observation.get(name));
  return (["atTwo", "atThree"] as const).every((batch) => {
    const counts = repeats && toNumbers(repeats[batch]);
    return input?.[batch].shape.every((size, axis) => size === 1 || counts?.[axis] === 1) === true;
  });
}

/** The same with another axis, of size 1; one below 0 counts from the end of the new shape. */
export function withAxis({ atTwo, atThree }: Pair, axis: number): Pair {
  const grown = (tensor: Tensor): Tensor => {
    const place = axis < 0 ? tensor.shape.length + 1 + axis : axis;
    return { ...tensor, shape: tensor.shape.toSpliced(place, 0, 1) };
  };
  return { atTwo: grown(atTwo), atThree: grown(atThree) };
}
