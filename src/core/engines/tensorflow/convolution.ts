import { formatShape, sizeOf } from "../../graph/tensor.ts";
import { transposedWindow } from "../reference/convolution.ts";
import { slidingWindow, type Window } from "../reference/window.ts";
import { convolutionSizes, transposedSizes } from "../sizes.ts";
import {
  asPlane,
  channelsFirst,
  channelsLast,
  fold,
  isTiling,
  padsOf,
  patches,
} from "./patches.ts";
import { pad, transpose } from "./shape.ts";
import {
  cannot,
  type Kernels,
  like,
  need,
  numbers,
  type Run,
  reshape,
  type TfTensor,
  type Value,
} from "./value.ts";

/** Convolutions of any spatial rank: x is [batch, channels, ...size]. */
export const convolution: Kernels = {
  Conv: (inputs, node, run) => {
    const [x, w] = [need(inputs, 0, node), need(inputs, 1, node)];
    const { batch, size, outputs, inner, kernel, groups } = convolutionSizes(
      node,
      x.shape,
      w.shape,
    );
    const window = slidingWindow(node, size, kernel);
    const convolve = nativeConvolution(window, groups, inner) ?? convolveByProduct;
    const y = convolve(run, x.device, w.device, window, groups);
    const shape = [batch, outputs, ...window.out];
    return withBias(run, like(run, x, reshape(run, y, shape)), inputs[2]);
  },

  ConvTranspose: (inputs, node, run) => {
    const [x, w] = [need(inputs, 0, node), need(inputs, 1, node)];
    const { batch, size, outputs, kernel, groups } = transposedSizes(node, x.shape, w.shape);
    const window = transposedWindow(node, size, kernel);
    const isNative = groups === 1 && size.length <= 2 && window.dilations.every((d) => d === 1);
    const y = isNative
      ? transposedPlane(run, x.device, w.device, asPlane(window))
      : transposedByProduct(run, x.device, w.device, window, groups);
    const shape = [batch, outputs, ...window.size];
    return withBias(run, like(run, x, reshape(run, y, shape)), inputs[2]);
  },

  /** Adds columns [batch, channels kernel, positions] to the places of the image that they come from. */
  Col2Im: (inputs, node, run) => {
    const x = need(inputs, 0, node);
    const size = numbers(need(inputs, 1, node)) ?? [];
    const kernel = numbers(need(inputs, 2, node)) ?? [];
    const [batch = 1, depth = 1, positions = 1] = x.shape;
    const window = slidingWindow(node, size, kernel);
    const channels = depth / sizeOf(kernel);
    if (sizeOf(window.out) !== positions || !Number.isInteger(channels)) {
      throw cannot(node, `the columns ${formatShape(x.shape)} do not fit the image`);
    }
    const planes = batch * channels;
    const columns = reshape(run, x.device, [planes, sizeOf(kernel), positions]);
    const image = isTiling(window)
      ? tiles(run, columns, window)
      : fold(run, transpose(run, columns, [1, 2, 0]), window);
    return like(run, x, reshape(run, image, [batch, channels, ...size]));
  },
};

type Convolve = (run: Run, x: TfTensor, w: TfTensor, window: Window, groups: number) => TfTensor;

/** The operator of tfjs for a convolution, if there is one: none knows groups, or strides and dilations together. */
function nativeConvolution(window: Window, groups: number, inner: number): Convolve | undefined {
  const { strides, dilations, kernel } = window;
  const isDense = dilations.every((dilation) => dilation === 1);
  const isPlane = kernel.length <= 2;
  if (groups === 1 && isPlane && (isDense || strides.every((stride) => stride === 1))) {
    return convolvePlane;
  }
  if (groups === 1 && kernel.length === 3 && isDense) {
    return convolveVolume;
  }
  const isEven = strides.every((stride) => stride === strides[0]);
  return inner === 1 && isPlane && isDense && isEven && (kernel.length === 2 || strides[0] === 1)
    ? convolveChannels
    : undefined;
}

const convolvePlane: Convolve = (run, line, weight, lineWindow) => {
  const window = asPlane(lineWindow);
  const x = padded(run, line, window);
  const filter = transpose(run, filterOf(run, weight, window), [2, 3, 1, 0]);
  const y = run.tf.conv2d(
    x as Parameters<typeof run.tf.conv2d>[0],
    filter as Parameters<typeof run.tf.conv2d>[1],
    pair(window.strides),
    "valid",
    "NHWC",
    pair(window.dilations),
  );
  return channelsFirst(run, y);
};

const convolveVolume: Convolve = (run, volume, weight, window) => {
  const [depth = 1, height = 1, width = 1] = window.strides;
  const y = run.tf.conv3d(
    padded(run, volume, window) as Parameters<typeof run.tf.conv3d>[0],
    transpose(run, weight, [2, 3, 4, 1, 0]) as Parameters<typeof run.tf.conv3d>[1],
    [depth, height, width],
    "valid",
  );
  return channelsFirst(run, y);
};

