import { intAttribute, type Node } from "./graph.ts";
import { type Shape, sizeOf } from "./tensor.ts";

/** Multiply-adds of a node that is a matrix product or a convolution; 0 of every other. */
export function multiplyAdds(node: Node, shape: (value: string) => Shape): number {
  const [first = "", second = ""] = node.inputs;
  const [output = ""] = node.outputs;
  switch (node.op) {
    case "MatMul":
      return sizeOf(shape(output)) * (shape(first).at(-1) ?? 1);
    case "Gemm": {
      const inner = intAttribute(node, "transA", 0) === 1 ? 0 : 1;
      return sizeOf(shape(output)) * (shape(first)[inner] ?? 1);
    }
    case "Conv":
      return sizeOf(shape(output)) * sizeOf(shape(second).slice(1));
    case "ConvTranspose":
      return sizeOf(shape(first)) * sizeOf(shape(second).slice(1));
    default:
      return 0;
  }
}
