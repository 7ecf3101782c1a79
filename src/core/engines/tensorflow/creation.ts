import { onHost } from "./host.ts";
import { type Kernels, need, numbers, Value } from "./value.ts";

/** Operators that make values out of nothing but their attributes or sizes. */
export const creation: Kernels = {
  Constant: (inputs, node, run) => {
    const attribute = node.attributes["value"];
    return attribute?.type === "tensor"
      ? Value.ofTensor(run.tf, attribute.value)
      : onHost(inputs, node, run);
  },

  ConstantOfShape: (inputs, node, run) => {
    const attribute = node.attributes["value"];
    const fill = attribute?.type === "tensor" ? attribute.value : undefined;
    if (fill !== undefined && fill.dtype !== "float32") {
      return onHost(inputs, node, run);
    }
    const shape = numbers(need(inputs, 0, node)) ?? [];
    const filled = run.tf.fill(shape, Number(fill?.data[0] ?? 0), "float32");
    return Value.ofDevice(run.tf, "float32", filled);
  },

  Range: onHost,
};
