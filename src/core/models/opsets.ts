import { TracInError } from "../errors.ts";
import type { Attributes, Graph, Node } from "../graph/graph.ts";
import {
  floatAttribute,
  intAttribute,
  intsAttribute,
  opset,
  stringAttribute,
} from "../graph/graph.ts";
import { float32, int64, toNumbers } from "../graph/tensor.ts";
import { composites, wrapPad } from "./composites.ts";
import { type Conversion, type Convert, int, ints, replaceNodes, without } from "./conversion.ts";

/**
 * The operator sets that `toOurOpset` understands. From 22 on little but element types has changed (compared by the schemas of the `onnx`
 * package 1.23): an argument of Cast, Range and SpaceToDepth each, and new operators.
 */
const oldestOpset = 9;
export const newestOpset = 28;

/**
 * The graph with its operators as operator set 18 writes them: arguments that used to be attributes become
 * inputs (`axes` of ReduceSum, `split` of Split, `min` and `max` of Clip, ...), Softmax before 13 is flattened
 * explicitly, operators newer than 18 are written with older ones. Operators whose meaning has not changed since
 * operator set 9 stay as they are, known to us or not.
 *
 * Throws kind `model`, naming the node: operator sets outside 9 to 28, normalisation or dropout in training mode,
 * forms that operator set 18 cannot say.
 */
export function toOurOpset(graph: Graph, file: string): Graph {
  if (graph.opset < oldestOpset || graph.opset > newestOpset) {
    throw new TracInError(
      "model",
      `The model is written in ONNX operator set ${graph.opset}; ${oldestOpset} to ${newestOpset} are supported.`,
      { file },
      `Export it with opset_version=${opset}.`,
    );
  }
  const converted = replaceNodes(graph, (replacing) =>
    conversions[replacing.node.op]?.({
      ...replacing,
      fail(message, remedy) {
        const { name, op } = replacing.node;
        throw new TracInError("model", message, { file, node: `${name} (${op})` }, remedy);
      },
    }),
  );
  return { ...converted, opset };
}

const evalMode = "Call model.eval() and export again.";

const reduction: Convert = (conversion) => axesToInput(conversion, 18);

