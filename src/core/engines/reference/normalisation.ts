import { floatAttribute, intAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { axisOf, broadcastTo, cannot, type Kernels, need, value } from "./value.ts";

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

  LayerNormalization: (inputs, node) => {
    const x = need(inputs, 0, node);
    const axis = axisOf(intAttribute(node, "axis", -1), x.shape.length, node);
    const epsilon = floatAttribute(node, "epsilon", 1e-5);
    const inner = x.shape.slice(axis);
    const width = sizeOf(inner);
    const scale = broadcastTo(need(inputs, 1, node), inner);
    const bias = inputs[2] && broadcastTo(inputs[2], inner);
    const out = new Float64Array(x.data.length);
    const rows = out.length / width;
    const means = new Float64Array(rows);
    const inverses = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      const line = x.data.subarray(row * width, (row + 1) * width);
      const mean = line.reduce((sum, element) => sum + element, 0) / width;
      const variance = line.reduce((sum, element) => sum + (element - mean) ** 2, 0) / width;
      means[row] = mean;
      inverses[row] = 1 / Math.sqrt(variance + epsilon);
      line.forEach((element, at) => {
        const normal = (element - mean) * (inverses[row] ?? 0);
        out[row * width + at] = normal * (scale[at] ?? 0) + (bias?.[at] ?? 0);
      });
    }
    const kept = x.shape.map((size, each) => (each < axis ? size : 1));
    return [
      value(x.dtype, x.shape, out),
      value(x.dtype, kept, means),
      value(x.dtype, kept, inverses),
    ];
  },
};
