import { intsAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { formatShape, type Shape, sizeOf } from "../../graph/tensor.ts";
import { convolutionSizes, transposedSizes } from "../sizes.ts";
import { multiply } from "./matrix.ts";
import { cannot, type Kernels, need, numbers, strided, value } from "./value.ts";
import { coveredPlaces, slidingWindow, type Window } from "./window.ts";

/** Convolutions of any spatial rank: x is [batch, channels, ...size]. */
export const convolution: Kernels = {
  Conv: (inputs, node) => {
    const [x, w] = [need(inputs, 0, node), need(inputs, 1, node)];
    const { batch, channels, size, outputs, inner, kernel, groups } = convolutionSizes(
      node,
      x.shape,
      w.shape,
    );
    const window = slidingWindow(node, size, kernel);
    const places = coveredPlaces(window);
    const positions = sizeOf(window.out);
    const depth = inner * sizeOf(kernel);
    const [width, height] = [sizeOf(size), outputs / groups];
    const out = new Float64Array(batch * outputs * positions);
    const bias = inputs[2]?.data;
    bias?.forEach((b, m) => {
      for (let n = 0; n < batch; n++) {
        out.fill(b, (n * outputs + m) * positions, (n * outputs + m + 1) * positions);
      }
    });
    for (let n = 0; n < batch; n++) {
      for (let group = 0; group < groups; group++) {
        const image = x.data.subarray((n * channels + group * inner) * width);
        const to = (n * outputs + group * height) * positions;
        multiply(
          w.data.subarray(group * height * depth, (group + 1) * height * depth),
          columnsOf(image, places, inner, width),
          out.subarray(to, to + height * positions),
          depth,
          positions,
        );
      }
    }
    return value(x.dtype, [batch, outputs, ...window.out], out);
  },

  ConvTranspose: (inputs, node) => {
    const [x, w] = [need(inputs, 0, node), need(inputs, 1, node)];
    const { batch, channels, size, outputs, height, kernel, groups } = transposedSizes(
      node,
      x.shape,
      w.shape,
    );
    const window = transposedWindow(node, size, kernel);
    const places = coveredPlaces(window);
    const [positions, area] = [sizeOf(size), sizeOf(window.size)];
    const [inner, depth] = [channels / groups, height * sizeOf(kernel)];
    const out = new Float64Array(batch * outputs * area);
    for (let n = 0; n < batch; n++) {
      for (let group = 0; group < groups; group++) {
        const columns = new Float64Array(depth * positions);
        const weight = w.data.subarray(group * inner * depth, (group + 1) * inner * depth);
        const from = (n * channels + group * inner) * positions;
        multiply(
          strided(weight, [depth, inner], [1, depth]),
          x.data.subarray(from, from + inner * positions),
          columns,
          inner,
          positions,
        );
        addColumns(
          out.subarray((n * outputs + group * height) * area),
          columns,
          places,
          height,
          area,
        );
      }
    }
    const bias = inputs[2]?.data;
    const shape = [batch, outputs, ...window.size];
    return value(
      x.dtype,
      shape,
      bias === undefined
        ? out
        : out.map((sum, at) => sum + (bias[Math.floor(at / area) % outputs] ?? 0)),
    );
  },

  /** Adds columns [batch, channels kernel, positions] to the places of the image that they come from. */
  Col2Im: (inputs, node) => {
    const x = need(inputs, 0, node);
    const size = numbers(need(inputs, 1, node)) ?? [];
    const kernel = numbers(need(inputs, 2, node)) ?? [];
    const [batch = 1, depth = 1, positions = 1] = x.shape;
    const window = slidingWindow(node, size, kernel);
    const channels = depth / sizeOf(kernel);
    if (sizeOf(window.out) !== positions || !Number.isInteger(channels)) {
      throw cannot(node, `the columns ${formatShape(x.shape)} do not fit the image`);
    }
    const places = coveredPlaces(window);
    const area = sizeOf(size);
    const out = new Float64Array(batch * channels * area);
    for (let n = 0; n < batch; n++) {
      addColumns(
        out.subarray(n * channels * area),
        x.data.subarray(n * depth * positions),
        places,
        channels,
        area,
      );
    }
    return value(x.dtype, [batch, channels, ...size], out);
  },
};

/** The windows of an image as columns [channels kernel, positions]; padding is 0. */
function columnsOf(
  image: Float64Array,
  places: Int32Array,
  channels: number,
  width: number,
): Float64Array {
  const columns = new Float64Array(channels * places.length);
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < places.length; at++) {
      const place = places[at] as number;
      if (place >= 0) {
        columns[channel * places.length + at] = image[channel * width + place] as number;
      }
    }
  }
  return columns;
}

function addColumns(
  image: Float64Array,
  columns: Float64Array,
  places: Int32Array,
  channels: number,
  width: number,
): void {
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < places.length; at++) {
      const place = channel * width + (places[at] as number);
      if ((places[at] as number) >= 0) {
        image[place] = (image[place] as number) + (columns[channel * places.length + at] as number);
      }
    }
  }
}

/** The window of the ordinary convolution whose transpose the node is: it slides over the node's OUTPUT. */
export function transposedWindow(node: Node, inSize: Shape, kernel: Shape): Window {
  const ones = inSize.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const pads = intsAttribute(node, "pads") ?? [...ones, ...ones].map(() => 0);
  const extra = intsAttribute(node, "output_padding") ?? ones.map(() => 0);
  const stated = intsAttribute(node, "output_shape")?.slice(-inSize.length);
  const autoPad = stringAttribute(node, "auto_pad", "NOTSET");
  const axes = inSize.map((length, axis) => {
    const stride = strides[axis] ?? 1;
    const span = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    const whole = stride * (length - 1) + (extra[axis] ?? 0) + span;
    const same = autoPad === "SAME_UPPER" || autoPad === "SAME_LOWER";
    const size = stated?.[axis] ?? (same ? length * stride : undefined);
    if (size !== undefined) {
      const missing = Math.max(0, whole - size);
      const smaller = Math.floor(missing / 2);
      return { size, before: autoPad === "SAME_UPPER" ? smaller : missing - smaller };
    }
    const [before, after] =
      autoPad === "VALID" ? [0, 0] : [pads[axis] ?? 0, pads[inSize.length + axis] ?? 0];
    return { size: whole - before - after, before };
  });
  return {
    kernel,
    strides,
    dilations,
    out: inSize,
    size: axes.map((axis) => axis.size),
    before: axes.map((axis) => axis.before),
    after: axes.map(() => 0),
  };
}
