import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { cannot, type Kernel, type Kernels, need, value } from "./value.ts";
import { coveredPlaces, slidingWindow } from "./window.ts";

/** Pooling over the spatial axes of [batch, channels, ...size]. */
export const pooling: Kernels = {
  MaxPool: (inputs, node) => {
    const x = need(inputs, 0, node);
    const size = x.shape.slice(2);
    const window = slidingWindow(node, size, intsAttribute(node, "kernel_shape") ?? []);
    const places = coveredPlaces(window);
    const positions = sizeOf(window.out);
    const width = sizeOf(size);
    const shape = [...x.shape.slice(0, 2), ...window.out];
    const out = new Float64Array(sizeOf(shape)).fill(Number.NEGATIVE_INFINITY);
    const indices = new Float64Array(out.length);
    for (let plane = 0; plane * positions < out.length; plane++) {
      for (let at = 0; at < places.length; at++) {
        const to = plane * positions + (at % positions);
        const from = plane * width + (places[at] as number);
        if ((places[at] as number) >= 0 && (x.data[from] as number) > (out[to] as number)) {
          out[to] = x.data[from] as number;
          indices[to] = from;
        }
      }
    }
    if (node.outputs.length > 1 && intAttribute(node, "storage_order", 0) !== 0) {
      throw cannot(node, "its indices are column-major");
    }
    const y = value(x.dtype, shape, out);
    return node.outputs.length > 1 ? [y, value("int64", shape, indices)] : y;
  },

  AveragePool: (inputs, node) => {
    const x = need(inputs, 0, node);
    const size = x.shape.slice(2);
    const window = slidingWindow(node, size, intsAttribute(node, "kernel_shape") ?? []);
    const places = coveredPlaces(window);
    const positions = sizeOf(window.out);
    const width = sizeOf(size);
    const lowest = intAttribute(node, "count_include_pad", 0) === 0 ? 0 : -1;
    const counts = new Float64Array(positions);
    places.forEach((place, at) => {
      counts[at % positions] = (counts[at % positions] as number) + Number(place >= lowest);
    });
    const shape = [...x.shape.slice(0, 2), ...window.out];
    const out = new Float64Array(sizeOf(shape));
    for (let plane = 0; plane * positions < out.length; plane++) {
      for (let at = 0; at < places.length; at++) {
        const position = at % positions;
        const to = plane * positions + position;
        if ((places[at] as number) >= 0) {
          const element = x.data[plane * width + (places[at] as number)] as number;
          out[to] = (out[to] as number) + element / (counts[position] as number);
        }
      }
    }
    return value(x.dtype, shape, out);
  },

  GlobalAveragePool: global((plane) => plane.reduce((sum, x) => sum + x, 0) / plane.length),
  GlobalMaxPool: global((plane) =>
    plane.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ),
};

function global(combine: (plane: Float64Array) => number): Kernel {
  return (inputs, node) => {
    const x = need(inputs, 0, node);
    const width = sizeOf(x.shape.slice(2));
    const shape = x.shape.map((size, axis) => (axis < 2 ? size : 1));
    const out = new Float64Array(sizeOf(shape));
    return value(
      x.dtype,
      shape,
      out.map((_, plane) => combine(x.data.subarray(plane * width, (plane + 1) * width))),
    );
  };
}
