import type { GraphBuilder } from "../graph/builder.ts";
import type { Node, ValueType } from "../graph/graph.ts";
import { float32, type Shape, sizeOf } from "../graph/tensor.ts";

/** Operators that normalise, then scale and shift with parameters. */
export function isNormalisation(node: Node): boolean {
  return node.op === "BatchNormalization" || node.op === "LayerNormalization";
}

/**
 * A normalisation as y = xhat * gamma + beta, where the operator itself gives xhat (with ones for gamma), so that gamma
 * and beta are ordinary elementwise sites. Returns the new values that are laid out like y.
 */
export function splitNormalisation(
  builder: GraphBuilder,
  node: Node,
  types: Map<string, ValueType>,
  type: (value: string) => ValueType,
): readonly string[] {
  const [x = "", gamma = "", beta = "", ...statistics] = node.inputs;
  const y = node.outputs[0] as string;
  const isBatch = node.op === "BatchNormalization";
  const { dtype, shape } = type(y);
  const affine = type(gamma).shape;
  const constant = (value: number): string =>
    builder.constant(float32(affine, new Float32Array(sizeOf(affine)).fill(value)));
  // The channels of a batch normalisation lie on axis 1, the elements of a layer normalisation on the last axes.
  const column: Shape = [...affine, ...shape.slice(2).map(() => 1)];
  const placed = (value: string): string => {
    if (!isBatch || shape.length === 2) {
      return value;
    }
    const reshaped = builder.reshape(value, column);
    types.set(reshaped, { dtype, shape: column });
    return reshaped;
  };
  const plain = builder.unique(`${node.name}.normalised`);
  const inputs = isBatch ? [constant(1), constant(0), ...statistics] : [constant(1)];
  builder.add({
    ...node,
    name: plain,
    inputs: [x, ...inputs],
    outputs: node.outputs.with(0, plain),
  });
  const scale = (output: string): Node => ({
    op: "Mul",
    name: output,
    inputs: [plain, placed(gamma)],
    outputs: [output],
    attributes: {},
  });
  types.set(plain, { dtype, shape });
  if (beta === "") {
    builder.add({ ...scale(y), name: node.name });
    return [plain];
  }
  const scaled = builder.unique(`${node.name}.scaled`);
  builder.add(scale(scaled));
  types.set(scaled, { dtype, shape });
  builder.add({
    op: "Add",
    name: node.name,
    inputs: [scaled, placed(beta)],
    outputs: [y],
    attributes: {},
  });
  return [plain, scaled];
}
