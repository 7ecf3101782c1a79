import { intAttribute, stringAttribute } from "../../graph/graph.ts";
import { type Shape, sizeOf } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import {
  input,
  inputShape,
  onlyGradient,
  output,
  outputShape,
  positiveAxis,
  unsupported,
  whereWanted,
  zeros,
} from "./rule.ts";

/**
 * Rules of operators that pick or place elements by index. g is the gradient of the output. What several indices name
 * is added by ScatterElements and not by ScatterND, whose additions to a repeated index may race in a threaded engine.
 */
export const indexing: Readonly<Record<string, GradientRule>> = {
  /** y = rows of x (along an axis) that the indices name: dx = 0, plus each row of g at the place that it came from. */
  Gather: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const x = inputShape(c, 0);
      const axis = positiveAxis(intAttribute(c.node, "axis", 0), x.length);
      const count = sizeOf(inputShape(c, 1));
      const flat = x.map((size, index) => (index === axis ? count : size));
      const place = count === 1 ? constantPlace(c, x[axis] ?? 1) : undefined;
      if (place !== undefined) {
        // One slice, such as the queries of an attention layer: padding is far faster than scattering.
        const before = x.map((_, index) => (index === axis ? place : 0));
        const after = x.map((size, index) => (index === axis ? size - 1 - place : 0));
        return c.builder.op(
          "Pad",
          [c.builder.reshape(g, flat), c.builder.ints([...before, ...after])],
          {
            mode: "constant",
          },
        );
      }
      const line = x.map((_, index) => (index === axis ? count : 1));
      const indices = c.builder.reshape(input(c, 1), line);
      return addedRows(c, x, axis, indices, c.builder.reshape(g, flat), flat);
    });
  },

  /** y = the element of x along an axis that each index names: dx = g there. */
  GatherElements: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () =>
      c.builder.op("ScatterElements", [zeros(c, inputShape(c, 0)), input(c, 1), g], {
        axis: intAttribute(c.node, "axis", 0),
        reduction: "add",
      }),
    );
  },

  /** y = the parts of x at index tuples: dx = g there. The tuples are made into row numbers of x as a matrix. */
  GatherND: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      const { builder } = c;
      const x = inputShape(c, 0);
      const where = inputShape(c, 1);
      const batch = intAttribute(c.node, "batch_dims", 0);
      const depth = where.at(-1) ?? 1;
      const [rows, width] = [sizeOf(x.slice(0, batch + depth)), sizeOf(x.slice(batch + depth))];
      const count = sizeOf(where.slice(0, -1));
      const numbers = rowNumbers(c, x, where, batch);
      const parts = builder.reshape(g, [count, width]);
      const flat = [count, width];
      return builder.reshape(addedRows(c, [rows, width], 0, numbers, parts, flat), x);
    });
  },

  /**
   * y = x with updates along an axis. In place of elements: dx = g, 0 at those places; added: dx = g. The updates get g
   * from their places. Where several updates meet, each gets it, as in PyTorch, which leaves open which of them remains.
   */
  ScatterElements: (c) => {
    const g = onlyGradient(c);
    const axis = intAttribute(c.node, "axis", 0);
    const isAdded = isAddition(c);
    return whereWanted(
      c,
      () =>
        isAdded
          ? g
          : c.builder.op("ScatterElements", [g, input(c, 1), zeros(c, inputShape(c, 2))], { axis }),
      () => noIndexGradient(c),
      () => c.builder.op("GatherElements", [g, input(c, 1)], { axis }),
    );
  },

  /** The same with parts of x at index tuples. */
  ScatterND: (c) => {
    const g = onlyGradient(c);
    const isAdded = isAddition(c);
    return whereWanted(
      c,
      () => (isAdded ? g : c.builder.op("ScatterND", [g, input(c, 1), zeros(c, inputShape(c, 2))])),
      () => noIndexGradient(c),
      () => c.builder.op("GatherND", [g, input(c, 1)]),
    );
  },

  /** The outputs are the k largest (or smallest) of x along an axis, and where they stand: dx = g there. */
  TopK: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () =>
      c.builder.op("ScatterElements", [zeros(c, inputShape(c, 0)), output(c, 1), g], {
        axis: positiveAxis(intAttribute(c.node, "axis", -1), outputShape(c).length),
        reduction: "add",
      }),
    );
  },
};

/** The single constant index of a Gather into `size` places; undefined when it is computed. */
function constantPlace(context: RuleContext, size: number): number | undefined {
  const value = context.constant(input(context, 1))?.data[0];
  return value === undefined ? undefined : (Number(value) + size) % size;
}

/** Zeros of shape `x`, plus the rows of `parts` (of shape `flat`) at the numbers along an axis; `numbers` broadcasts to `flat`. */
function addedRows(
  context: RuleContext,
  x: Shape,
  axis: number,
  numbers: string,
  parts: string,
  flat: Shape,
): string {
  const { builder } = context;
  const indices = builder.op("Expand", [numbers, builder.ints(flat)]);
  return builder.op("ScatterElements", [zeros(context, x), indices, parts], {
    axis,
    reduction: "add",
  });
}

/** The row number [count, 1] of each index tuple (`where`: its shape) in x seen as a matrix; the first `batch` axes run along. */
function rowNumbers(context: RuleContext, x: Shape, where: Shape, batch: number): string {
  const { builder } = context;
  const depth = where.at(-1) ?? 1;
  const count = sizeOf(where.slice(0, -1));
  const sizes = x.slice(batch, batch + depth);
  const strides = sizes.map((_, axis) => sizeOf(sizes.slice(axis + 1)));
  const given = builder.reshape(input(context, 1), [count, depth]);
  const isNegative = builder.op("Cast", [builder.op("Less", [given, builder.ints([0])])], {
    to: 7,
  });
  const positive = builder.add2(given, builder.mul(isNegative, builder.ints(sizes)));
  const within = builder.reduceSum(builder.mul(positive, builder.ints(strides)), [1], true);
  if (batch === 0) {
    return within;
  }
  const batches = sizeOf(x.slice(0, batch));
  const starts = Array.from({ length: batches }, (_, index) => index * sizeOf(sizes));
  const perBatch = builder.reshape(within, [batches, count / batches]);
  const whole = builder.add2(perBatch, builder.reshape(builder.ints(starts), [batches, 1]));
  return builder.reshape(whole, [count, 1]);
}

function isAddition(context: RuleContext): boolean {
  const reduction = stringAttribute(context.node, "reduction", "none");
  if (reduction !== "none" && reduction !== "add") {
    throw unsupported(context, `its reduction is "${reduction}"`);
  }
  return reduction === "add";
}

function noIndexGradient(context: RuleContext): never {
  throw unsupported(context, "indices have no gradient");
}
