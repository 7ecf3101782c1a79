import { type AxisMap, resizeMaps } from "../../graph/resize.ts";
import { type Shape, sizeOf, toNumbers } from "../../graph/tensor.ts";
import type { GradientRule, RuleContext } from "../gradient.ts";
import { floats, inputShape, onlyGradient, outputShape, unsupported, whereWanted } from "./rule.ts";

/** The rule of resizing, which is linear in x: y = M x along each axis, one after the other. */
export const resize: Readonly<Record<string, GradientRule>> = {
  /** dx = M^T g along each axis; a plain repetition is summed. */
  Resize: (c) => {
    const g = onlyGradient(c);
    return whereWanted(c, () => {
      let part = { value: g, shape: outputShape(c) };
      mapsOf(c).forEach((map, axis) => {
        if (map !== undefined) {
          part = transposedMap(c, part.value, part.shape, axis, map);
        }
      });
      return part.value;
    });
  },
};

function mapsOf(c: RuleContext): readonly (AxisMap | undefined)[] {
  const scales = numbersOf(c, 2);
  if (scales === undefined && c.node.inputs[2]) {
    throw unsupported(c, "its scales are not constant");
  }
  const targets = { scales, sizes: numbersOf(c, 3) };
  const maps = resizeMaps(c.node, inputShape(c, 0), outputShape(c), targets);
  if (typeof maps === "string") {
    throw unsupported(c, maps);
  }
  return maps;
}

function numbersOf(c: RuleContext, index: number): readonly number[] | undefined {
  const tensor = c.constant(c.node.inputs[index] ?? "");
  return tensor && toNumbers(tensor);
}

/** A value times the transposed map along an axis. */
function transposedMap(
  c: RuleContext,
  value: string,
  shape: Shape,
  axis: number,
  { from, to, weights }: AxisMap,
): { value: string; shape: Shape } {
  const { builder } = c;
  const [before, after] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const result = shape.with(axis, from);
  const times = to / from;
  if (Number.isInteger(times) && isRepetition(weights, from, times)) {
    const apart = builder.reshape(value, [before, from, times, after]);
    return { value: builder.reshape(builder.reduceSum(apart, [2]), result), shape: result };
  }
  if (after === 1) {
    const product = builder.matmul(
      builder.reshape(value, [before, to]),
      floats(c, [to, from], weights),
    );
    return { value: builder.reshape(product, result), shape: result };
  }
  const turned = Float64Array.from(
    { length: from * to },
    (_, at) => weights[(at % to) * from + Math.floor(at / to)] as number,
  );
  const product = builder.matmul(
    floats(c, [from, to], turned),
    builder.reshape(value, [before, to, after]),
  );
  return { value: builder.reshape(product, result), shape: result };
}

/** Whether each element is repeated so many times in a row. */
function isRepetition(weights: Float64Array, from: number, times: number): boolean {
  return weights.every(
    (weight, at) => weight === (Math.floor(Math.floor(at / from) / times) === at % from ? 1 : 0),
  );
}
