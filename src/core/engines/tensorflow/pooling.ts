import { intAttribute, intsAttribute } from "../../graph/graph.ts";
import { sizeOf } from "../../graph/tensor.ts";
import { coveredPlaces, slidingWindow, type Window } from "../reference/window.ts";
import { asPlane, channelsFirst, channelsLast, keyOf, padsOf, patches } from "./patches.ts";
import { pad, transpose } from "./shape.ts";
import {
  cannot,
  type Kernels,
  like,
  need,
  type Run,
  reshape,
  type TensorFlow,
  type TfTensor,
  Value,
} from "./value.ts";

/** Pooling over the spatial axes of [batch, channels, ...size]. */
export const pooling: Kernels = {
  MaxPool: (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const [batch = 1, channels = 1, ...size] = x.shape;
    const window = slidingWindow(node, size, intsAttribute(node, "kernel_shape") ?? []);
    const shape = [batch, channels, ...window.out];
    if (node.outputs.length === 1) {
      const y = isNative(window)
        ? pool(run, x.device, window, Number.NEGATIVE_INFINITY, maxima)
        : back(run, tf.max(patches(run, x.device, window, Number.NEGATIVE_INFINITY), 0), shape);
      return like(run, x, reshape(run, y, shape));
    }
    if (intAttribute(node, "storage_order", 0) !== 0) {
      throw cannot(node, "its indices are column-major");
    }
    const found = patches(run, x.device, window, Number.NEGATIVE_INFINITY);
    const places = placesInImage(run, tf.argMax(found, 0), window, batch * channels);
    return [
      like(run, x, back(run, tf.max(found, 0), shape)),
      Value.ofDevice(tf, "int64", back(run, places, shape)),
    ];
  },

  AveragePool: (inputs, node, run) => {
    const { tf } = run;
    const x = need(inputs, 0, node);
    const [batch = 1, channels = 1, ...size] = x.shape;
    const window = slidingWindow(node, size, intsAttribute(node, "kernel_shape") ?? []);
    const shape = [batch, channels, ...window.out];
    const includesPadding = intAttribute(node, "count_include_pad", 0) !== 0;
    const kernel = sizeOf(window.kernel);
    const shares = run.constant(`shares ${includesPadding} ${keyOf(window)}`, () =>
      tf.tensor(
        counts(window, includesPadding).map((count) => kernel / count),
        [...window.out],
      ),
    );
    const means = isNative(window)
      ? pool(run, x.device, window, 0, averages)
      : back(run, tf.mean(patches(run, x.device, window, 0), 0), shape);
    return like(run, x, tf.mul(reshape(run, means, shape), shares));
  },

  GlobalAveragePool: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return like(run, x, run.tf.mean(x.device, spatialAxes(x), true));
  },

  GlobalMaxPool: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    return like(run, x, run.tf.max(x.device, spatialAxes(x), true));
  },
};

type Pool = (tf: TensorFlow, x: TfTensor, kernel: number[], strides: number[]) => TfTensor;

const maxima: Pool = (tf, x, kernel, strides) =>
  x.shape.length === 5
    ? tf.maxPool3d(x as Volume, triple(kernel), triple(strides), "valid")
    : tf.maxPool(x as Plane, pair(kernel), pair(strides), "valid");

const averages: Pool = (tf, x, kernel, strides) =>
  x.shape.length === 5
    ? tf.avgPool3d(x as Volume, triple(kernel), triple(strides), "valid")
    : tf.avgPool(x as Plane, pair(kernel), pair(strides), "valid");

type Plane = Parameters<TensorFlow["maxPool"]>[0];
type Volume = Parameters<TensorFlow["maxPool3d"]>[0];

function pair([height = 1, width = 1]: readonly number[]): [number, number] {
  return [height, width];
}

function triple([depth = 1, height = 1, width = 1]: readonly number[]): [number, number, number] {
  return [depth, height, width];
}

/** Whether tfjs has the pool: all backends have it for dense windows over planes and volumes. */
function isNative({ kernel, dilations }: Window): boolean {
  return kernel.length <= 3 && dilations.every((dilation) => dilation === 1);
}

/** A pool of tfjs over the padded input. */
function pool(run: Run, x: TfTensor, lineWindow: Window, fill: number, f: Pool): TfTensor {
  const [batch = 1, channels = 1] = x.shape;
  const window = asPlane(lineWindow);
  const { before, after } = padsOf(window);
  const plane = reshape(run, x, [batch, channels, ...window.size]);
  const padded = channelsLast(run, pad(run, plane, before, after, fill));
  return channelsFirst(run, f(run.tf, padded, [...window.kernel], [...window.strides]));
}

/** [positions, planes] as [batch, channels, ...out]. */
function back(run: Run, found: TfTensor, shape: readonly number[]): TfTensor {
  return reshape(run, transpose(run, found, [1, 0]), shape);
}

/** The flat place in the whole input of an element of each window: [positions, planes] of numbers below `kernel`. */
function placesInImage(run: Run, element: TfTensor, window: Window, planes: number): TfTensor {
  const { tf } = run;
  const [positions, area] = [sizeOf(window.out), sizeOf(window.size)];
  const places = run.constant(`image ${keyOf(window)}`, () =>
    tf.tensor1d(
      coveredPlaces(window).map((place) => Math.max(0, place)),
      "int32",
    ),
  );
  const numbers = tf.expandDims(tf.range(0, positions, 1, "int32"), 1);
  const row = tf.add(tf.mul(element, tf.scalar(positions, "int32")), numbers);
  const inPlane = tf.gatherND(places, tf.expandDims(row, 2));
  const starts = tf.mul(tf.range(0, planes, 1, "int32"), tf.scalar(area, "int32"));
  return tf.add(inPlane, starts);
}

/** How many elements each window counts: those of the input, or of its stated padding too. */
function counts(window: Window, includesPadding: boolean): Float32Array {
  const positions = sizeOf(window.out);
  const result = new Float32Array(positions);
  coveredPlaces(window).forEach((place, at) => {
    const index = at % positions;
    result[index] = (result[index] as number) + Number(place >= (includesPadding ? -1 : 0));
  });
  return result;
}

function spatialAxes(x: Value): number[] {
  return x.shape.map((_, axis) => axis).slice(2);
}
