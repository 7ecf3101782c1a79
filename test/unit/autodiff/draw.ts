import fc from "fast-check";
import { type Shape, sizeOf, type Tensor } from "../../../src/core/graph/tensor.ts";
import { type Draw, float64 } from "./harness.ts";

/** A random integer, both ends included. */
export function integer(draw: Draw, min: number, max: number): number {
  return draw(fc.integer, { min, max });
}

export function oneOf<T>(draw: Draw, values: readonly T[]): T {
  return values[integer(draw, 0, values.length - 1)] as T;
}

export function chance(draw: Draw): boolean {
  return draw(fc.boolean);
}

/** A shape of a rank between the given ones, with sizes 1 to `largest`. */
export function shape(draw: Draw, minRank = 1, maxRank = 4, largest = 4): Shape {
  const rank = integer(draw, minRank, maxRank);
  return Array.from({ length: rank }, () => integer(draw, 1, largest));
}

/**
 * Values between -2 and 2, all different and none 0, at least 2 / size apart: a step of finite differences crosses
 * no kink and changes no maximum.
 */
export function tensor(draw: Draw, of: Shape): Tensor<"float64"> {
  const size = sizeOf(of);
  const order = Array.from({ length: size }, (_, index) => index);
  const random = fastRandom(integer(draw, 1, 2 ** 31 - 2));
  for (let index = size - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [order[index], order[other]] = [order[other] as number, order[index] as number];
  }
  return float64(
    of,
    order.map((place) => ((place + 0.15 + 0.2 * (place % 3)) * 4) / size - 2),
  );
}

/** The same, all above 0.3. */
export function positive(draw: Draw, of: Shape): Tensor<"float64"> {
  const any = tensor(draw, of);
  return float64(
    of,
    any.data.map((x) => (x + 2.3) / 1.5),
  );
}

/** Values away from 0 on both sides. */
export function awayFromZero(draw: Draw, of: Shape): Tensor<"float64"> {
  const any = tensor(draw, of);
  return float64(
    of,
    any.data.map((x) => x + Math.sign(x) * 0.4),
  );
}

/** The same with a few zeros among them. */
export function withZeros(draw: Draw, of: Shape): Tensor<"float64"> {
  const any = tensor(draw, of);
  return float64(
    of,
    any.data.map((x) => (integer(draw, 0, 5) === 0 ? 0 : x)),
  );
}

/** Values between -1 and 1. */
export function small(draw: Draw, of: Shape): Tensor<"float64"> {
  const any = tensor(draw, of);
  return float64(
    of,
    any.data.map((x) => x / 2.2),
  );
}

/** A shape that broadcasts to `to`: some leading axes gone, some sizes 1. */
export function smaller(draw: Draw, to: Shape): Shape {
  const from = integer(draw, 0, to.length);
  return to.slice(from).map((size) => (chance(draw) ? size : 1));
}

/** A random order of 0 ... count - 1. */
export function permutation(draw: Draw, count: number): number[] {
  const rest = Array.from({ length: count }, (_, index) => index);
  return Array.from({ length: count }, () => {
    const [taken] = rest.splice(integer(draw, 0, rest.length - 1), 1);
    return taken as number;
  });
}

/** Some of 0 ... count - 1, at least one, in order. */
export function subset(draw: Draw, count: number): number[] {
  const chosen = Array.from({ length: count }, (_, axis) => axis).filter(() => chance(draw));
  return chosen.length > 0 ? chosen : [integer(draw, 0, count - 1)];
}

/** Lehmer's generator: random enough to shuffle. */
function fastRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
