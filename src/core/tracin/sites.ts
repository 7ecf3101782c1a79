import { TracInError } from "../errors.ts";
import {
  floatAttribute,
  type Graph,
  intAttribute,
  intsAttribute,
  type Node,
  stringAttribute,
  type ValueType,
} from "../graph/graph.ts";
import type { BatchAxis } from "./batch-axis.ts";
import { layerOf } from "./layers.ts";

/** One place in the model where a parameter tensor (or a view of one, `weight`) meets the data. */
interface SiteBase {
  readonly node: Node;
  /** The parameter-only value at the site: the parameter itself, or what Transpose, Split, ... make of it. */
  readonly weight: string;
}

/** y = x W over positions: MatMul or Gemm with a matrix. */
export interface DenseSite extends SiteBase {
  readonly kind: "dense";
  readonly x: string;
  readonly y: string;
  /** Features of `x` lie on this axis; the other axes are batch and positions. */
  readonly xAxis: number;
  readonly yAxis: number;
  /** Whether the weight is stored [in, out] or [out, in]. */
  readonly order: "in-out" | "out-in";
  /** Factor of x W in y (Gemm's alpha). */
  readonly scale: number;
}

/** y = x * W: convolution of any rank, over patches. */
export interface ConvolutionSite extends SiteBase {
  readonly kind: "convolution";
  readonly x: string;
  readonly y: string;
}

/** y = W[ids]: rows of an embedding table. */
export interface EmbeddingSite extends SiteBase {
  readonly kind: "embedding";
  readonly ids: string;
  readonly y: string;
  /** Row that gets no gradient here, whatever its delta (PyTorch's `padding_idx`). */
  readonly paddingRow?: number;
}

/** y = ... + b along one axis (bias of Conv or Gemm): the gradient is the delta summed over positions. */
export interface BiasSite extends SiteBase {
  readonly kind: "bias";
  readonly y: string;
  /** Axis of `y` that the bias runs along. */
  readonly yAxis: number;
  readonly scale: number;
}

/**
 * Any operator that broadcasts the weight against the data (Add, Mul, a batched product, ...): the weight is
 * expanded to one copy per example, `expanded`, whose gradient is the per-example gradient.
 */
export interface BroadcastSite extends SiteBase {
  readonly kind: "broadcast";
  readonly slot: number;
  /** Name of the expanded weight and its shape, with the batch on `batchAxis`. */
  readonly expanded: string;
  readonly shape: readonly number[];
  readonly batchAxis: number;
}

export type Site = DenseSite | ConvolutionSite | EmbeddingSite | BiasSite | BroadcastSite;

/** The value whose gradient a site needs. */
export function tapOf(site: Site): string {
  return site.kind === "broadcast" ? site.expanded : site.y;
}

/** Operators that broadcast their operands, so that a weight may have a copy per example. */
const broadcasting = new Set([
  "Add",
  "Sub",
  "Mul",
  "Div",
  "Pow",
  "Min",
  "Max",
  "PRelu",
  "Where",
  "Expand",
  "MatMul",
]);

/** What a use of a weight needs to know of its graph. */
export interface SiteContext {
  readonly graph: Graph;
  /** Values that depend on a counted parameter and on no model input. */
  readonly carriers: ReadonlySet<string>;
  /** Rows of embedding tables that get no gradient where they are looked up. */
  readonly paddingRows: ReadonlyMap<string, number>;
  type(value: string): ValueType;
  /** Where the examples lie in a value. */
  batchAxis(value: string): BatchAxis;
  /** A name that no value of the graph has. */
  unique(stem: string): string;
}

/**
 * All sites of the carriers, in graph order.
 *
 * @throws kind `model` naming node and parameter where a weight is used in a way without a per-example gradient
 */
export function findSites(context: SiteContext): readonly Site[] {
  return context.graph.nodes.flatMap((node) =>
    node.outputs.some((output) => context.carriers.has(output))
      ? []
      : node.inputs.flatMap((input, slot) =>
          context.carriers.has(input) ? [siteAt(context, node, slot)] : [],
        ),
  );
}