const conversions: Readonly<Record<string, Convert | undefined>> = {
  ...composites,
  ReduceSum: (conversion) => axesToInput(conversion, 13),
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceProd: reduction,
  ReduceL1: reduction,
  ReduceL2: reduction,
  ReduceLogSum: reduction,
  ReduceLogSumExp: reduction,
  ReduceSumSquare: reduction,
  Squeeze: (conversion) => axesToInput(conversion, 13),
  Unsqueeze: (conversion) => axesToInput(conversion, 13),
  Softmax: flattenedBefore13,
  LogSoftmax: flattenedBefore13,
  Hardmax: flattenedBefore13,

  Split({ node, from, add }) {
    const split = intsAttribute(node, "split");
    const attributes = without(node.attributes, "split");
    if (from < 13 && split) {
      const lengths = add("split", int64([split.length], split));
      return [{ ...node, attributes, inputs: [...node.inputs, lengths] }];
    }
    if (from < 18 && !node.inputs[1]) {
      const parts = { num_outputs: { type: "int", value: node.outputs.length } } as const;
      return [{ ...node, attributes: { ...attributes, ...parts } }];
    }
    return [node];
  },

  Clip({ node, from, add }) {
    if (from >= 11) {
      return [node];
    }
    const bound = (name: string): string =>
      node.attributes[name] ? add(name, float32([], [floatAttribute(node, name, 0)])) : "";
    const inputs = [...node.inputs, bound("min"), bound("max")];
    return [{ ...node, inputs, attributes: without(node.attributes, "min", "max") }];
  },

  Slice({ node, from, add, fail }) {
    if (from >= 10) {
      return [node];
    }
    const starts = intsAttribute(node, "starts");
    const ends = intsAttribute(node, "ends");
    if (!starts || !ends) {
      return fail("The slice has no starts and ends.");
    }
    const axes = intsAttribute(node, "axes") ?? starts.map((_, axis) => axis);
    const inputs = Object.entries({ starts, ends, axes }).map(([name, values]) =>
      add(name, int64([values.length], values)),
    );
    const attributes = without(node.attributes, "starts", "ends", "axes");
    return [{ ...node, inputs: [...node.inputs, ...inputs], attributes }];
  },

  Pad(conversion) {
    const { node, from, add, fail } = conversion;
    if (from >= 11) {
      const mode = stringAttribute(node, "mode", "constant");
      return mode === "wrap" ? wrapPad(conversion) : [node];
    }
    const pads = intsAttribute(node, "pads") ?? fail("The padding has no pads.");
    const value = floatAttribute(node, "value", 0);
    const inputs = [
      ...node.inputs,
      add("pads", int64([pads.length], pads)),
      ...(value === 0 ? [] : [add("value", float32([], [value]))]),
    ];
    return [{ ...node, inputs, attributes: without(node.attributes, "pads", "value") }];
  },

  Dropout({ node, from, constant, fail }) {
    if (from < 12) {
      // The ratio means nothing outside training.
      return [{ ...node, attributes: without(node.attributes, "ratio") }];
    }
    const training = node.inputs[2] ?? "";
    if (training !== "" && constant(training)?.data[0] !== 0) {
      return fail("Dropout is exported in training mode.", evalMode);
    }
    return [node];
  },

  BatchNormalization({ node, from, fail }) {
    if (
      node.outputs.slice(1).some((output) => output !== "") ||
      intAttribute(node, "training_mode", 0) !== 0
    ) {
      return fail("Batch normalisation is exported in training mode.", evalMode);
    }
    return from < 14 ? [{ ...node, outputs: node.outputs.slice(0, 1) }] : [node];
  },

  /** onnxruntime has no dilation with sizes that stay: where strides are 1 the padding follows from the kernel alone. */
  Conv({ node, constant }) {
    const isUpper = stringAttribute(node, "auto_pad", "NOTSET") === "SAME_UPPER";
    const isLower = stringAttribute(node, "auto_pad", "NOTSET") === "SAME_LOWER";
    const kernel =
      intsAttribute(node, "kernel_shape") ?? constant(node.inputs[1] ?? "")?.shape.slice(2);
    const strides = intsAttribute(node, "strides") ?? [];
    if (!(isUpper || isLower) || !kernel || strides.some((stride) => stride !== 1)) {
      return [node];
    }
    const dilations = intsAttribute(node, "dilations") ?? [];
    const missing = kernel.map((size, axis) => (dilations[axis] ?? 1) * (size - 1));
    const half = missing.map((count) => Math.floor(count / 2));
    const rest = missing.map((count, axis) => count - (half[axis] ?? 0));
    const pads = ints(isUpper ? [...half, ...rest] : [...rest, ...half]);
    return [{ ...node, attributes: { ...without(node.attributes, "auto_pad"), pads } }];
  },

  AveragePool({ node, from, fail }) {
    if (from < 19) {
      return [node];
    }
    if (intsAttribute(node, "dilations")?.some((dilation) => dilation !== 1)) {
      return fail("Average pooling with dilation is not supported.");
    }
    return [{ ...node, attributes: without(node.attributes, "dilations") }];
  },

  // `saturate` (19) and `round_mode` (24) concern 8-bit floats alone, which are refused as tensors.
  Cast: ({ node }) => [leaveOut(node, "saturate", "round_mode")],
  CastLike: ({ node }) => [leaveOut(node, "saturate", "round_mode")],
  /** `stash_type` (27) concerns 16-bit floats alone. */
  Range: ({ node }) => [leaveOut(node, "stash_type")],

  SpaceToDepth({ node, fail }) {
    if (stringAttribute(node, "mode", "DCR") !== "DCR") {
      return fail('SpaceToDepth with the mode "CRD" (operator set 28) is not supported.', reexport);
    }
    return [leaveOut(node, "mode")];
  },

  /** An Upsample of 9 is a Resize of 10, which has no choice of coordinates. */
  Upsample: ({ node }) => [resizeOf10(node)],

  Resize({ node, from, constant, fail }) {
    if (from < 11) {
      return [resizeOf10(node)];
    }
    const coordinates = stringAttribute(node, "coordinate_transformation_mode", "half_pixel");
    if (coordinates === "half_pixel_symmetric") {
      // It differs from half_pixel where a scale does not give a whole size.
      const scales = constant(node.inputs[2] ?? "");
      const isWhole = scales !== undefined && toNumbers(scales).every(Number.isInteger);
      if (node.inputs[2] && !isWhole) {
        fail(
          `Resize with "${coordinates}" and scales that are not whole cannot be converted.`,
          reexport,
        );
      }
      const mode = { type: "string", value: "half_pixel" } as const;
      return [
        { ...node, attributes: { ...node.attributes, coordinate_transformation_mode: mode } },
      ];
    }
    return coordinates === "tf_half_pixel_for_nn"
      ? fail(`Resize with "${coordinates}" (operator set 11) cannot be converted.`, reexport)
      : [node];
  },

  /** Its modes are called linear and cubic from 20 on. */
  GridSample({ node, from }) {
    const mode = stringAttribute(node, "mode", "linear");
    const older = mode === "linear" || mode === "cubic" ? `bi${mode}` : mode;
    return from < 20
      ? [node]
      : [{ ...node, attributes: { ...node.attributes, mode: { type: "string", value: older } } }];
  },

  /** Its axis is an input from 20 on. */
  DFT({ node, from, constant, fail }) {
    const axis = constant(node.inputs[2] ?? "");
    if (node.inputs[2] && axis === undefined) {
      return fail("The axis of a Fourier transform must be a constant.");
    }
    const along = axis === undefined ? -2 : Number(axis.data[0]);
    const attributes = { ...node.attributes, axis: int(along) };
    return from < 20 ? [node] : [{ ...node, inputs: node.inputs.slice(0, 2), attributes }];
  },

  /** The older name. */
  Scatter: ({ node }) => [{ ...node, op: "ScatterElements" }],

  TopK: (conversion) => onlySince(10, conversion),
  /** From 21 on scale and bias have an entry for each channel instead of each group; see `groupNormalization`. */
  GroupNormalization: ({ node, from }) => [
    from >= 21 ? { ...node, attributes: { ...node.attributes, per_channel: int(1) } } : node,
  ],
};

