import { TracInError } from "../errors.ts";
import {
  floatAttribute,
  type Graph,
  intAttribute,
  type Node,
  type ValueType,
} from "../graph/graph.ts";
import { isFloat } from "../graph/tensor.ts";
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

/**
 * y = x * W: convolution of any rank, over patches of x; or its transpose, where x and y change places: G is then the sum
 * over the positions of x of patches of the delta.
 */
export interface ConvolutionSite extends SiteBase {
  readonly kind: "convolution";
  readonly x: string;
  readonly y: string;
  readonly transposed: boolean;
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
 * y = x + w, x - w, w - x, w x or w alone, with w broadcast: the gradient is the delta (times x) summed over the positions
 * that share an element.
 */
export interface ElementwiseSite extends SiteBase {
  readonly kind: "elementwise";
  readonly y: string;
  readonly sign: 1 | -1;
  /** The x of a product. */
  readonly factor: string | undefined;
}

/**
 * Any other operator that broadcasts the weight against the data (Div, Where, a batched product, ...): the weight is
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

export type Site =
  | DenseSite
  | ConvolutionSite
  | EmbeddingSite
  | BiasSite
  | ElementwiseSite
  | BroadcastSite;

/** The value whose gradient a site needs. */
export function tapOf(site: Site): string {
  return site.kind === "broadcast" ? site.expanded : site.y;
}

/** Operators that broadcast their operands, so that a weight may have a copy per example. */
const broadcasting = new Set([
  "Div",
  "Pow",
  "Min",
  "Max",
  "Mean",
  "Mod",
  "PRelu",
  "Where",
  "MatMul",
]);
/** Those among them whose gradient needs no copy. */
const elementwise = new Set(["Add", "Sum", "Sub", "Mul", "Expand"]);

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
  const hasGradient = (value: string) => value !== "" && isFloat(context.type(value).dtype);
  return context.graph.nodes.flatMap((node) =>
    // What compares or counts has no gradient.
    node.outputs.some((output) => context.carriers.has(output)) || !node.outputs.some(hasGradient)
      ? []
      : node.inputs.flatMap((input, slot) =>
          context.carriers.has(input) && hasGradient(input) ? [siteAt(context, node, slot)] : [],
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
    return { kind: "convolution", node, weight, x: node.inputs[0] as string, y, transposed: false };
  }
  if (node.op === "ConvTranspose" && slot === 1) {
    return { kind: "convolution", node, weight, x: node.inputs[0] as string, y, transposed: true };
  }
  if ((node.op === "Conv" || node.op === "ConvTranspose") && slot === 2) {
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
  const shape = broadcastShape(context, node, slot);
  if (shape !== undefined && elementwise.has(node.op)) {
    return {
      kind: "elementwise",
      node,
      weight,
      y,
      sign: node.op === "Sub" && slot === 1 ? -1 : 1,
      factor: node.op === "Mul" ? other : undefined,
    };
  }
  if (shape !== undefined && broadcasting.has(node.op)) {
    const { axis } = context.batchAxis(y);
    const expanded = context.unique(`${weight}.perExample`);
    return { kind: "broadcast", node, weight, slot, expanded, shape, batchAxis: axis };
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

/** The shape of a weight with one copy for each example, if it is broadcast along the axis of the examples. */
function broadcastShape(
  context: SiteContext,
  node: Node,
  slot: number,
): readonly number[] | undefined {
  if (!broadcasting.has(node.op) && !elementwise.has(node.op)) {
    return undefined;
  }
  const y = node.outputs[0] as string;
  const yShape = context.type(y).shape;
  const aligned = alignedShape(context.type(node.inputs[slot] as string).shape, yShape.length);
  const { axis } = context.batchAxis(y);
  const isMatrixAxis = node.op === "MatMul" && axis >= yShape.length - 2;
  if (aligned.length !== yShape.length || aligned[axis] !== 1 || isMatrixAxis) {
    return undefined;
  }
  return aligned.with(axis, yShape[axis] as number);
}

/** A shape as broadcasting reads it: with ones in front, up to `rank`. */
export function alignedShape(shape: readonly number[], rank: number): readonly number[] {
  return [...Array.from({ length: Math.max(0, rank - shape.length) }, () => 1), ...shape];
}
