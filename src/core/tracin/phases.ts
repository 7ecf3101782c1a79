import { offsets, poolWindow, type WindowGeometry, windowOf } from "../autodiff/rules/window.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Node, ValueType } from "../graph/graph.ts";
import { toNumbers } from "../graph/tensor.ts";

/** A convolution whose map only a pool and the pool's gradient read. */
interface PooledConvolution {
  readonly conv: Node;
  readonly window: WindowGeometry;
  readonly pool: Node;
  readonly pooling: WindowGeometry;
  /** The gradient's slices of the map by the offset that they start at. */
  readonly slices: ReadonlyMap<string, Node>;
}

/**
 * Computes convolutions before pools in phases: the elements that all windows of the pool have at one offset are a
 * convolution with longer strides. The pool then is the maximum of some small maps, and its gradient, which compares
 * each of them with it, needs no strided slices of a large one. On onnxruntime, one thread, with a pool of 2 x 2:
 * 0.41 ms -> 0.16 ms for [32, 1, 28, 28] to 16 channels, 0.49 ms -> 0.32 ms for [32, 16, 14, 14] to 32.
 *
 * @param builder has all nodes, backward ones too; they are replaced in place
 * @param type of a value of the model
 */
export function splitPhases(builder: GraphBuilder, type: (value: string) => ValueType): void {
  const replacements = new Map<Node, readonly Node[]>();
  for (const found of pooledConvolutions(builder, type)) {
    const { conv, pool, pooling, slices } = found;
    const maps = offsets(pooling.kernel).map(
      (offset) => slices.get(offset.join())?.outputs[0] ?? builder.unique(`${conv.name}/phase`),
    );
    replacements.set(conv, phasesOf(builder, found, maps));
    const { name, outputs } = pool;
    replacements.set(pool, [{ op: "Max", name, inputs: maps, outputs, attributes: {} }]);
    for (const slice of slices.values()) {
      replacements.set(slice, []);
    }
  }
  const nodes = builder.nodes.splice(0);
  for (const node of nodes) {
    builder.nodes.push(...(replacements.get(node) ?? [node]));
  }
}

function pooledConvolutions(
  builder: GraphBuilder,
  type: (value: string) => ValueType,
): readonly PooledConvolution[] {
  const makers = new Map(builder.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const readers = new Map<string, Node[]>();
  for (const node of builder.nodes) {
    for (const input of node.inputs) {
      readers.set(input, [...(readers.get(input) ?? []), node]);
    }
  }
  return builder.nodes.flatMap((pool) => {
    const map = pool.inputs[0] ?? "";
    const conv = makers.get(map);
    if (pool.op !== "MaxPool" || pool.outputs.length > 1 || conv?.op !== "Conv") {
      return [];
    }
    const context = { builder, type, outputGradients: [], wanted: [], constant: () => undefined };
    const pooling = poolWindow({ ...context, node: pool });
    const isTiled = pooling.kernel.every(
      (size, axis) =>
        pooling.strides[axis] === size &&
        pooling.dilations[axis] === 1 &&
        pooling.before[axis] === 0 &&
        (pooling.reach[axis] ?? 0) <= 0,
    );
    const slices = new Map<string, Node>();
    for (const reader of readers.get(map) ?? []) {
      const offset = sliceOffset(builder, reader, pooling);
      if (offset !== undefined) {
        slices.set(offset, reader);
      } else if (reader !== pool) {
        return [];
      }
    }
    const kernel = type(conv.inputs[1] ?? "").shape.slice(2);
    const window = windowOf({ ...context, node: conv }, kernel);
    return isTiled && slices.size > 0 ? [{ conv, window, pool, pooling, slices }] : [];
  });
}

/** The offset in the pool's windows whose elements a node cuts out of the map, if it does. */
function sliceOffset(
  builder: GraphBuilder,
  node: Node,
  { strides, out }: WindowGeometry,
): string | undefined {
  if (node.op !== "Slice") {
    return undefined;
  }
  const [starts = [], ends = [], axes = [], steps = []] = node.inputs.slice(1).map((name) => {
    const tensor = builder.initializers.get(name);
    return tensor === undefined ? [] : toNumbers(tensor);
  });
  const isPhase =
    starts.length === strides.length &&
    strides.every((stride, axis) => {
      const start = starts[axis] ?? 0;
      return (
        axes[axis] === axis + 2 &&
        steps[axis] === stride &&
        start >= 0 &&
        start < stride &&
        ends[axis] === start + ((out[axis] ?? 1) - 1) * stride + 1
      );
    });
  return isPhase ? starts.join() : undefined;
}

/** One convolution for each offset in the pool's windows. */
function phasesOf(
  builder: GraphBuilder,
  { conv, window, pooling }: PooledConvolution,
  maps: readonly string[],
): readonly Node[] {
  const { kernel, dilations, before, size } = window;
  const strides = window.strides.map((stride, axis) => stride * (pooling.strides[axis] ?? 1));
  const [x = "", ...weights] = conv.inputs;
  return offsets(pooling.kernel).flatMap((offset, phase) => {
    const front = before.map(
      (pad, axis) => pad - (offset[axis] ?? 0) * (window.strides[axis] ?? 1),
    );
    const back = front.map(
      (pad, axis) =>
        ((pooling.out[axis] ?? 1) - 1) * (strides[axis] ?? 1) +
        (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) +
        1 -
        pad -
        (size[axis] ?? 0),
    );
    const name = maps[phase] as string;
    const [image, cut] = cropped(builder, x, size, front, back, strides);
    const { auto_pad: _, ...attributes } = conv.attributes;
    const pads = [...front, ...back].map((pad) => Math.max(0, pad));
    return [
      ...cut,
      {
        op: "Conv",
        name,
        inputs: [image, ...weights],
        outputs: [name],
        attributes: {
          ...attributes,
          strides: { type: "ints", value: strides },
          pads: { type: "ints", value: pads },
        },
      },
    ];
  });
}

/** The image without what lies before the first window, and without what would make another one behind the last. */
function cropped(
  builder: GraphBuilder,
  x: string,
  size: readonly number[],
  front: readonly number[],
  back: readonly number[],
  strides: readonly number[],
): readonly [string, readonly Node[]] {
  const starts = front.map((pad) => Math.max(0, -pad));
  const ends = size.map((length, axis) => {
    const left = -(back[axis] ?? 0);
    return left >= (strides[axis] ?? 1) ? length - left : length;
  });
  if (starts.every((start) => start === 0) && ends.every((end, axis) => end === size[axis])) {
    return [x, []];
  }
  const name = builder.unique(`${x}/cropped`);
  const axes = builder.ints(size.map((_, axis) => axis + 2));
  const inputs = [x, builder.ints(starts), builder.ints(ends), axes];
  return [name, [{ op: "Slice", name, inputs, outputs: [name], attributes: {} }]];
}