/** Every channel by itself. */
const convolveChannels: Convolve = (run, line, weight, lineWindow, groups) => {
  const window = asPlane(lineWindow);
  const x = padded(run, line, window);
  // The outputs of a channel stand side by side in both worlds.
  const [height = 1, width = 1] = window.kernel;
  const perChannel = (weight.shape[0] ?? 1) / groups;
  const filter = transpose(
    run,
    reshape(run, weight, [groups, perChannel, height, width]),
    [2, 3, 0, 1],
  );
  const y = run.tf.depthwiseConv2d(
    x as Parameters<typeof run.tf.depthwiseConv2d>[0],
    filter as Parameters<typeof run.tf.depthwiseConv2d>[1],
    pair(window.strides),
    "valid",
  );
  return channelsFirst(run, y);
};

/** Any convolution: the patches of each group as one matrix. */
const convolveByProduct: Convolve = (run, x, weight, window, groups) => {
  const [batch = 1, channels = 1] = x.shape;
  const [outputs = 1] = weight.shape;
  const [kernel, positions] = [sizeOf(window.kernel), sizeOf(window.out)];
  const inner = channels / groups;
  const found = reshape(run, patches(run, x, window, 0), [kernel, positions, batch, groups, inner]);
  const columns = reshape(run, transpose(run, found, [3, 4, 0, 2, 1]), [
    groups,
    inner * kernel,
    batch * positions,
  ]);
  const rows = reshape(run, weight, [groups, outputs / groups, inner * kernel]);
  const product = reshape(run, run.tf.matMul(rows, columns), [outputs, batch, positions]);
  return transpose(run, product, [1, 0, 2]);
};

function transposedPlane(run: Run, line: TfTensor, weight: TfTensor, window: Window): TfTensor {
  const { kernel, strides, out, size, before } = window;
  const [batch = 1, channels = 1] = line.shape;
  const outputs = weight.shape[1] ?? 1;
  const x = channelsLast(run, reshape(run, line, [batch, channels, ...out]));
  const filter = transpose(run, filterOf(run, weight, window), [2, 3, 1, 0]);
  const [height = 1, width = 1] = out.map(
    (length, axis) => (length - 1) * (strides[axis] ?? 1) + (kernel[axis] ?? 1),
  );
  const whole = run.tf.conv2dTranspose(
    x as Parameters<typeof run.tf.conv2dTranspose>[0],
    filter as Parameters<typeof run.tf.conv2dTranspose>[1],
    [batch, height, width, outputs],
    pair(strides),
    "valid",
  );
  const front = before.map((count) => -count);
  const back = [height, width].map(
    (length, axis) => (size[axis] ?? 1) + (before[axis] ?? 0) - length,
  );
  return channelsFirst(run, pad(run, whole, [0, ...front, 0], [0, ...back, 0], 0));
}

/** Any transposed convolution: the columns of each group, added to their places. */
function transposedByProduct(
  run: Run,
  x: TfTensor,
  weight: TfTensor,
  window: Window,
  groups: number,
): TfTensor {
  const [batch = 1, channels = 1] = x.shape;
  const height = weight.shape[1] ?? 1;
  const [kernel, positions] = [sizeOf(window.kernel), sizeOf(window.out)];
  const inner = channels / groups;
  const values = transpose(run, reshape(run, x, [batch, groups, inner, positions]), [1, 2, 0, 3]);
  const columns = run.tf.matMul(
    reshape(run, weight, [groups, inner, height * kernel]),
    reshape(run, values, [groups, inner, batch * positions]),
    true,
  );
  const split = reshape(run, columns, [groups, height, kernel, batch, positions]);
  const arranged = transpose(run, split, [2, 4, 3, 0, 1]);
  return fold(run, reshape(run, arranged, [kernel, positions, batch * groups * height]), window);
}

/** Windows that lie side by side: their elements only change places. Columns are [planes, kernel, positions]. */
function tiles(run: Run, columns: TfTensor, { kernel, out, size }: Window): TfTensor {
  const planes = columns.shape[0] ?? 1;
  const rank = kernel.length;
  const split = reshape(run, columns, [planes, ...kernel, ...out]);
  const order = kernel.flatMap((_, axis) => [1 + rank + axis, 1 + axis]);
  const covered = kernel.map((length, axis) => length * (out[axis] ?? 1));
  const image = reshape(run, transpose(run, split, [0, ...order]), [planes, ...covered]);
  const after = size.map((length, axis) => length - (covered[axis] ?? 0));
  return pad(run, image, [0, ...size.map(() => 0)], [0, ...after], 0);
}

function padded(run: Run, x: TfTensor, window: Window): TfTensor {
  const [batch = 1, channels = 1] = x.shape;
  const { before, after } = padsOf(window);
  const plane = reshape(run, x, [batch, channels, ...window.size]);
  return channelsLast(run, pad(run, plane, before, after, 0));
}

/** A weight whose kernel has the window's rank. */
function filterOf(run: Run, weight: TfTensor, window: Window): TfTensor {
  return reshape(run, weight, [...weight.shape.slice(0, 2), ...window.kernel]);
}

function pair([height = 1, width = 1]: readonly number[]): [number, number] {
  return [height, width];
}

function withBias(run: Run, y: Value, bias: Value | undefined): Value {
  if (bias === undefined) {
    return y;
  }
  const channels = y.shape.map((size, axis) => (axis === 1 ? size : 1));
  return like(run, y, run.tf.add(y.device, reshape(run, bias.device, channels)));
}