function siteAt(context: SiteContext, node: Node, slot: number): Site {
  const weight = node.inputs[slot] as string;
  const y = node.outputs[0] as string;
  const rank = context.type(weight).shape.length;
  const other = node.inputs[1 - slot] ?? "";
  if (node.op === "MatMul" && rank === 2) {
    const xRank = context.type(other).shape.length;
    const yRank = context.type(y).shape.length;
    return slot === 1
      ? {
          kind: "dense",
          node,
          weight,
          x: other,
          y,
          xAxis: xRank - 1,
          yAxis: yRank - 1,
          order: "in-out",
          scale: 1,
        }
      : {
          kind: "dense",
          node,
          weight,
          x: other,
          y,
          xAxis: xRank - 2,
          yAxis: yRank - 2,
          order: "out-in",
          scale: 1,
        };
  }
  if (node.op === "Gemm" && slot === 1 && intAttribute(node, "transA", 0) === 0) {
    return {
      kind: "dense",
      node,
      weight,
      x: other === "" ? (node.inputs[0] as string) : other,
      y,
      xAxis: 1,
      yAxis: 1,
      order: intAttribute(node, "transB", 0) === 1 ? "out-in" : "in-out",
      scale: floatAttribute(node, "alpha", 1),
    };
  }
  if (node.op === "Gemm" && slot === 2 && isAlong(context, weight, y, 1)) {
    return { kind: "bias", node, weight, y, yAxis: 1, scale: floatAttribute(node, "beta", 1) };
  }
  if (node.op === "Conv" && slot === 1) {
    return { kind: "convolution", node, weight, x: node.inputs[0] as string, y };
  }
  if (node.op === "Conv" && slot === 2) {
    return { kind: "bias", node, weight, y, yAxis: 1, scale: 1 };
  }
  if (node.op === "Gather" && slot === 0 && intAttribute(node, "axis", 0) === 0) {
    const ids = node.inputs[1] as string;
    const paddingRow = context.paddingRows.get(weight);
    return {
      kind: "embedding",
      node,
      weight,
      ids,
      y,
      ...(paddingRow === undefined ? {} : { paddingRow }),
    };
  }
  if (broadcasting.has(node.op)) {
    const site = broadcastSite(context, node, slot);
    if (site !== undefined) {
      return site;
    }
  }
  throw new TracInError(
    "model",
    `The parameter value "${weight}" is used by the operator ${node.op} (input ${slot}) in a way for which there is no gradient per example.`,
    { node: node.name, layer: layerOf(weight), tensor: weight },
    'Leave its layer out with "layers" in tracin.json.',
  );
}

function isAlong(context: SiteContext, weight: string, y: string, axis: number): boolean {
  const shape = context.type(weight).shape;
  const size = context.type(y).shape[axis];
  return shape.at(-1) === size && shape.slice(0, -1).every((dimension) => dimension === 1);
}

function broadcastSite(context: SiteContext, node: Node, slot: number): BroadcastSite | undefined {
  const weight = node.inputs[slot] as string;
  const y = node.outputs[0] as string;
  const yShape = context.type(y).shape;
  const shape = context.type(weight).shape;
  const { axis } = context.batchAxis(y);
  const aligned = [...Array.from({ length: yShape.length - shape.length }, () => 1), ...shape];
  const isMatrixAxis = node.op === "MatMul" && axis >= yShape.length - 2;
  if (aligned.length !== yShape.length || aligned[axis] !== 1 || isMatrixAxis) {
    return undefined;
  }
  aligned[axis] = yShape[axis] as number;
  const expanded = context.unique(`${weight}.perExample`);
  return { kind: "broadcast", node, weight, slot, expanded, shape: aligned, batchAxis: axis };
}

/** Geometry of a convolution, from its attributes and shapes. */
export interface ConvolutionGeometry {
  readonly groups: number;
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before and after each spatial axis. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** Resolves strides, dilations and (automatic) padding of a Conv node. */
export function convolutionGeometry(
  node: Node,
  xShape: readonly number[],
  weightShape: readonly number[],
  yShape: readonly number[],
): ConvolutionGeometry {
  const kernel = weightShape.slice(2);
  const rank = kernel.length;
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, "strides") ?? ones;
  const dilations = intsAttribute(node, "dilations") ?? ones;
  const groups = intAttribute(node, "group", 1);
  const automatic = stringAttribute(node, "auto_pad", "NOTSET");
  if (automatic === "NOTSET" || automatic === "VALID") {
    const pads = automatic === "VALID" ? undefined : intsAttribute(node, "pads");
    return {
      groups,
      kernel,
      strides,
      dilations,
      before: pads?.slice(0, rank) ?? kernel.map(() => 0),
      after: pads?.slice(rank) ?? kernel.map(() => 0),
    };
  }
  const totals = kernel.map((size, axis) => {
    const reach = ((yShape[axis + 2] as number) - 1) * (strides[axis] as number);
    const window = (size - 1) * (dilations[axis] as number) + 1;
    return Math.max(0, reach + window - (xShape[axis + 2] as number));
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total) => Math.ceil(total / 2));
  const upper = automatic === "SAME_UPPER";
  return {
    groups,
    kernel,
    strides,
    dilations,
    before: upper ? small : large,
    after: upper ? large : small,
  };
}