const reexport = `Export the model with torch.onnx.export(..., dynamo=False, opset_version=${opset}).`;

function leaveOut(node: Node, ...names: readonly string[]): Node {
  return { ...node, attributes: without(node.attributes, ...names) };
}

function axesToInput({ node, from, add }: Conversion, since: number): readonly Node[] {
  const axes = intsAttribute(node, "axes");
  if (from >= since || !axes) {
    return [node];
  }
  const inputs = [...node.inputs, add("axes", int64([axes.length], axes))];
  return [{ ...node, inputs, attributes: without(node.attributes, "axes") }];
}

/** Before 13, the axes from `axis` on are one: `[a_0 * ... * a_(axis-1), a_axis * ... * a_(n-1)]`. */
function flattenedBefore13({ node, from, value }: Conversion): readonly Node[] {
  if (from >= 13) {
    return [node];
  }
  const axis = intAttribute(node, "axis", 1);
  if (axis === -1) {
    return [node];
  }
  const [input = ""] = node.inputs;
  const [flat, result, shape] = [value("flat"), value("result"), value("shape")];
  const attributes: Attributes = { axis: { type: "int", value: axis } };
  return [
    { op: "Flatten", name: flat, inputs: [input], outputs: [flat], attributes },
    {
      ...node,
      inputs: [flat],
      outputs: [result],
      attributes: { axis: { type: "int", value: 1 } },
    },
    { op: "Shape", name: shape, inputs: [input], outputs: [shape], attributes: {} },
    {
      op: "Reshape",
      name: value("unflat"),
      inputs: [result, shape],
      outputs: node.outputs,
      attributes: {},
    },
  ];
}

function resizeOf10(node: Node): Node {
  const [x = "", scales = ""] = node.inputs;
  const attributes: Attributes = {
    mode: node.attributes["mode"] ?? { type: "string", value: "nearest" },
    coordinate_transformation_mode: { type: "string", value: "asymmetric" },
    nearest_mode: { type: "string", value: "floor" },
  };
  return { ...node, op: "Resize", inputs: [x, "", scales], attributes };
}

function onlySince(since: number, { node, from, fail }: Conversion): readonly Node[] {
  return from >= since
    ? [node]
    : fail(`${node.op} of operator set ${from} cannot be converted.`, reexport);
}
