import { sizeOf } from "../../graph/tensor.ts";
import { cannot, fromTensor, type Kernels, need, numbers, value } from "./value.ts";

/** Operators that make values out of nothing but their attributes or sizes. */
export const creation: Kernels = {
  Constant: (_, node) => {
    for (const [name, attribute] of Object.entries(node.attributes)) {
      if (name === "value" && attribute.type === "tensor") {
        return fromTensor(attribute.value);
      }
      if (attribute.type === "float" || attribute.type === "int") {
        const dtype = attribute.type === "int" ? "int64" : "float32";
        return value(dtype, [], Float64Array.of(attribute.value));
      }
      if (attribute.type === "floats" || attribute.type === "ints") {
        const dtype = attribute.type === "ints" ? "int64" : "float32";
        return value(dtype, [attribute.value.length], Float64Array.from(attribute.value));
      }
    }
    throw cannot(node, "it holds no number");
  },

  ConstantOfShape: (inputs, node) => {
    const shape = numbers(need(inputs, 0, node)) ?? [];
    const attribute = node.attributes["value"];
    const fill = attribute?.type === "tensor" ? fromTensor(attribute.value) : undefined;
    return value(
      fill?.dtype ?? "float32",
      shape,
      new Float64Array(sizeOf(shape)).fill(fill?.data[0] ?? 0),
    );
  },

  Range: (inputs, node) => {
    const [start = 0, limit = 0, step = 1] = [0, 1, 2].map((i) => need(inputs, i, node).data[0]);
    const count = Math.max(0, Math.ceil((limit - start) / step));
    if (!Number.isFinite(count)) {
      throw cannot(node, "its step is 0");
    }
    return value(
      need(inputs, 0, node).dtype,
      [count],
      Float64Array.from({ length: count }, (_, index) => start + index * step),
    );
  },
};
