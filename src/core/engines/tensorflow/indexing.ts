import { intAttribute, type Node, stringAttribute } from "../../graph/graph.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "../../graph/tensor.ts";
import { around, axisOf, stridesOf } from "../reference/value.ts";
import { onHost } from "./host.ts";
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

/** Operators that pick or place elements by index. */
export const indexing: Kernels = {
  Gather: (inputs, node, run) => {
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const axis = axisOf(intAttribute(node, "axis", 0), x.shape.length, node);
    const places = positive(run, indices, x.shape[axis] ?? 0, node);
    const flat = reshape(run, places, [sizeOf(indices.shape)]);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return like(run, x, reshape(run, run.tf.gather(x.device, flat, axis), shape));
  },

  GatherElements: (inputs, node, run) => {
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const places = elementPlaces(run, x.shape, indices, node);
    const flat = reshape(run, x.device, [sizeOf(x.shape)]);
    return like(run, x, reshape(run, run.tf.gatherND(flat, places), indices.shape));
  },

  ScatterElements: (inputs, node, run) => {
    const [x, indices, updates] = [0, 1, 2].map((index) => need(inputs, index, node)) as Three;
    if (!sameShape(indices.shape, updates.shape)) {
      throw cannot(node, "its indices and updates have different shapes");
    }
    if (!isScattered(node)) {
      return onHost(inputs, node, run);
    }
    const places = elementPlaces(run, x.shape, indices, node);
    const flat = reshape(run, x.device, [sizeOf(x.shape)]);
    const values = reshape(run, updates.device, [sizeOf(updates.shape)]);
    return like(run, x, reshape(run, scatter(run, flat, places, values, node), x.shape));
  },

  GatherND: (inputs, node, run) => {
    const { tf } = run;
    const [x, indices] = [need(inputs, 0, node), need(inputs, 1, node)];
    const batch = intAttribute(node, "batch_dims", 0);
    const depth = indices.shape.at(-1) ?? 1;
    const lead = indices.shape.slice(0, -1);
    const rows = sizeOf(lead);
    const own = reshape(
      run,
      positiveTuples(run, indices, x.shape.slice(batch, batch + depth), node),
      [rows, depth],
    );
    // The batch axes as one, and its number in front of each index.
    const batches = sizeOf(x.shape.slice(0, batch));
    const flat = reshape(run, x.device, [batches, ...x.shape.slice(batch)]);
    const numbered = run.constant(`GatherND ${rows} ${batches}`, () =>
      tf.tensor2d(
        Int32Array.from({ length: rows }, (_, row) => Math.floor((row * batches) / rows)),
        [rows, 1],
        "int32",
      ),
    );
    const found = tf.gatherND(flat, tf.concat([numbered, own], 1));
    return like(run, x, reshape(run, found, [...lead, ...x.shape.slice(batch + depth)]));
  },

  ScatterND: (inputs, node, run) => {
    const [x, indices, updates] = [0, 1, 2].map((index) => need(inputs, index, node)) as Three;
    if (!isScattered(node)) {
      return onHost(inputs, node, run);
    }
    const depth = indices.shape.at(-1) ?? 1;
    const rows = sizeOf(indices.shape.slice(0, -1));
    const places = reshape(run, positiveTuples(run, indices, x.shape.slice(0, depth), node), [
      rows,
      depth,
    ]);
    const values = reshape(run, updates.device, [rows, ...x.shape.slice(depth)]);
    return like(run, x, scatter(run, x.device, places, values, node));
  },

  NonZero: onHost,

  OneHot: (inputs, node, run) => {
    const { tf } = run;
    const [indices, values] = [need(inputs, 0, node), need(inputs, 2, node)];
    const depth = numbers(need(inputs, 1, node))?.[0] ?? 0;
    const rank = indices.shape.length + 1;
    const axis = axisOf(intAttribute(node, "axis", -1), rank, node);
    const given = tf.expandDims(tf.cast(indices.device, "int32"), axis);
    const places = tf.where(
      tf.less(given, tf.scalar(0, "int32")),
      tf.add(given, tf.scalar(depth, "int32")),
      given,
    );
    const classes = tf.range(0, depth, 1, "int32");
    const along = Array.from({ length: rank }, (_, each) => (each === axis ? depth : 1));
    const isOn = tf.equal(places, reshape(run, classes, along));
    const [off, on] = [0, 1].map((at) => tf.slice(values.device, [at], [1])) as [
      TfTensor,
      TfTensor,
    ];
    return like(run, values, tf.where(isOn, on, off));
  },
};

