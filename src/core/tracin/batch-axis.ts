import { TracInError } from "../errors.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph } from "../graph/graph.ts";
import { type Shape, sizeOf } from "../graph/tensor.ts";
import type { ProbedModel } from "../models/probe.ts";

/** Where the examples of a batch lie in a value. */
export interface BatchAxis {
  readonly axis: number;
  /** Entries of the axis per example: more than 1 where positions and batch are one axis. */
  readonly positions: number;
  /**
   * Entries of an example that lie side by side. [batch * positions] has all of them (`inner` = `positions`);
   * [positions * batch], as nn.MultiheadAttention makes it, has 1.
   */
  readonly inner: number;
}

const reshaping = new Set(["Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

/**
 * Finds the batch axis of any value of the model: the axis that grows with the batch. How the examples lie on a
 * shared axis follows from the Reshape that made it.
 *
 * @throws kind `model`, from the function returned, when no axis of a value grows with the batch, or several
 */
export function batchAxes(graph: Graph, probed: ProbedModel): (value: string) => BatchAxis {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const found = new Map<string, BatchAxis>();
  const axisOf = (value: string): BatchAxis => {
    const known = found.get(value);
    if (known !== undefined) {
      return known;
    }
    const axes = growing(probed, value);
    const axis = axes[0];
    if (axis === undefined || axes.length > 1) {
      throw new TracInError(
        "model",
        `The value "${value}" mixes examples: ${axes.length === 0 ? "no axis of it grows" : "several of its axes grow"} with the batch.`,
        { tensor: value },
        "TracIn needs a model whose examples are independent; export it with a dynamic batch axis.",
      );
    }
    const [two, three] = [2, 3].map((batch) => probed.typeAt(value, batch).shape[axis] as number);
    const positions = (three as number) - (two as number);
    const inner = positions === 1 ? 1 : innerOf(value, axis, positions);
    const result = { axis, positions, inner };
    found.set(value, result);
    return result;
  };
  const innerOf = (value: string, axis: number, positions: number): number => {
    const node = makers.get(value);
    const sources = (node?.inputs ?? []).filter(
      (name) => name !== "" && growing(probed, name).length === 1,
    );
    const [first] = sources;
    if (node === undefined || first === undefined) {
      return positions;
    }
    if (!reshaping.has(node.op)) {
      const same = sources.find((name) => axisOf(name).positions === positions);
      return same === undefined ? positions : axisOf(same).inner;
    }
    // Examples lie this many elements apart in memory, before and after.
    const source = axisOf(first);
    const apart = source.inner * sizeOf(probed.typeAt(first, 2).shape.slice(source.axis + 1));
    const inner = apart / sizeOf(probed.typeAt(value, 2).shape.slice(axis + 1));
    return Number.isInteger(inner) && positions % inner === 0 ? inner : positions;
  };
  return axisOf;
}

function growing(probed: ProbedModel, value: string): readonly number[] {
  const two = probed.typeAt(value, 2).shape;
  const three = probed.typeAt(value, 3).shape;
  return two.flatMap((size, axis) => (size === three[axis] ? [] : [axis]));
}

/** The value with the entries of each example side by side on the batch axis, in the same shape. */
export function exampleMajor(
  builder: GraphBuilder,
  value: string,
  shape: Shape,
  { axis, positions, inner }: BatchAxis,
): string {
  if (inner === positions) {
    return value;
  }
  const outer = positions / inner;
  const batch = (shape[axis] as number) / positions;
  const split = [...shape.slice(0, axis), outer, batch, inner, ...shape.slice(axis + 1)];
  const order = split.map((_, index) =>
    index === axis ? axis + 1 : index === axis + 1 ? axis : index,
  );
  return builder.reshape(builder.transpose(builder.reshape(value, split), order), shape);
}
