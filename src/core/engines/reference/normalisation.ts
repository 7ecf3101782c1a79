import { floatAttribute, intAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { cannot, type Kernels, need } from "./value.ts";

/** Normalisation in evaluation mode. */
export const normalisation: Kernels = {
  BatchNormalization: (inputs, node) => {
    if (intAttribute(node, "training_mode", 0) !== 0) {
      throw cannot(node, "it is in training mode");
    }
    const x = need(inputs, 0, node);
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => need(inputs, i, node).data);
    const epsilon = floatAttribute(node, "epsilon", 1e-5);
    const width = sizeOf(x.shape.slice(2));
    const channels = x.shape[1] ?? 1;
    return {
      ...x,
      data: x.data.map((element, at) => {
        const channel = Math.floor(at / width) % channels;
        const normal =
          (element - (mean?.[channel] ?? 0)) / Math.sqrt((variance?.[channel] ?? 0) + epsilon);
        return normal * (scale?.[channel] ?? 0) + (bias?.[channel] ?? 0);
      }),
    };
  },
};