type Three = [Value, Value, Value];

/** Indices with the negative ones counted from the end. Those that are on the host are checked here, others by tfjs. */
function positive(run: Run, indices: Value, size: number, node: Node): TfTensor {
  return positiveTuples(run, indices, [size], node);
}

/** The same for indices whose last axis says one axis of `sizes` each; a single size serves all. */
function positiveTuples(run: Run, indices: Value, sizes: Shape, node: Node): TfTensor {
  const { tf } = run;
  let isNegative = true;
  if (indices.isOnHost) {
    isNegative = false;
    const { data } = indices.host;
    for (let at = 0; at < data.length; at++) {
      const index = data[at] as number;
      const size = sizes[at % sizes.length] as number;
      if (!(index >= -size && index < size)) {
        throw cannot(node, `the index ${index} is not below ${size}`);
      }
      isNegative ||= index < 0;
    }
  }
  const given = indices.device;
  if (!isNegative) {
    return given;
  }
  const ends = tf.tensor1d(Int32Array.from(sizes), "int32");
  return tf.where(tf.less(given, tf.scalar(0, "int32")), tf.add(given, ends), given);
}

/** Where each element of an index tensor points to in the flat tensor of shape `shape`, along the node's axis: [elements, 1]. */
function elementPlaces(run: Run, shape: Shape, indices: Value, node: Node): TfTensor {
  const { tf } = run;
  if (shape.length !== indices.shape.length) {
    throw cannot(node, `${formatShape(indices.shape)} indices do not fit ${formatShape(shape)}`);
  }
  const axis = axisOf(intAttribute(node, "axis", 0), shape.length, node);
  const [, size, stride] = around(shape, axis);
  const count = sizeOf(indices.shape);
  const places = reshape(run, positive(run, indices, size, node), [count]);
  const along = stride === 1 ? places : tf.mul(places, tf.scalar(stride, "int32"));
  const starts = () => {
    const strides = stridesOf(shape);
    const own = stridesOf(indices.shape);
    return Int32Array.from({ length: count }, (_, at) =>
      strides.reduce((place, step, each) => {
        const here = Math.floor(at / (own[each] ?? 1)) % (indices.shape[each] ?? 1);
        return each === axis ? place : place + step * here;
      }, 0),
    );
  };
  const isFlat = shape.every((_, each) => each === axis || indices.shape[each] === 1);
  const key = `elements ${shape.join()} ${indices.shape.join()} ${axis}`;
  const all = isFlat
    ? along
    : tf.add(
        along,
        run.constant(key, () => tf.tensor1d(starts(), "int32")),
      );
  return reshape(run, all, [count, 1]);
}

/** What tfjs scatters; the other reductions are done on the host. */
function isScattered(node: Node): boolean {
  return ["none", "add"].includes(stringAttribute(node, "reduction", "none"));
}

/** x with the updates at the places, or added to them. */
function scatter(run: Run, x: TfTensor, places: TfTensor, updates: TfTensor, node: Node): TfTensor {
  const { tf } = run;
  return stringAttribute(node, "reduction", "none") === "add"
    ? tf.add(x, tf.scatterND(places, updates, x.shape))
    : // On tfjs's CPU backend it writes into the tensor that it is given.
      tf.tensorScatterUpdate(tf.add(x, tf.zerosLike(x)), places, updates);
}
