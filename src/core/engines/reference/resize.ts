import { resizedShape, resizeMaps } from "../../graph/resize.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { multiply } from "./matrix.ts";
import { around, cannot, type Kernels, need, numbers, type Value, value } from "./value.ts";

/** Resizing, as linear maps along the axes. */
export const resize: Kernels = {
  Resize: (inputs, node) => {
    const x = need(inputs, 0, node);
    const targets = { scales: numbers(inputs[2]), sizes: numbers(inputs[3]) };
    const maps = resizeMaps(node, x.shape, resizedShape(node, x.shape, targets), targets);
    if (typeof maps === "string") {
      throw cannot(node, maps);
    }
    return maps.reduce<Value>((part, map, axis) => {
      if (map === undefined) {
        return part;
      }
      const [before, from, after] = around(part.shape, axis);
      const shape = part.shape.with(axis, map.to);
      const out = new Float64Array(sizeOf(shape));
      for (let row = 0; row < before; row++) {
        multiply(
          map.weights,
          part.data.subarray(row * from * after, (row + 1) * from * after),
          out.subarray(row * map.to * after, (row + 1) * map.to * after),
          from,
          after,
        );
      }
      return value(x.dtype, shape, out);
    }, x);
  },
};
